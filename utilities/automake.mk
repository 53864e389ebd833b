# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors

bin_SCRIPTS += utilities/ovs-pki
man_MANS += utilities/ovs-pki.8
EXTRA_DIST += utilities/ovs-pki.in utilities/ovs-pki.8.in
CLEANFILES += utilities/ovs-pki utilities/ovs-pki.8
