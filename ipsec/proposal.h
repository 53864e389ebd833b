/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef PROPOSAL_H
#define PROPOSAL_H 1

/* Proposals of algorithms as people write them, for 'tunnel-options'.
 *
 * strongSwan and libreswan write the same algorithms differently; both are
 * understood and come out in strongSwan's words.  Only algorithms of a closed
 * list do, so nothing that yields no encryption or no authentication can get
 * through, nor any text that is not ours.  No input or output. */

enum proposal_protocol {
    PROPOSAL_IKE,
    PROPOSAL_ESP,
};

char *proposals_parse(const char *text, enum proposal_protocol,
                      char **canonical);

#endif /* proposal.h */
