/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef FOLD_H
#define FOLD_H 1

/* From tunnels to peers: finds our address, credentials and the peer's
 * certificate for each tunnel, and who has an address that several claim.
 *
 * 'monitor' has it fold all tunnels to one address whenever something about
 * one of them, or what is common to all, has changed. */

#include <netinet/in.h>
#include <stdbool.h>

struct credentials_loader;
struct ike;
struct peers;
struct protection;
struct remote_certs;
struct tunnel;
struct wish_address;
struct wishes;

/* What tunnels need besides what they say themselves. */
struct fold {
    const struct credentials_loader *credentials;
    const struct remote_certs *remote_certs;
    const struct protection *protection;
};

char *fold_find_local(const struct tunnel *, struct in6_addr *local);
bool fold_has_contest(const struct fold *, const struct wishes *);
void fold_note_incumbents(const struct fold *, struct wishes *,
                          const struct ike *);
void fold_address(const struct fold *, struct wishes *, struct wish_address *,
                  struct peers *);

#endif /* fold.h */
