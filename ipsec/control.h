/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef CONTROL_H
#define CONTROL_H 1

/* The unixctl commands that ask; ovs-monitor-ipsec(8) tells what each one
 * answers.  The main program makes one, and has `exit` for itself. */

struct control;
struct guard;
struct ike;
struct monitor;

struct control *control_create(struct monitor *, const struct ike *,
                               const struct guard *);
void control_destroy(struct control *);
void control_run(struct control *);
void control_wait(struct control *);

#endif /* control.h */
