# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors

noinst_LIBRARIES += lib/libcommon.a
lib_libcommon_a_SOURCES = \
	lib/chassis-name.c \
	lib/chassis-name.h \
	lib/quote.c \
	lib/quote.h \
	lib/x509.c \
	lib/x509.h \
	lib/daemon-start.h \
	lib/new-file.c \
	lib/new-file.h \
	lib/secret.c \
	lib/secret.h \
	lib/route-source.c \
	lib/route-source.h
