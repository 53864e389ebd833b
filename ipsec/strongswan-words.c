/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Explains charon's log; see strongswan-words.h.
 *
 * charon tells nobody else why an attempt has failed that nobody waits for.
 * Its lines are those of strongSwan 5.9 and 6.0; one that is worded otherwise
 * is not recognized, which loses the reason and nothing more. */

#include <config.h>

#include "strongswan-words.h"

#include <stddef.h>
#include <string.h>

#include "util.h"

/* The first one of which the line has 'part' counts. */
static const struct {
    const char *part;
    enum strongswan_words_rank rank;
    const char *words;          /* What to do about it, or null. */
} table[] = {
    { "AUTHENTICATION_FAILED notify error", STRONGSWAN_WORDS_CAUSE,
      "the peer does not accept who we are: compare the psk, which works "
      "through no NAT, or our certificate and its CA, with what the peer "
      "expects" },
    { "NO_PROPOSAL_CHOSEN notify error", STRONGSWAN_WORDS_CAUSE,
      "the peer takes none of our IKE proposals, or has no tunnel to our "
      "address" },
    { "NO_PROPOSAL_CHOSEN notify, no CHILD_SA", STRONGSWAN_WORDS_CAUSE,
      "the peer takes none of our ESP proposals" },
    { "TS_UNACCEPTABLE notify", STRONGSWAN_WORDS_CAUSE,
      "the peer has no encrypted tunnel of this type and port to us" },
    { "notify error", STRONGSWAN_WORDS_CAUSE, NULL },
    { "notify, no CHILD_SA built", STRONGSWAN_WORDS_CAUSE, NULL },

    { "MAC mismatched", STRONGSWAN_WORDS_CAUSE,
      "the peer has another psk" },
    { "no shared key found", STRONGSWAN_WORDS_CAUSE,
      "the other end wants a psk: set the same kind of authentication on "
      "both" },
    { "no private key found", STRONGSWAN_WORDS_CAUSE,
      "charon has no private key of ours: see its log for why it could not "
      "be loaded" },
    { "no issuer certificate found", STRONGSWAN_WORDS_CAUSE,
      "the peer's certificate is not signed by our CA" },
    { "is not trusted", STRONGSWAN_WORDS_CAUSE,
      "the peer's certificate is not signed by our CA" },
    { "certificate invalid (valid from", STRONGSWAN_WORDS_CAUSE,
      "a certificate has expired, or is not valid yet: renew it, and compare "
      "the clocks" },
    { "certificate was revoked", STRONGSWAN_WORDS_CAUSE, NULL },
    { "RULE_CRL_VALIDATION", STRONGSWAN_WORDS_CAUSE,
      "there is no current CRL of the peer's CA here, as "
      "other_config:ipsec_crl_policy wants: \"ovs-pki crl\" makes one" },
    { "constraint check failed", STRONGSWAN_WORDS_CAUSE,
      "the peer is somebody else than options:remote_name says, or proves it "
      "in another way" },
    { "signature validation failed", STRONGSWAN_WORDS_CAUSE,
      "the peer has another key than the certificate that we have of it" },
    { "no trusted", STRONGSWAN_WORDS_RESULT,
      "the peer's certificate is not valid for the name that it claims, or "
      "not signed by our CA" },

    { "giving up after", STRONGSWAN_WORDS_CAUSE,
      "the peer does not answer: is it up, and may UDP ports 500 and 4500 "
      "pass?" },
    { "peer not responding", STRONGSWAN_WORDS_RESULT,
      "is the peer up, and may UDP ports 500 and 4500 pass?" },
    { "no acceptable traffic selectors", STRONGSWAN_WORDS_CAUSE,
      "the peer asks for a tunnel that is not configured here" },
    { "no acceptable proposal", STRONGSWAN_WORDS_CAUSE,
      "the peer offers none of our algorithms" },
    { "no matching peer config", STRONGSWAN_WORDS_CAUSE,
      "the peer is somebody else than we expect" },
    { "not supported by kernel", STRONGSWAN_WORDS_CAUSE,
      "load the kernel's module for it, or choose another algorithm" },
    { "unable to install", STRONGSWAN_WORDS_RESULT,
      "the kernel refuses the SAs: are its modules esp4 and esp6, and those "
      "of the algorithms, there?" },
    { "failed to establish", STRONGSWAN_WORDS_RESULT, NULL },

    { "login to '", STRONGSWAN_WORDS_PIN,
      "set the token's PIN in other_config:private_key, or in the file that "
      "it names" },
    { "no PIN found for PKCS#11 key", STRONGSWAN_WORDS_PIN,
      "write pin-source=file:/PATH into other_config:private_key" },
    { "no PKCS#11 module found", STRONGSWAN_WORDS_TOKEN,
      "no token, or not the slot, has a key with the id in "
      "other_config:private_key" },
    { "PKCS#11 module '", STRONGSWAN_WORDS_TOKEN,
      "compare module-name in other_config:private_key with "
      "charon.plugins.pkcs11.modules in strongswan.conf" },
    { "PKCS#11 key type", STRONGSWAN_WORDS_TOKEN,
      "charon takes RSA and EC keys from a token" },
};

/* If 'line' of charon's log tells of a failure, stores it and what to do
 * about it in '*wordsp', which the caller frees, and returns how much it
 * tells.  Otherwise stores null. */
enum strongswan_words_rank
strongswan_explain(const char *line, char **wordsp)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const char *words = table[i].words;

        if (strstr(line, table[i].part)) {
            *wordsp = xasprintf("charon: %s%s%s", line, words ? ": " : "",
                                words ? words : "");
            return table[i].rank;
        }
    }
    *wordsp = NULL;
    return STRONGSWAN_WORDS_NONE;
}
