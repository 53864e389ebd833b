/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests lib/chassis-name. */

#include <config.h>

#include "chassis-name.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

static bool
valid(const char *name)
{
    char *reason = chassis_name_check(name);
    bool ok = !reason;

    free(reason);
    return ok;
}

void
unit_chassis_name(void)
{
    char name[66];

    CHECK(valid("a"));
    CHECK(valid("ch-1.example_2"));
    CHECK(valid("3ab9e7c2-4dd0-4e43-b7b7-0c3d4ff4b3a1"));

    CHECK(!valid(""));
    CHECK(!valid("*"));
    CHECK(!valid("%any"));
    CHECK(!valid("*.example"));
    CHECK(!valid("-a"));
    CHECK(!valid("a."));
    CHECK(!valid("a b"));
    CHECK(!valid("a\n"));
    CHECK(!valid("C=US"));
    CHECK(!valid("a@b"));
    CHECK(!valid("#abcd"));
    CHECK(!valid("10.1.2.3"));
    CHECK(!valid("fd00::1"));
    CHECK(!valid("\xc3\xa4"));

    memset(name, 'x', sizeof name);
    name[65] = '\0';
    CHECK(!valid(name));
    name[64] = '\0';
    CHECK(valid(name));

    char *reason = chassis_name_check("a b");
    CHECK_STRING(reason, "has a character other than letters, digits, '.', "
                 "'_' and '-' (byte 0x20 at 1)");
    free(reason);
}
