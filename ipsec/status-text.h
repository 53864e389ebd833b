/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef STATUS_TEXT_H
#define STATUS_TEXT_H 1

/* What there is to tell, for people.  Whatever strings come from others,
 * only printable ASCII is written. */

struct ds;
struct ike_counts;
struct status;

void status_text_tunnels(const struct status *, struct ds *);
void status_text_connections(const struct status *, struct ds *);
void status_text_rotation(const struct ike_counts *, struct ds *);
void status_text_down(const struct status *, struct ds *);
void status_text_policies(const struct status *, struct ds *);
void status_text_sas(const struct status *, struct ds *);

#endif /* status-text.h */
