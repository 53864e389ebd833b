/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef DAEMON_START_H
#define DAEMON_START_H 1

/* daemonize_start() as all of our daemons call it.  None needs a datapath or
 * hardware; newer versions of Open vSwitch ask for the latter apart. */

#include "daemon.h"

static inline void
daemon_start(void)
{
#ifdef HAVE_DAEMONIZE_START_HARDWARE
    daemonize_start(false, false);
#else
    daemonize_start(false);
#endif
}

#endif /* daemon-start.h */
