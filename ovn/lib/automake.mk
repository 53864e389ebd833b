# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors

# What both daemons share.
noinst_LIBRARIES += ovn/lib/libovn.a
ovn_lib_libovn_a_SOURCES = \
	ovn/lib/host-names.c \
	ovn/lib/host-names.h \
	ovn/lib/ovn-daemon.c \
	ovn/lib/ovn-daemon.h \
	ovn/lib/ovn-db.c \
	ovn/lib/ovn-db.h \
	ovn/lib/ovn-dirs.c \
	ovn/lib/ovn-dirs.h \
	ovn/lib/ssl-files.c \
	ovn/lib/ssl-files.h \
	ovn/lib/troubles.c \
	ovn/lib/troubles.h
ovn_lib_libovn_a_CPPFLAGS = $(AM_CPPFLAGS) \
	-DOVN_RUNDIR='"$(OVN_RUNDIR)"' \
	-DOVN_LOGDIR='"$(OVN_LOGDIR)"' \
	-DSYSCONFDIR='"$(sysconfdir)"'
nodist_ovn_lib_libovn_a_SOURCES = \
	ovn/lib/ovn-nb-idl.c \
	ovn/lib/ovn-nb-idl.h \
	ovn/lib/ovn-sb-idl.c \
	ovn/lib/ovn-sb-idl.h

OVN_IDL_BUILT = \
	ovn/lib/ovn-nb-idl.c \
	ovn/lib/ovn-nb-idl.h \
	ovn/lib/ovn-nb.ovsidl \
	ovn/lib/ovn-sb-idl.c \
	ovn/lib/ovn-sb-idl.h \
	ovn/lib/ovn-sb.ovsidl
BUILT_SOURCES += ovn/lib/ovn-nb-idl.h ovn/lib/ovn-sb-idl.h
CLEANFILES += $(OVN_IDL_BUILT)
EXTRA_DIST += \
	ovn/lib/ovn-nb-idl.ann \
	ovn/lib/ovn-sb-idl.ann

ovn/lib/ovn-nb.ovsidl: ovn/ovn-nb.ovsschema ovn/lib/ovn-nb-idl.ann
	$(ANNOTATE_IDL) $(srcdir)/ovn/ovn-nb.ovsschema \
		$(srcdir)/ovn/lib/ovn-nb-idl.ann >$@.tmp && mv $@.tmp $@
ovn/lib/ovn-sb.ovsidl: ovn/ovn-sb.ovsschema ovn/lib/ovn-sb-idl.ann
	$(ANNOTATE_IDL) $(srcdir)/ovn/ovn-sb.ovsschema \
		$(srcdir)/ovn/lib/ovn-sb-idl.ann >$@.tmp && mv $@.tmp $@
