# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors

bin_PROGRAMS += ovn/controller/ovn-controller
ovn_controller_ovn_controller_SOURCES = ovn/controller/ovn-controller.c
ovn_controller_ovn_controller_LDADD = \
	ovn/controller/libcontroller.a \
	ovn/lib/libovn.a lib/libcommon.a $(OVS_LIBS) $(OPENSSL_LIBS)

# All but main(), so that tests can link with it.
noinst_LIBRARIES += ovn/controller/libcontroller.a
ovn_controller_libcontroller_a_SOURCES = \
	ovn/controller/br-int.c \
	ovn/controller/br-int.h \
	ovn/controller/chassis.c \
	ovn/controller/chassis.h \
	ovn/controller/encaps.c \
	ovn/controller/encaps.h \
	ovn/controller/local-config.c \
	ovn/controller/local-config.h \
	ovn/controller/tunnel-id.c \
	ovn/controller/tunnel-id.h \
	ovn/controller/tunnel-ports.c \
	ovn/controller/tunnel-ports.h
nodist_ovn_controller_libcontroller_a_SOURCES = \
	ovn/controller/ovn-vswitch-idl.c \
	ovn/controller/ovn-vswitch-idl.h
BUILT_SOURCES += ovn/controller/ovn-vswitch-idl.h
CLEANFILES += \
	ovn/controller/ovn-vswitch-idl.c \
	ovn/controller/ovn-vswitch-idl.h \
	ovn/controller/ovn-vswitch.ovsidl
EXTRA_DIST += \
	ovn/controller/ovn-vswitch.ovsschema \
	ovn/controller/ovn-vswitch-idl.ann

ovn/controller/ovn-vswitch.ovsidl: ovn/controller/ovn-vswitch.ovsschema \
		ovn/controller/ovn-vswitch-idl.ann
	$(ANNOTATE_IDL) $(srcdir)/ovn/controller/ovn-vswitch.ovsschema \
		$(srcdir)/ovn/controller/ovn-vswitch-idl.ann >$@.tmp && \
		mv $@.tmp $@

man_MANS += ovn/controller/ovn-controller.8
EXTRA_DIST += ovn/controller/ovn-controller.8.in
CLEANFILES += ovn/controller/ovn-controller.8
