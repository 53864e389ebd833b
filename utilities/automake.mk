# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors

bin_SCRIPTS += utilities/ovs-pki
EXTRA_DIST += utilities/ovs-pki.in
CLEANFILES += utilities/ovs-pki
