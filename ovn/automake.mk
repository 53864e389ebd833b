# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors

include ovn/lib/automake.mk
include ovn/northd/automake.mk
include ovn/controller/automake.mk
