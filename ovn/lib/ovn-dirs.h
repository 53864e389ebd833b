/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef OVN_DIRS_H
#define OVN_DIRS_H 1

/* Where OVN's daemons keep their state, which is not where Open vSwitch's do
 * (see libopenvswitch's "dirs.h" for those).  The environment overrides what
 * was configured at build time.  The strings are static. */

const char *ovn_rundir(void);       /* $OVN_RUNDIR: sockets, pid files. */
const char *ovn_logdir(void);       /* $OVN_LOGDIR */
const char *ovn_sysconfdir(void);   /* $OVN_SYSCONFDIR */

#endif /* ovn-dirs.h */
