/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* The program of all C unit tests: `unit MODULE` runs those of one module.
 * The Autotest files call it. */

#include <config.h>

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static const struct {
    const char *module;
    unit_test_func *run;
} tests[] = {
    { "chassis-name", unit_chassis_name },
    { "credentials", unit_credentials },
    { "peer", unit_peer },
    { "remote-cert", unit_remote_cert },
    { "quote", unit_quote },
    { "rotation", unit_rotation },
    { "strongswan", unit_strongswan },
    { "strongswan-watch", unit_strongswan_watch },
    { "strongswan-words", unit_strongswan_words },
    { "token-key", unit_token_key },
    { "tunnel", unit_tunnel },
    { "tunnel-id", unit_tunnel_id },
    { "tunnel-options", unit_tunnel_options },
    { "unprotected", unit_unprotected },
    { "escape", unit_escape },
    { "tunnel-options-man", unit_tunnel_options_man },
    { "tunnel-state", unit_tunnel_state },
    { "guard", unit_guard },
    { "guard-denied", unit_guard_denied },
    { "guard-esp", unit_guard_esp },
    { "guard-plan", unit_guard_plan },
    { "guard-rules", unit_guard_rules },
    { "guard-store", unit_guard_store },
    { "x509", unit_x509 },
    { "xfrm", unit_xfrm },
    { "xfrm-esp", unit_xfrm_esp },
    { "section", unit_section },
    { "swanctl-conf", unit_swanctl_conf },
    { "swanctl-parse", unit_swanctl_parse },
    { "swanctl-text", unit_swanctl_text },
    { "vici", unit_vici },
    { "vici-charon", unit_vici_charon },
    { "vici-codec", unit_vici_codec },
};

static unsigned int n_checks;
static unsigned int n_failed;

/* Appends 'text', null: nothing, as a line to the file that the environment
 * variable NOTES names, if it does: for what documentation claims. */
void
unit_note(const char *text)
{
    const char *path = getenv("NOTES");
    FILE *file = text && path ? fopen(path, "a") : NULL;

    if (file) {
        fprintf(file, "%s\n", text);
        fclose(file);
    }
}

/* Notes the outcome 'ok' of a check of 'what' at source location 'where'. */
void
unit_check(bool ok, const char *where, const char *what)
{
    n_checks++;
    if (!ok) {
        n_failed++;
        fprintf(stderr, "%s: failed: %s\n", where, what);
    }
}

/* Notes whether 'got', the value of 'what', equals 'expected'. Either may be
 * null. */
void
unit_check_string(const char *got, const char *expected,
                  const char *where, const char *what)
{
    bool ok = got && expected ? !strcmp(got, expected) : got == expected;

    unit_check(ok, where, what);
    if (!ok) {
        fprintf(stderr, "  got:      %s\n  expected: %s\n",
                got ? got : "(null)", expected ? expected : "(null)");
    }
}

/* Ends the program, saying 'why' nothing can be tested here, in the status
 * that Autotest takes for a test to skip. */
void
unit_skip(const char *why)
{
    fprintf(stderr, "skipped: %s\n", why);
    exit(77);
}

int
main(int argc, char *argv[])
{
    ovs_set_program_name(argv[0], PACKAGE_VERSION);
    for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(tests); i++) {
        if (!strcmp(argv[1], tests[i].module)) {
            tests[i].run();
            if (!n_checks) {
                ovs_fatal(0, "%s: nothing was checked", argv[1]);
            }
            return n_failed != 0;
        }
    }
    ovs_fatal(0, "usage: %s MODULE, one of those in tests/unit.c", argv[0]);
}
