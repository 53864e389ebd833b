/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests ipsec/unprotected: every combination of facts. */

#include <config.h>

#include "unprotected.h"

#include <string.h>

#include "unit.h"

static bool
says(const struct unprotected_facts *facts, const char *word)
{
    const char *reason = unprotected_reason(facts);

    return reason && strstr(reason, word);
}

void
unit_unprotected(void)
{
    for (unsigned int bits = 0; bits < 64; bits++) {
        const struct unprotected_facts facts = {
            .wants = bits & 1, .others_want = bits & 2, .declared = bits & 4,
            .flow = bits & 8, .userspace = bits & 16, .offload = bits & 32,
        };
        bool beyond = facts.flow || facts.userspace || facts.offload;

        CHECK((unprotected_reason(&facts) != NULL)
              == (facts.wants ? beyond : facts.others_want));
        if (facts.wants) {
            /* What lets packets out in clear comes before what holds them. */
            CHECK(says(&facts, "datapath_type") == facts.userspace);
            CHECK(says(&facts, "hw-offload")
                  == (facts.offload && !facts.userspace));
            CHECK(says(&facts, "flow") == (facts.flow && !facts.offload
                                           && !facts.userspace));
        } else if (facts.others_want) {
            CHECK(says(&facts, "ipsec_guard=off") == facts.declared);
        }
    }
}
