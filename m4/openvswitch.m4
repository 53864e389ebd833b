dnl SPDX-License-Identifier: Apache-2.0
dnl Copyright (C) The OVN IPsec Authors
dnl
dnl OVN_IPSEC_OPENVSWITCH
dnl
dnl Finds Open vSwitch's library, its private headers and its IDL compiler:
dnl
dnl   1. --with-ovs-source=DIR: a source tree, built in place or not at all.
dnl      One that is not built is built into our own build folder.
dnl   2. pkg-config's libopenvswitch, where a -devel package has the headers
dnl      of lib/ and ovsdb-idlc too (not every one has).
dnl   3. Debian's package openvswitch-source, which is unpacked and built
dnl      once into the build folder, or into a folder below
dnl      $OVN_IPSEC_OVS_CACHE that several build folders can share.
dnl
dnl Sets OVS_CFLAGS, OVS_LIBS, OVSDB_IDLC and OVSDB_DOC (commands; the latter is
dnl empty with a -devel package, which does not have it), OVS_VERSION,
dnl OVS_UNBOUND ("yes", or why host names cannot be resolved) and OVS_FROM, and
dnl writes ovs-config.h, which is Open vSwitch's config.h without its PACKAGE
dnl names: its headers are only right together with that.
AC_DEFUN([OVN_IPSEC_OPENVSWITCH], [
  AC_ARG_WITH([ovs-source],
    [AS_HELP_STRING([--with-ovs-source=DIR],
       [Open vSwitch source tree to use, built or not])])
  AC_ARG_VAR([OVN_IPSEC_OVS_CACHE],
    [folder that keeps the built library of openvswitch-source])
  AC_PATH_PROG([PKG_CONFIG], [pkg-config])
  OVS_DEBIAN_TARBALL=/usr/src/openvswitch/openvswitch.tar.gz

  ovs_tree=
  ovs_why_not=
  AS_IF([test "x$with_ovs_source" = xno],
      [AC_MSG_ERROR([--with-ovs-source needs a folder])],
    [test -n "$with_ovs_source"],
      [OVN_IPSEC_OVS_SOURCE__([$with_ovs_source])],
    [OVN_IPSEC_OVS_PKGCONFIG__])
  AS_IF([test -n "$OVS_FROM"], [],
    [test -f "$OVS_DEBIAN_TARBALL"], [OVN_IPSEC_OVS_DEBIAN__],
    [OVN_IPSEC_MISSING([Open vSwitch's library ($ovs_why_not)],
       [openvswitch-source],
       [openvswitch-devel, or give --with-ovs-source=DIR])])
  AS_IF([test -n "$ovs_tree"], [OVN_IPSEC_OVS_TREE__])

  AS_CASE([$OVS_VERSION], [0.*|1.*|2.*|3.0|3.0.*],
    [AC_MSG_ERROR([Open vSwitch $OVS_VERSION is too old: 3.1 or newer is needed])])
  ovs_saved_cppflags=$CPPFLAGS
  ovs_saved_libs=$LIBS
  CPPFLAGS="$OVS_CFLAGS $CPPFLAGS"
  LIBS="$OVS_LIBS $LIBS"
  AC_MSG_CHECKING([whether programs link with Open vSwitch's library])
  AC_LINK_IFELSE([AC_LANG_PROGRAM([[
#include "ovs-config.h"
#include "ovsdb-idl.h"
#include "vswitch-idl.h"]], [[return ovsrec_get_db_version() == 0;]])],
    [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([cannot link with $OVS_FROM; config.log has the compiler's words])])
  AC_MSG_CHECKING([whether daemonize_start() has two arguments])
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
#include "ovs-config.h"
#include "daemon.h"]], [[daemonize_start(false, false);]])],
    [AC_MSG_RESULT([yes])
     AC_DEFINE([HAVE_DAEMONIZE_START_HARDWARE], [1],
       [Define if daemonize_start() takes access_hardware_ports too.])],
    [AC_MSG_RESULT([no])])
  CPPFLAGS=$ovs_saved_cppflags
  LIBS=$ovs_saved_libs
  AC_SUBST([OVS_CFLAGS])
  AC_SUBST([OVS_LIBS])
  AC_SUBST([OVSDB_IDLC])
  AC_SUBST([OVSDB_DOC])
  AM_CONDITIONAL([HAVE_OVSDB_DOC], [test -n "$OVSDB_DOC"])
  AC_SUBST([OVS_VERSION])
  AC_SUBST([OVS_UNBOUND])
])

dnl Uses the -devel package, if it is whole.
AC_DEFUN([OVN_IPSEC_OVS_PKGCONFIG__], [
  AC_MSG_CHECKING([for libopenvswitch by pkg-config])
  AS_IF(
    [test -z "$PKG_CONFIG" || ! $PKG_CONFIG --exists libopenvswitch],
      [ovs_why_not="pkg-config knows none"
       AC_MSG_RESULT([no])],
    [ovs_cflags=`$PKG_CONFIG --cflags libopenvswitch`
     ovs_includedir=`$PKG_CONFIG --variable=includedir libopenvswitch`
     for ovs_dir in "$ovs_includedir/openvswitch" "$ovs_includedir"; do
       test -f "$ovs_dir/lib/ovsdb-idl.h" && break
     done
     ovs_idlc=`PATH="$PATH:$ovs_dir/ovsdb:$ovs_includedir/../share/openvswitch/scripts"; command -v ovsdb-idlc`
     for ovs_config in "$ovs_dir/config.h" "$ovs_dir/include/config.h" ""; do
       test -f "$ovs_config" && break
     done
     AS_IF([test ! -f "$ovs_dir/lib/ovsdb-idl.h"],
         [ovs_why_not="the -devel package has no lib/ovsdb-idl.h"],
       [test -z "$ovs_config"],
         [ovs_why_not="the -devel package has no config.h"],
       [test -z "$ovs_idlc"],
         [ovs_why_not="there is no ovsdb-idlc"],
       [OVS_VERSION=`$PKG_CONFIG --modversion libopenvswitch`
        OVS_FROM="pkg-config (in $ovs_includedir)"
        OVS_CFLAGS="$ovs_cflags -I$ovs_dir/include -I$ovs_dir/lib -I$ovs_dir"
        OVS_LIBS=`$PKG_CONFIG --libs --static libopenvswitch`
        OVSDB_IDLC=$ovs_idlc
        OVN_IPSEC_OVS_CONFIG__([$ovs_config])])
     AS_IF([test -n "$OVS_FROM"], [AC_MSG_RESULT([$OVS_VERSION])],
           [AC_MSG_RESULT([no: $ovs_why_not])])])
])

dnl A source tree that the user named.
AC_DEFUN([OVN_IPSEC_OVS_SOURCE__], [
  ovs_source=`cd "$1" 2>/dev/null && pwd`
  AS_IF([test ! -f "$ovs_source/ovsdb/ovsdb-idlc.in"],
    [AC_MSG_ERROR([--with-ovs-source=$1: no Open vSwitch source tree there])])
  OVS_FROM="source in $ovs_source"
  AS_IF([test -f "$ovs_source/config.status"], [ovs_tree=$ovs_source],
    [test ! -f "$ovs_source/configure"],
      [AC_MSG_ERROR([--with-ovs-source=$1: run ./boot.sh there first])],
    [ovs_tree=`pwd`/ovs])
  OVN_IPSEC_OVS_BUILD__([$ovs_source], [$ovs_tree])
])

dnl Debian's source package.
AC_DEFUN([OVN_IPSEC_OVS_DEBIAN__], [
  OVS_FROM="Debian's openvswitch-source"
  ovs_key=`(cksum <"$OVS_DEBIAN_TARBALL"; echo "$prefix $sysconfdir $localstatedir $RUNDIR $LOGDIR") | cksum | sed 's/ .*//'`
  ovs_top=${OVN_IPSEC_OVS_CACHE:-`pwd`/ovs}/$ovs_key
  ovs_tree=$ovs_top/openvswitch
  # Whoever comes second to a shared folder waits for the first.  One that is
  # built need not be writable.
  AS_IF([test ! -f "$ovs_tree/.ovn-ipsec-built"],
    [AS_MKDIR_P(["`dirname "$ovs_top"`"])
     exec 8>"$ovs_top.lock" && flock 8])
  AS_IF([test ! -f "$ovs_tree/configure"],
    [AC_MSG_NOTICE([unpacking $OVS_DEBIAN_TARBALL into $ovs_top])
     ovs_part=$ovs_top.$$
     rm -rf "$ovs_part" && AS_MKDIR_P(["$ovs_part"]) &&
       tar -C "$ovs_part" -xzf "$OVS_DEBIAN_TARBALL" &&
       rm -rf "$ovs_top" && mv "$ovs_part" "$ovs_top" ||
       AC_MSG_ERROR([cannot unpack $OVS_DEBIAN_TARBALL into $ovs_top])])
  OVN_IPSEC_OVS_BUILD__([$ovs_tree], [$ovs_tree])
  exec 8>&-
])

dnl Builds SOURCE into TREE, once.  The makefile's own BUILT_SOURCES must be
dnl there first, because a named target does not bring them.
AC_DEFUN([OVN_IPSEC_OVS_BUILD__], [
  AS_IF([test ! -f "$2/.ovn-ipsec-built"], [
    ovs_log=$2/ovn-ipsec-build.log
    AS_MKDIR_P(["$2"])
    AC_MSG_NOTICE([building Open vSwitch's library in $2 (some minutes, once; log: $ovs_log)])
    (cd "$2" &&
     { test -f config.status ||
       env -u CONFIG_SITE "$1/configure" --prefix="$prefix" \
         --sysconfdir="`eval echo $sysconfdir`" \
         --localstatedir="`eval eval echo $localstatedir`" \
         --disable-shared CC="${OVS_CC:-gcc}" \
         CFLAGS="-g -O2 -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2"; } &&
     printf 'ovn-ipsec: $(BUILT_SOURCES)\n\t$(MAKE) lib/libopenvswitch.la ovsdb/ovsdb-idlc\n' |
       make -j`nproc 2>/dev/null || echo 1` -f Makefile -f - ovn-ipsec &&
     : >.ovn-ipsec-built) 8>&- >"$ovs_log" 2>&1 ||
      { tail -n 15 "$ovs_log" >&2
        AC_MSG_ERROR([cannot build Open vSwitch's library: the last lines of $ovs_log stand above]); }
  ], [AC_MSG_NOTICE([Open vSwitch's library is built already in $2])])
])

dnl What the rest needs to know of a built tree.
AC_DEFUN([OVN_IPSEC_OVS_TREE__], [
  ovs_source=${ovs_source:-$ovs_tree}
  OVS_VERSION=`sed -n 's/^Version: //p' "$ovs_tree/lib/libopenvswitch.pc"`
  OVS_CFLAGS="-I$ovs_source/include -I$ovs_tree/include -I$ovs_source/lib -I$ovs_tree/lib -I$ovs_source -I$ovs_tree"
  OVS_LIBS="$ovs_tree/lib/.libs/libopenvswitch.a"
  for ovs_archive in "$ovs_tree"/lib/.libs/libopenvswitch?*.a; do
    AS_IF([test -f "$ovs_archive"], [OVS_LIBS="$OVS_LIBS $ovs_archive"])
  done
  OVS_LIBS="$OVS_LIBS `sed -n 's/^Libs.private: //p' "$ovs_tree/lib/libopenvswitch.pc"` -lpthread"
  ovs_python="env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$ovs_source/python:$ovs_tree/python $PYTHON3"
  OVSDB_IDLC="$ovs_python $ovs_tree/ovsdb/ovsdb-idlc"
  OVSDB_DOC="$ovs_python $ovs_source/ovsdb/ovsdb-doc"
  OVN_IPSEC_OVS_CONFIG__([$ovs_tree/config.h])
])

AC_DEFUN([OVN_IPSEC_OVS_CONFIG__], [
  { echo '/* Made by configure: Open vSwitch'\''s config.h, PACKAGE names aside. */'
    sed -e '/^#define PACKAGE/d' -e '/^#define VERSION /d' "$1"; } >ovs-config.h.tmp
  cmp -s ovs-config.h.tmp ovs-config.h || cp ovs-config.h.tmp ovs-config.h
  rm -f ovs-config.h.tmp
  OVS_UNBOUND="no: host names in database remotes are refused (libunbound-dev, unbound-devel)"
  grep -q '^#define HAVE_UNBOUND 1' ovs-config.h && OVS_UNBOUND=yes
  grep -q '^#define HAVE_OPENSSL 1' ovs-config.h ||
    OVN_IPSEC_MISSING([OpenSSL in Open vSwitch's library (no ssl: remotes)],
                      [libssl-dev], [openssl-devel])
  AH_TOP([#include "ovs-config.h"])
])
