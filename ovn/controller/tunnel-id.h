/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef TUNNEL_ID_H
#define TUNNEL_ID_H 1

/* What Port:external_ids:ovn-chassis-id holds: which tunnel the port is.
 *
 * OVN of today writes NAME@REMOTE_IP%LOCAL_IP, before 24.03 it wrote
 * NAME@REMOTE_IP.  NAME is another host's choice and may contain '@' and '%';
 * the addresses may not. */

#include <stdbool.h>

struct tunnel_id {
    char *chassis;
    char *remote_ip;
    char *local_ip;             /* Null in the short form. */
};

bool tunnel_id_parse(const char *, struct tunnel_id *);
char *tunnel_id_format(const char *chassis, const char *remote_ip,
                       const char *local_ip);
void tunnel_id_destroy(struct tunnel_id *);

#endif /* tunnel-id.h */
