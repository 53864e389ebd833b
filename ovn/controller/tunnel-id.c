/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* See tunnel-id.h. */

#include <config.h>

#include "ovn/controller/tunnel-id.h"

#include <string.h>

#include "util.h"

/* Takes 's' apart into '*id', which the caller must destroy, and returns
 * true; or returns false if 's' is no such id, with '*id' unset. */
bool
tunnel_id_parse(const char *s, struct tunnel_id *id)
{
    const char *at = strrchr(s, '@');
    const char *percent = at ? strchr(at, '%') : NULL;

    if (!at || at == s || !at[1] || percent == at + 1) {
        return false;
    }
    id->chassis = xmemdup0(s, at - s);
    id->remote_ip = (percent ? xmemdup0(at + 1, percent - (at + 1))
                             : xstrdup(at + 1));
    id->local_ip = percent && percent[1] ? xstrdup(percent + 1) : NULL;
    return true;
}

/* Returns the long form, which the caller must free. */
char *
tunnel_id_format(const char *chassis, const char *remote_ip,
                 const char *local_ip)
{
    return xasprintf("%s@%s%%%s", chassis, remote_ip, local_ip);
}

/* Frees what 'id' contains. */
void
tunnel_id_destroy(struct tunnel_id *id)
{
    free(id->chassis);
    free(id->remote_ip);
    free(id->local_ip);
}
