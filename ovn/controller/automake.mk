# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors

bin_PROGRAMS += ovn/controller/ovn-controller
ovn_controller_ovn_controller_SOURCES = \
	ovn/controller/br-int.c \
	ovn/controller/br-int.h \
	ovn/controller/chassis.c \
	ovn/controller/chassis.h \
	ovn/controller/config.c \
	ovn/controller/config.h \
	ovn/controller/encaps.c \
	ovn/controller/encaps.h \
	ovn/controller/ovn-controller.c \
	ovn/controller/tunnel-id.c \
	ovn/controller/tunnel-id.h
ovn_controller_ovn_controller_LDADD = \
	ovn/lib/libovn.a lib/libcommon.a $(OVS_LIBS)
