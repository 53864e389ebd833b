/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef HOST_NAMES_H
#define HOST_NAMES_H 1

/* Host names in OVSDB connection methods, asked for ahead of time.
 *
 * libopenvswitch asks for a host name when it is to connect, and does not wait
 * for the answer: that attempt fails, and the next one, up to 8 s later, has
 * the address if the answer is still good by then.  With a name that a
 * failover changes, and whose answers are therefore good for seconds only,
 * that can fail again and again.  'ovn-db', the only user, keeps an answer at
 * hand while it is not connected. */

#include <stdbool.h>

bool host_names_resolve(const char *remotes);

#endif /* host-names.h */
