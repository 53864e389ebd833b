/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests ovn/controller/tunnel-id. */

#include <config.h>

#include "ovn/controller/tunnel-id.h"

#include <stdlib.h>

#include "unit.h"

static void
check(const char *s, const char *chassis, const char *remote_ip,
      const char *local_ip)
{
    struct tunnel_id id;
    bool ok = tunnel_id_parse(s, &id);

    CHECK(ok);
    if (ok) {
        CHECK_STRING(id.chassis, chassis);
        CHECK_STRING(id.remote_ip, remote_ip);
        CHECK_STRING(id.local_ip, local_ip);
        tunnel_id_destroy(&id);
    }
}

static void
check_invalid(const char *s)
{
    struct tunnel_id id;

    CHECK(!tunnel_id_parse(s, &id));
}

static void
check_round_trip(const char *chassis, const char *remote_ip,
                 const char *local_ip)
{
    char *s = tunnel_id_format(chassis, remote_ip, local_ip);

    check(s, chassis, remote_ip, local_ip);
    free(s);
}

void
unit_tunnel_id(void)
{
    check("hv1@10.0.0.1%10.0.0.2", "hv1", "10.0.0.1", "10.0.0.2");
    check("hv1@10.0.0.1", "hv1", "10.0.0.1", NULL);
    check("hv1@10.0.0.1%", "hv1", "10.0.0.1", NULL);
    check_round_trip("hv1", "fd00::1", "fd00::2");

    /* What another host may call itself. */
    check_round_trip("a@b%c", "10.0.0.1", "10.0.0.2");
    check_round_trip("@", "10.0.0.1", "10.0.0.2");

    check_invalid("");
    check_invalid("hv1");
    check_invalid("hv1%10.0.0.1");
    check_invalid("@10.0.0.1%10.0.0.2");
    check_invalid("hv1@");
    check_invalid("hv1@%10.0.0.2");
}
