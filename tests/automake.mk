# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors

AUTOTEST = $(AUTOM4TE) --language=autotest -I '$(srcdir)' -I '$(builddir)/tests'
TESTSUITE = $(srcdir)/tests/testsuite

TESTSUITE_AT = \
	tests/testsuite.at \
	tests/macros.at \
	tests/ipsec-macros.at \
	tests/ovs-monitor-ipsec.at \
	tests/ipsec-churn.at \
	tests/rotation.at \
	tests/ovs-monitor-ipsec-ctl.at \
	tests/ovn-macros.at \
	tests/lib.at \
	tests/ipsec.at \
	tests/guard.at \
	tests/privileges.at \
	tests/protection.at \
	tests/vici.at \
	tests/ovn-schema.at \
	tests/ovn-northd.at \
	tests/ovn-controller.at \
	tests/ovn-ssl.at \
	tests/ovn-cluster.at \
	tests/ovn-dns.at \
	tests/ovn-differential.at \
	tests/ovs-pki.at

EXTRA_DIST += $(TESTSUITE_AT) $(TESTSUITE) tests/atlocal.in \
	tests/bench-ovn \
	tests/bench-ovn-transact.py \
	tests/dns-server.py \
	tests/flood.pl \
	tests/ovn-rows.py \
	tests/ovs-pki-ike.sh

tests/package.m4: $(top_builddir)/config.status
	$(AM_V_GEN)$(MKDIR_P) tests && { \
	echo 'm4_define([AT_PACKAGE_NAME], [$(PACKAGE_NAME)])'; \
	echo 'm4_define([AT_PACKAGE_TARNAME], [$(PACKAGE_TARNAME)])'; \
	echo 'm4_define([AT_PACKAGE_VERSION], [$(PACKAGE_VERSION)])'; \
	echo 'm4_define([AT_PACKAGE_STRING], [$(PACKAGE_STRING)])'; \
	echo 'm4_define([AT_PACKAGE_BUGREPORT], [the maintainers])'; \
	} >$@.tmp && mv $@.tmp $@
CLEANFILES += tests/package.m4

$(TESTSUITE): tests/package.m4 $(TESTSUITE_AT)
	$(AM_V_GEN)$(AUTOTEST) -o $@.tmp $(srcdir)/tests/testsuite.at && \
	mv $@.tmp $@

# The tests: no root, real daemons, the dummy datapath.
check-local: tests/atconfig tests/atlocal $(TESTSUITE) $(check_PROGRAMS)
	@ulimit -c 0; \
	$(SHELL) '$(TESTSUITE)' -C tests AUTOTEST_PATH=tests $(TESTSUITEFLAGS)

# What the differential test compares, and what it does not.
show-differential: all
	$(MAKE) check TESTSUITEFLAGS='-d -k differential'
	@cat tests/testsuite.dir/*/steps
	@echo; echo 'Intended differences:'
	@python3 '$(srcdir)/tests/ovn-rows.py' --differences
.PHONY: show-differential

# Time, CPU and memory of ovn-northd and ovn-controller, beside OVN's own.
bench-ovn: all
	@'$(srcdir)/tests/bench-ovn'
.PHONY: bench-ovn

clean-local:
	rm -rf tests/pki tests/uml-modules tests/layers \
		tests/system-testsuite.dir tests/system-testsuite.log \
		tests/system-report
	test ! -f '$(TESTSUITE)' || $(SHELL) '$(TESTSUITE)' -C tests --clean

# The system tests: all of them inside one user-mode Linux, as root there.
SYSTEM_TESTSUITE = $(srcdir)/tests/system-testsuite
SYSTEM_TESTSUITE_AT = \
	tests/system-testsuite.at \
	tests/system-macros.at \
	tests/system-sandbox.at \
	tests/system-ovn.at \
	tests/system-ipsec.at \
	tests/system-change.at \
	tests/system-mixed.at \
	tests/system-rotation.at \
	tests/system-guard.at \
	tests/system-attacks.at \
	tests/system-transition.at
EXTRA_DIST += $(SYSTEM_TESTSUITE_AT) $(SYSTEM_TESTSUITE) \
	tests/uml/apt.sh \
	tests/uml/bench-datapath \
	tests/uml/bench-first-packet \
	tests/uml/bench-peers \
	tests/uml/build-modules \
	tests/uml/chassis-init \
	tests/uml/demo \
	tests/uml/check-system \
	tests/uml/make-pki \
	tests/uml/run-suite \
	tests/uml/sandbox.sh \
	tests/uml/spoof.pl \
	tests/uml/uml-init \
	tests/uml/unpack-layer \
	tests/uml/uml-run

$(SYSTEM_TESTSUITE): tests/package.m4 $(SYSTEM_TESTSUITE_AT)
	$(AM_V_GEN)$(AUTOTEST) -o $@.tmp $(srcdir)/tests/system-testsuite.at && \
	mv $@.tmp $@

# A CA, and certificates of the chassis that need one: of RSA beside it, the
# same names with other types of keys, signed by nobody, and of the CA that
# comes next; a list of the CA's own that revokes right's.
tests/pki/done: utilities/ovs-pki tests/uml/make-pki
	$(AM_V_GEN)rm -rf tests/pki && $(MKDIR_P) tests/pki && \
	sh '$(srcdir)/tests/uml/make-pki' "$$PWD/utilities/ovs-pki" tests/pki \
	    >tests/pki/output 2>&1 && \
	touch tests/pki/done || { cat tests/pki/output; exit 1; }

# How long one of them may take, if it asks for nothing else.
SYSTEM_TEST_SECONDS = 300

check-system: all $(check_PROGRAMS) tests/pki/done tests/atconfig \
		tests/atlocal $(SYSTEM_TESTSUITE)
	@SYSTEM_TEST_SECONDS=$(SYSTEM_TEST_SECONDS) \
		$(abs_top_srcdir)/tests/uml/check-system \
		'$(abs_top_srcdir)/tests/system-testsuite' $(TESTSUITEFLAGS)
.PHONY: check-system

# One program has all C unit tests; each is a subcommand.
check_PROGRAMS += tests/unit
tests_unit_SOURCES = \
	tests/unit.c \
	tests/unit.h \
	tests/unit-chassis-name.c \
	tests/unit-credentials.c \
	tests/unit-pki.c \
	tests/unit-pki.h \
	tests/unit-x509.c \
	tests/unit-peer.c \
	tests/unit-remote-cert.c \
	tests/unit-quote.c \
	tests/unit-rotation.c \
	tests/unit-strongswan.c \
	tests/unit-strongswan-watch.c \
	tests/unit-strongswan-words.c \
	tests/unit-token-key.c \
	tests/unit-tunnel.c \
	tests/unit-tunnel-id.c \
	tests/unit-tunnel-options.c \
	tests/unit-unprotected.c \
	tests/unit-tunnel-state.c \
	tests/unit-escape.c \
	tests/unit-guard.c \
	tests/unit-guard.h \
	tests/unit-guard-plan.c \
	tests/unit-guard-rules.c \
	tests/unit-guard-store.c \
	tests/unit-wire.c \
	tests/unit-wire.h \
	tests/unit-xfrm.c \
	tests/unit-section.c \
	tests/unit-swanctl-conf.c \
	tests/unit-swanctl-parse.c \
	tests/unit-swanctl-text.c \
	tests/unit-vici.c \
	tests/unit-vici-charon.c \
	tests/unit-vici-codec.c
tests_unit_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/ipsec
tests_unit_LDADD = \
	ipsec/libipsec.a ovn/controller/libcontroller.a lib/libcommon.a \
	$(OVS_LIBS) $(OPENSSL_LIBS)

# How fast it is; see tests/bench.sh.
check_PROGRAMS += tests/bench
tests_bench_SOURCES = tests/bench.c
tests_bench_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/ipsec
tests_bench_LDADD = \
	ipsec/libipsec.a lib/libcommon.a $(OVS_LIBS) $(OPENSSL_LIBS)
EXTRA_DIST += tests/bench.sh
CLEANFILES += bench.tsv

# What a packet pays for the guard and for other peers, and how long many peers
# take to be up.
bench-datapath bench-first-packet bench-peers: all
	PATH="$(abs_top_builddir)/ipsec:$$PATH" \
	    $(abs_top_srcdir)/tests/uml/uml-run -m 6144M -t 1800 -r tests \
	    SANDBOX_LIB=$(abs_top_srcdir)/tests/uml ROUNDS="$$ROUNDS" \
	    PACKETS="$$PACKETS" PEERS="$$PEERS" \
	    $(abs_top_srcdir)/tests/uml/$@
.PHONY: bench-datapath bench-first-packet bench-peers

bench: all tests/bench
	@sh '$(srcdir)/tests/bench.sh'
.PHONY: bench
