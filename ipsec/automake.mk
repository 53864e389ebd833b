# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors

# Open vSwitch has this program among its scripts, where ovs-ctl looks for it.
ovsscriptsdir = $(datadir)/openvswitch/scripts
ovsscripts_PROGRAMS = ipsec/ovs-monitor-ipsec
ipsec_ovs_monitor_ipsec_SOURCES = ipsec/ovs-monitor-ipsec.c
ipsec_ovs_monitor_ipsec_LDADD = \
	ipsec/libipsec.a lib/libcommon.a $(OVS_LIBS) $(OPENSSL_LIBS) \
	$(LIBCAPNG_LIBS)

# All but main(), so that tests can link with it.
noinst_LIBRARIES += ipsec/libipsec.a
ipsec_libipsec_a_SOURCES = \
	ipsec/bypass.c \
	ipsec/bypass.h \
	ipsec/control.c \
	ipsec/control.h \
	ipsec/credentials-loader.c \
	ipsec/credentials-loader.h \
	ipsec/credentials-read.c \
	ipsec/credentials-read.h \
	ipsec/credentials.c \
	ipsec/credentials.h \
	ipsec/drain.c \
	ipsec/drain.h \
	ipsec/escape.c \
	ipsec/escape.h \
	ipsec/file-watch.c \
	ipsec/file-watch.h \
	ipsec/fold.c \
	ipsec/fold.h \
	ipsec/guard-options.c \
	ipsec/guard-options.h \
	ipsec/guard-plan.c \
	ipsec/guard-plan.h \
	ipsec/guard-queue.c \
	ipsec/guard-queue.h \
	ipsec/guard-rule.c \
	ipsec/guard-rule.h \
	ipsec/guard-store.c \
	ipsec/guard-store.h \
	ipsec/guard.c \
	ipsec/guard.h \
	ipsec/ike-provider.h \
	ipsec/ike-strongswan.c \
	ipsec/ike-strongswan.h \
	ipsec/ike.c \
	ipsec/ike.h \
	ipsec/json-ascii.c \
	ipsec/json-ascii.h \
	ipsec/leaks.c \
	ipsec/leaks.h \
	ipsec/monitor.c \
	ipsec/monitor.h \
	ipsec/peer.c \
	ipsec/peer.h \
	ipsec/privileges.c \
	ipsec/privileges.h \
	ipsec/pem-file.c \
	ipsec/pem-file.h \
	ipsec/interface-options.c \
	ipsec/interface-options.h \
	ipsec/proposal.c \
	ipsec/proposal.h \
	ipsec/protection.c \
	ipsec/protection.h \
	ipsec/remote-cert.c \
	ipsec/remote-cert.h \
	ipsec/section.c \
	ipsec/section.h \
	ipsec/status-json.c \
	ipsec/status-json.h \
	ipsec/status-text.c \
	ipsec/status-text.h \
	ipsec/status.c \
	ipsec/status.h \
	ipsec/strongswan-conf.c \
	ipsec/strongswan-conf.h \
	ipsec/strongswan-conn.c \
	ipsec/strongswan-conn.h \
	ipsec/strongswan-creds.c \
	ipsec/strongswan-duplicates.c \
	ipsec/strongswan-duplicates.h \
	ipsec/strongswan-files.c \
	ipsec/strongswan-files.h \
	ipsec/strongswan-judge.c \
	ipsec/strongswan-judge.h \
	ipsec/strongswan-look.c \
	ipsec/strongswan-quiet.c \
	ipsec/strongswan-sa.c \
	ipsec/strongswan-sa.h \
	ipsec/strongswan-session.c \
	ipsec/strongswan-session.h \
	ipsec/strongswan-step.c \
	ipsec/strongswan-sweep.c \
	ipsec/strongswan-sweep.h \
	ipsec/strongswan-sync.c \
	ipsec/strongswan-watch.c \
	ipsec/strongswan-watch.h \
	ipsec/strongswan-words.c \
	ipsec/strongswan-words.h \
	ipsec/swanctl-conf.c \
	ipsec/swanctl-conf.h \
	ipsec/swanctl-text.c \
	ipsec/swanctl-text.h \
	ipsec/tunnel-options.c \
	ipsec/tunnel-options.h \
	ipsec/token-key.c \
	ipsec/token-key.h \
	ipsec/transition.c \
	ipsec/transition.h \
	ipsec/tunnel-state.c \
	ipsec/tunnel-state.h \
	ipsec/tunnel.c \
	ipsec/tunnel.h \
	ipsec/unprotected.c \
	ipsec/unprotected.h \
	ipsec/vici-codec.c \
	ipsec/vici-codec.h \
	ipsec/vici-conn.c \
	ipsec/vici-conn.h \
	ipsec/vici.c \
	ipsec/vici.h \
	ipsec/wishes.c \
	ipsec/wishes.h \
	ipsec/xfrm-format.c \
	ipsec/xfrm-format.h \
	ipsec/xfrm-stat.c \
	ipsec/xfrm-stat.h \
	ipsec/xfrm-table.c \
	ipsec/xfrm-table.h \
	ipsec/xfrm.c \
	ipsec/xfrm.h
nodist_ipsec_libipsec_a_SOURCES = \
	ipsec/ipsec-vswitch-idl.c \
	ipsec/ipsec-vswitch-idl.h
BUILT_SOURCES += ipsec/ipsec-vswitch-idl.h
CLEANFILES += \
	ipsec/ipsec-vswitch-idl.c \
	ipsec/ipsec-vswitch-idl.h \
	ipsec/ipsec-vswitch.ovsidl
EXTRA_DIST += ipsec/ipsec-vswitch.ovsschema ipsec/ipsec-vswitch-idl.ann

ipsec/ipsec-vswitch.ovsidl: ipsec/ipsec-vswitch.ovsschema \
		ipsec/ipsec-vswitch-idl.ann
	$(ANNOTATE_IDL) $(srcdir)/ipsec/ipsec-vswitch.ovsschema \
		$(srcdir)/ipsec/ipsec-vswitch-idl.ann >$@.tmp && mv $@.tmp $@

man_MANS += ipsec/ovs-monitor-ipsec.8
EXTRA_DIST += ipsec/ovs-monitor-ipsec.8.in
CLEANFILES += ipsec/ovs-monitor-ipsec.8
