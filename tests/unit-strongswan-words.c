/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests strongswan-words with lines that charon 5.9.8 has logged. */

#include <config.h>

#include "strongswan-words.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

static void
check(const char *line, enum strongswan_words_rank rank, const char *advice)
{
    char *words;

    CHECK(strongswan_explain(line, &words) == rank);
    if (!advice) {
        CHECK_STRING(words, NULL);
    } else {
        CHECK(words && strstr(words, line) && strstr(words, advice));
    }
    free(words);
}

void
unit_strongswan_words(void)
{
    check("received AUTHENTICATION_FAILED notify error",
          STRONGSWAN_WORDS_CAUSE, "does not accept who we are");
    check("received NO_PROPOSAL_CHOSEN notify error",
          STRONGSWAN_WORDS_CAUSE, "IKE proposals");
    check("received NO_PROPOSAL_CHOSEN notify, no CHILD_SA built",
          STRONGSWAN_WORDS_CAUSE, "ESP proposals");
    check("received TS_UNACCEPTABLE notify, no CHILD_SA built",
          STRONGSWAN_WORDS_CAUSE, "no encrypted tunnel of this type");
    check("received INTERNAL_ADDRESS_FAILURE notify error",
          STRONGSWAN_WORDS_CAUSE, "charon: ");
    check("failed to establish CHILD_SA, keeping IKE_SA",
          STRONGSWAN_WORDS_RESULT, "charon: ");
    check("tried 1 shared key for '192.0.2.1' - '192.0.2.2', but MAC "
          "mismatched", STRONGSWAN_WORDS_CAUSE, "another psk");
    check("no issuer certificate found for \"CN=right\"",
          STRONGSWAN_WORDS_CAUSE, "not signed by our CA");
    check("no trusted ECDSA public key found for 'right'",
          STRONGSWAN_WORDS_RESULT, "not valid for the name");
    check("constraint check failed: identity 'other' required ",
          STRONGSWAN_WORDS_CAUSE, "somebody else");
    check("constraint check failed: RULE_CRL_VALIDATION is SKIPPED, but "
          "requires at least GOOD", STRONGSWAN_WORDS_CAUSE, "no current CRL");
    check("subject certificate invalid (valid from Jan 01 00:00:00 2020 to "
          "Jan 02 00:00:00 2020)", STRONGSWAN_WORDS_CAUSE, "expired");
    check("giving up after 5 retransmits",
          STRONGSWAN_WORDS_CAUSE, "ports 500 and 4500");
    check("unable to install inbound and outbound IPsec SA (SAD) in kernel",
          STRONGSWAN_WORDS_RESULT, "esp4");

    check("login to 'soft':697577134 failed: PIN_INCORRECT",
          STRONGSWAN_WORDS_PIN, "set the token's PIN");
    check("no PIN found for PKCS#11 key a1:b2",
          STRONGSWAN_WORDS_PIN, "pin-source");
    check("no PKCS#11 module found having a keyid a1:b2",
          STRONGSWAN_WORDS_TOKEN, "no token, or not the slot");
    check("PKCS#11 module 'nix' not found",
          STRONGSWAN_WORDS_TOKEN, "module-name");
    check("PKCS#11 key type 64 not supported",
          STRONGSWAN_WORDS_TOKEN, "RSA and EC");
    check("found key on PKCS#11 token 'soft':697577134",
          STRONGSWAN_WORDS_NONE, NULL);

    check("initiating IKE_SA ovs-0123[1] to 192.0.2.2",
          STRONGSWAN_WORDS_NONE, NULL);
    check("authentication of 'right' with ECDSA_WITH_SHA256_DER successful",
          STRONGSWAN_WORDS_NONE, NULL);
    check("", STRONGSWAN_WORDS_NONE, NULL);
}
