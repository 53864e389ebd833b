/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef ROUTE_SOURCE_H
#define ROUTE_SOURCE_H 1

/* Which of this host's addresses and interfaces the kernel uses towards
 * another host, and when that may have changed.  'monitor' asks for tunnels
 * without a local_ip.  The main loop calls run and wait. */

#include <netinet/in.h>
#include <stdint.h>

int route_source_lookup(const struct in6_addr *remote,
                        struct in6_addr *local);
int route_source_lookup_interface(const struct in6_addr *remote,
                                  unsigned int *ifindex);

void route_source_run(void);
void route_source_wait(void);
uint64_t route_source_seqno(void);

#endif /* route-source.h */
