/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef UNIT_GUARD_H
#define UNIT_GUARD_H 1

/* What the tests of ipsec/guard share: a guard that runs, and packets that
 * pass by it or do not. */

#include <stddef.h>
#include <stdint.h>

#include "unit-wire.h"

struct guard;

void guard_await_installed(struct guard *);
size_t guard_pass(enum wire_end from, int family, int proto, uint16_t port);

#endif /* unit-guard.h */
