# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors

EXTRA_DIST += \
	Documentation/howto/certificates.rst \
	Documentation/howto/encrypt-tunnels.rst \
	Documentation/internals/security.rst
