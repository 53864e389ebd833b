dnl SPDX-License-Identifier: Apache-2.0
dnl Copyright (C) The OVN IPsec Authors
dnl
dnl What configure.ac looks for, apart from Open vSwitch's library, which is
dnl in openvswitch.m4.

dnl OVN_IPSEC_MISSING(WHAT, DEBIAN-PACKAGE, FEDORA-PACKAGE)
dnl
dnl Ends configure with the one line that a user needs to go on.
AC_DEFUN([OVN_IPSEC_MISSING],
  [AC_MSG_ERROR([$1 is missing: install $2 (Debian, Ubuntu) or $3 (Fedora, RHEL)])])

dnl OVN_IPSEC_DIRS
dnl
dnl The folders where Open vSwitch and OVN keep their state.  Ours are the
dnl same, because the programs replace theirs in place.
AC_DEFUN([OVN_IPSEC_DIRS], [
  # Without this, libdir and so on stay relative to an unset prefix.
  test "x$prefix" = xNONE && prefix=$ac_default_prefix
  test "x$exec_prefix" = xNONE && exec_prefix='${prefix}'
  AC_ARG_WITH([pkidir],
    [AS_HELP_STRING([--with-pkidir=DIR],
                    [PKI of ovs-pki @<:@LOCALSTATEDIR/lib/openvswitch/pki@:>@])],
    [PKIDIR=$withval], [PKIDIR='${localstatedir}/lib/openvswitch/pki'])
  AC_ARG_WITH([rundir],
    [AS_HELP_STRING([--with-rundir=DIR],
                    [sockets and pid files @<:@LOCALSTATEDIR/run/openvswitch@:>@])],
    [RUNDIR=$withval], [RUNDIR='${localstatedir}/run/openvswitch'])
  AC_ARG_WITH([logdir],
    [AS_HELP_STRING([--with-logdir=DIR],
                    [log files @<:@LOCALSTATEDIR/log/openvswitch@:>@])],
    [LOGDIR=$withval], [LOGDIR='${localstatedir}/log/openvswitch'])
  OVN_RUNDIR='${localstatedir}/run/ovn'
  OVN_LOGDIR='${localstatedir}/log/ovn'
  OVN_SYSCONFDIR='${sysconfdir}/ovn'
  AC_SUBST([PKIDIR])
  AC_SUBST([RUNDIR])
  AC_SUBST([LOGDIR])
  AC_SUBST([OVN_RUNDIR])
  AC_SUBST([OVN_LOGDIR])
  AC_SUBST([OVN_SYSCONFDIR])
])

dnl OVN_IPSEC_PYTHON3
dnl
dnl Open vSwitch's ovsdb-idlc, which writes the IDL's C code, is in Python.
AC_DEFUN([OVN_IPSEC_PYTHON3], [
  AC_PATH_PROG([PYTHON3], [python3])
  AS_IF([test -z "$PYTHON3"], [OVN_IPSEC_MISSING([python3], [python3], [python3])])
])

AC_DEFUN([OVN_IPSEC_TRY_CFLAG__], [
  AC_MSG_CHECKING([whether $CC takes $1])
  ovn_ipsec_saved=$CFLAGS
  CFLAGS="$CFLAGS -Werror $1"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
    [AC_MSG_RESULT([yes])
     $2="[$]$2 $1"],
    [AC_MSG_RESULT([no])])
  CFLAGS=$ovn_ipsec_saved
])

dnl OVN_IPSEC_CFLAGS
dnl
dnl WARNING_CFLAGS and HARDEN_CFLAGS, HARDEN_LDFLAGS.  The sanitizers take
dnl the place of _FORTIFY_SOURCE, whose wrappers hide accesses from them.
AC_DEFUN([OVN_IPSEC_CFLAGS], [
  AC_ARG_ENABLE([Werror],
    [AS_HELP_STRING([--enable-Werror], [treat warnings as errors])])
  AC_ARG_ENABLE([asan],
    [AS_HELP_STRING([--enable-asan],
       [build with address and undefined-behaviour sanitizers])])
  AC_ARG_ENABLE([hardening],
    [AS_HELP_STRING([--disable-hardening],
       [do without PIE, RELRO, stack protector and _FORTIFY_SOURCE])])

  m4_foreach_w([flag],
    [-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
     -Wold-style-definition -Wpointer-arith -Wformat=2 -Wno-format-nonliteral
     -Wno-sign-compare -Wno-missing-field-initializers -Wvla
     -fno-strict-aliasing],
    [OVN_IPSEC_TRY_CFLAG__(flag, [WARNING_CFLAGS])])
  AS_IF([test "x$enable_Werror" = xyes],
        [WARNING_CFLAGS="$WARNING_CFLAGS -Werror"])

  AC_SUBST([enable_asan])
  AS_IF([test "x$enable_asan" = xyes],
    [HARDEN_CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
     HARDEN_LDFLAGS="-fsanitize=address,undefined"
     AC_MSG_CHECKING([whether $CC links with the sanitizers])
     ovn_ipsec_saved=$CFLAGS
     CFLAGS="$CFLAGS $HARDEN_CFLAGS"
     AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AC_MSG_RESULT([yes])],
       [AC_MSG_RESULT([no])
        OVN_IPSEC_MISSING([the sanitizers' runtime library of $CC],
          [libclang-rt-14-dev (clang) or libasan8 and libubsan1 (gcc)],
          [compiler-rt (clang) or libasan and libubsan (gcc)])])
     CFLAGS=$ovn_ipsec_saved],
   [test "x$enable_hardening" != xno],
    [OVN_IPSEC_TRY_CFLAG__([-fPIE], [HARDEN_CFLAGS])
     OVN_IPSEC_TRY_CFLAG__([-fstack-protector-strong], [HARDEN_CFLAGS])
     OVN_IPSEC_TRY_CFLAG__([-fstack-clash-protection], [HARDEN_CFLAGS])
     HARDEN_CFLAGS="$HARDEN_CFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"
     HARDEN_LDFLAGS="-pie -Wl,-z,relro -Wl,-z,now"])
  AC_SUBST([WARNING_CFLAGS])
  AC_SUBST([HARDEN_CFLAGS])
  AC_SUBST([HARDEN_LDFLAGS])
])

dnl OVN_IPSEC_LIBCAPNG
dnl
dnl By which ovs-monitor-ipsec gives up capabilities.
AC_DEFUN([OVN_IPSEC_LIBCAPNG], [
  AC_CHECK_HEADERS([cap-ng.h], [],
    [OVN_IPSEC_MISSING([libcap-ng's header cap-ng.h],
                       [libcap-ng-dev], [libcap-ng-devel])])
  AC_CHECK_LIB([cap-ng], [capng_apply], [LIBCAPNG_LIBS=-lcap-ng],
    [OVN_IPSEC_MISSING([libcap-ng], [libcap-ng-dev], [libcap-ng-devel])])
  AC_SUBST([LIBCAPNG_LIBS])
])

dnl OVN_IPSEC_OPENSSL
AC_DEFUN([OVN_IPSEC_OPENSSL], [
  AC_CHECK_HEADERS([openssl/x509v3.h], [],
    [OVN_IPSEC_MISSING([OpenSSL's header openssl/x509v3.h],
                       [libssl-dev], [openssl-devel])])
  AC_CHECK_LIB([crypto], [X509_check_private_key], [OPENSSL_LIBS=-lcrypto],
    [OVN_IPSEC_MISSING([OpenSSL's libcrypto], [libssl-dev], [openssl-devel])])
  AC_SUBST([OPENSSL_LIBS])
  AC_PATH_PROG([OPENSSL], [openssl])
  openssl_version=`$OPENSSL version 2>/dev/null | sed 's/^OpenSSL \(@<:@^ @:>@*\).*/\1/'`
])

dnl OVN_IPSEC_TEST_PROGRAMS
dnl
dnl What only the tests need.  Nothing here is an error: a test without its
dnl program says so and is skipped.
AC_DEFUN([OVN_IPSEC_TEST_PROGRAMS], [
  ovn_ipsec_path="$PATH:/usr/sbin:/sbin:/usr/lib/ipsec:/usr/libexec/ipsec:/usr/libexec/strongswan"
  AC_PATH_PROG([CHARON], [charon-systemd], [], [$ovn_ipsec_path])
  AC_PATH_PROG([SWANCTL], [swanctl], [], [$ovn_ipsec_path])
  AC_PATH_PROG([UML], [linux.uml], [], [$ovn_ipsec_path])
  AC_PATH_PROG([OVN_NBCTL], [ovn-nbctl], [], [$ovn_ipsec_path])
  AC_PATH_PROG([OVS_VSWITCHD], [ovs-vswitchd], [], [$ovn_ipsec_path])
  strongswan_version=`$SWANCTL --help 2>&1 | sed -n 's/^strongSwan \(.*\) swanctl$/\1/p'`
  uml_version=`$UML --version 2>/dev/null | head -n 1`
])

AC_DEFUN([OVN_IPSEC_SUMMARY], [
  cat <<_SUMMARY

ovn-ipsec $PACKAGE_VERSION
  Open vSwitch      $OVS_VERSION, $OVS_FROM
  OpenSSL           ${openssl_version:-library only; no openssl program}
  libunbound        $OVS_UNBOUND
  compiler          $CC, sanitizers: ${enable_asan:-no}
For the tests:
  strongSwan        ${strongswan_version:-missing: install strongswan-swanctl and charon-systemd (Debian) or strongswan (Fedora)}
  user-mode Linux   ${uml_version:-missing: install user-mode-linux (Debian); Fedora has no package}
  OVN               ${OVN_NBCTL:-missing: install ovn-central and ovn-host (Debian) or ovn-central and ovn-host (Fedora)}
  Open vSwitch      ${OVS_VSWITCHD:-missing: install openvswitch-switch (Debian) or openvswitch (Fedora)}

_SUMMARY
])
