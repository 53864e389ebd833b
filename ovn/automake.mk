# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors

# Subsets of OVN's schemas, just what our daemons need.  Databases usually
# have OVN's own; these make databases where OVN is not installed.
pkgdata_DATA += ovn/ovn-nb.ovsschema ovn/ovn-sb.ovsschema
EXTRA_DIST += ovn/ovn-nb.ovsschema ovn/ovn-sb.ovsschema

# What they mean, as man pages.  Open vSwitch's generator says "in" where
# troff's inches are "i", and has names of its own in the title.
EXTRA_DIST += ovn/ovn-nb.xml ovn/ovn-sb.xml
if HAVE_OVSDB_DOC
man_MANS += ovn/ovn-ipsec-nb.5 ovn/ovn-ipsec-sb.5
endif
CLEANFILES += ovn/ovn-ipsec-nb.5 ovn/ovn-ipsec-sb.5
WRITE_SCHEMA_PAGE = $(AM_V_GEN)$(MKDIR_P) $(@D) && \
	$(OVSDB_DOC) --version=$(VERSION) $^ >$@.tmp.in && \
	sed -e '/^\. *[A-Z]/s/\([0-9]\)in$$/\1i/' \
	    -e '/^\.TH/s/"Open vSwitch.*/"$(VERSION)" "OVN IPsec"/' \
	    $@.tmp.in >$@.tmp && rm $@.tmp.in && mv $@.tmp $@
ovn/ovn-ipsec-nb.5: ovn/ovn-nb.ovsschema ovn/ovn-nb.xml
	$(WRITE_SCHEMA_PAGE)
ovn/ovn-ipsec-sb.5: ovn/ovn-sb.ovsschema ovn/ovn-sb.xml
	$(WRITE_SCHEMA_PAGE)

include ovn/lib/automake.mk
include ovn/northd/automake.mk
include ovn/controller/automake.mk
