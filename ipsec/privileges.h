/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef PRIVILEGES_H
#define PRIVILEGES_H 1

/* Gives up what ovs-monitor-ipsec does not need.  The main program calls it
 * once, when its control socket is there and before it starts threads or reads
 * anything that others have written. */

void privileges_drop(void);

#endif /* privileges.h */
