/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef UNIT_H
#define UNIT_H 1

/* What the C unit tests share.  Each tests/unit-MODULE.c has one function of
 * type unit_test_func, listed in unit.c; `tests/unit MODULE` runs it.  A
 * check that fails says where and with what, and the program goes on to the
 * next one; it ends in status 1 if any failed, and also if a test made no
 * check at all. */

#include <stdbool.h>

#include "util.h"

typedef void unit_test_func(void);

unit_test_func unit_chassis_name;
unit_test_func unit_credentials;
unit_test_func unit_peer;
unit_test_func unit_remote_cert;
unit_test_func unit_quote;
unit_test_func unit_rotation;
unit_test_func unit_strongswan;
unit_test_func unit_strongswan_watch;
unit_test_func unit_strongswan_words;
unit_test_func unit_token_key;
unit_test_func unit_tunnel;
unit_test_func unit_tunnel_id;
unit_test_func unit_tunnel_options;
unit_test_func unit_unprotected;
unit_test_func unit_escape;
unit_test_func unit_tunnel_options_man;
unit_test_func unit_tunnel_state;
unit_test_func unit_guard;
unit_test_func unit_guard_denied;
unit_test_func unit_guard_esp;
unit_test_func unit_guard_plan;
unit_test_func unit_guard_rules;
unit_test_func unit_guard_store;
unit_test_func unit_x509;
unit_test_func unit_xfrm;
unit_test_func unit_xfrm_esp;
unit_test_func unit_section;
unit_test_func unit_swanctl_conf;
unit_test_func unit_swanctl_parse;
unit_test_func unit_swanctl_text;
unit_test_func unit_vici;
unit_test_func unit_vici_charon;
unit_test_func unit_vici_codec;

void unit_check(bool ok, const char *where, const char *what);
void unit_check_string(const char *got, const char *expected,
                       const char *where, const char *what);
void unit_note(const char *text);
OVS_NO_RETURN void unit_skip(const char *why);

/* CHECK(CONDITION): it holds.  CHECK_STRING(GOT, EXPECTED): both are equal,
 * or both null. */
#define CHECK(CONDITION) \
    unit_check(CONDITION, OVS_SOURCE_LOCATOR, #CONDITION)
#define CHECK_STRING(GOT, EXPECTED) \
    unit_check_string(GOT, EXPECTED, OVS_SOURCE_LOCATOR, #GOT)

#endif /* unit.h */
