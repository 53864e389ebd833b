/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef UNIT_WIRE_H
#define UNIT_WIRE_H 1

/* A wire for unit tests that need real packets and a real XFRM:
 *
 *     here                                     there
 *     (the namespace of the process)           (a new one)
 *     unit0  10.9.0.1/16 ------- 10.9.0.2/16  unit0
 *            fd09::1/64          fd09::2/64
 *
 * The process must be alone in its user and network namespace, as
 * `unshare -Urn` makes it. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wire_end { HERE, THERE };

void wire_create(void);
void wire_run(const char *command, ...) OVS_PRINTF_FORMAT(1, 2);
bool wire_try(enum wire_end, const char *command, ...)
    OVS_PRINTF_FORMAT(2, 3);
struct in6_addr wire_addr(enum wire_end, int family);
int wire_socket(enum wire_end, int family, int proto, uint16_t port);
void wire_send(int fd, const struct in6_addr *to, uint16_t port, size_t n);
size_t wire_count(int fd);
void wire_await(int fd);
size_t wire_count_policies(void);

#endif /* unit-wire.h */
