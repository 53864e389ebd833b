/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef UNPROTECTED_H
#define UNPROTECTED_H 1

/* Whether there is something about a tunnel that IPsec cannot help, however
 * well everything else is: decided from values alone.  'monitor' collects
 * them, and shows and logs the answer. */

#include <stdbool.h>

struct unprotected_facts {
    bool wants;                 /* It asks for encryption. */
    bool others_want;           /* A tunnel on this host does. */
    bool declared;              /* It is declared to be in clear. */
    bool flow;                  /* It has remote_ip=flow. */
    bool userspace;             /* Its bridge has the userspace datapath. */
    bool offload;               /* Open vSwitch offloads flows to NICs. */
};

const char *unprotected_reason(const struct unprotected_facts *);

#endif /* unprotected.h */
