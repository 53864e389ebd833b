/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef STRONGSWAN_WORDS_H
#define STRONGSWAN_WORDS_H 1

/* What charon's log says of a negotiation that failed, in words that tell an
 * operator what to do.  No input or output; the back end calls it for each
 * line of the log that names one of our connections. */

#include <stdbool.h>

/* Which of two lines about the same failure says more. */
enum strongswan_words_rank {
    STRONGSWAN_WORDS_NONE,      /* Nothing of a failure. */
    STRONGSWAN_WORDS_RESULT,    /* That it failed. */
    STRONGSWAN_WORDS_CAUSE,     /* Why. */

    /* Not of a negotiation: why a token's key cannot be used, and that it is
     * the PIN, of which a token does not take many wrong ones. */
    STRONGSWAN_WORDS_TOKEN,
    STRONGSWAN_WORDS_PIN,
};

enum strongswan_words_rank strongswan_explain(const char *line,
                                              char **wordsp);

#endif /* strongswan-words.h */
