# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors

bin_PROGRAMS += ovn/northd/ovn-northd
ovn_northd_ovn_northd_SOURCES = \
	ovn/northd/global.c \
	ovn/northd/global.h \
	ovn/northd/ovn-northd.c \
	ovn/northd/rbac.c \
	ovn/northd/rbac.h
ovn_northd_ovn_northd_LDADD = ovn/lib/libovn.a lib/libcommon.a \
	$(OVS_LIBS) $(OPENSSL_LIBS)

man_MANS += ovn/northd/ovn-northd.8
EXTRA_DIST += ovn/northd/ovn-northd.8.in
CLEANFILES += ovn/northd/ovn-northd.8
