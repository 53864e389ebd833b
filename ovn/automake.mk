# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors

# Subsets of OVN's schemas, just what our daemons need.  Databases usually
# have OVN's own; these make databases where OVN is not installed.
pkgdata_DATA += ovn/ovn-nb.ovsschema ovn/ovn-sb.ovsschema
EXTRA_DIST += ovn/ovn-nb.ovsschema ovn/ovn-sb.ovsschema

include ovn/lib/automake.mk
include ovn/northd/automake.mk
include ovn/controller/automake.mk
