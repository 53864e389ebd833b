/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef STATUS_JSON_H
#define STATUS_JSON_H 1

/* What there is to tell, for programs; ovs-monitor-ipsec(8) lists the
 * members.  Members may be added, none changes its meaning. */

struct json;
struct status;

struct json *status_json_tunnels(const struct status *);
struct json *status_json_connections(const struct status *);

#endif /* status-json.h */
