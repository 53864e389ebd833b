/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Reads what vici's list-sas tells; see strongswan-sa.h. */

#include <config.h>

#include "strongswan-sa.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "packets.h"
#include "util.h"

#include "peer.h"
#include "section.h"

static char *
first_element(const struct section *section, const char *name)
{
    const struct section *list = section_get_section(section, name);
    const struct section_item *item;

    if (list) {
        SECTION_FOR_EACH (item, list) {
            return xstrdup(item->data ? item->data : "");
        }
    }
    return NULL;
}

static bool
list_has(const struct section *section, const char *name,
         const char *element)
{
    const struct section *list = section_get_section(section, name);
    const struct section_item *item;

    if (list) {
        SECTION_FOR_EACH (item, list) {
            if (item->data && !strcmp(item->data, element)) {
                return true;
            }
        }
    }
    return false;
}

static uint32_t
parse_spi(const struct section *section, const char *name)
{
    const char *text = section_get(section, name);

    return text ? strtoul(text, NULL, 16) : 0;
}

static char *
dup_value(const struct section *section, const char *name)
{
    const char *value = section_get(section, name);

    return xstrdup(value ? value : "");
}

static bool
value_is(const struct section *section, const char *name,
         const char *expected)
{
    const char *value = section_get(section, name);

    return value && !strcmp(value, expected);
}

/* A state in which the SA carries packets. */
static bool
child_works(const struct section *section)
{
    return (value_is(section, "state", "INSTALLED")
            || value_is(section, "state", "UPDATING")
            || value_is(section, "state", "REKEYING"));
}

static void
child_sa_parse(struct strongswan_child_sa *sa, const struct section *section)
{
    const char *size = section_get(section, "encr-keysize");
    const char *algorithm = section_get(section, "encr-alg");

    *sa = (struct strongswan_child_sa) {
        .name = dup_value(section, "name"),
        .unique_id = dup_value(section, "uniqueid"),
        .installed = child_works(section),
        .settled = value_is(section, "state", "INSTALLED"),
        .age = section_get_uint(section, "install-time"),
        .spi_in = parse_spi(section, "spi-in"),
        .spi_out = parse_spi(section, "spi-out"),
        .reqid = section_get_uint(section, "reqid"),
        .algorithm = xasprintf("%s%s%s", algorithm ? algorithm : "",
                               size ? "-" : "", size ? size : ""),
        .local_ts = first_element(section, "local-ts"),
        .remote_ts = first_element(section, "remote-ts"),
    };
}

static void
parse_children(struct strongswan_ike_sa *sa, const struct section *children)
{
    const struct section_item *item;
    size_t allocated = 0;

    SECTION_FOR_EACH (item, children) {
        if (item->type != SECTION_SECTION) {
            continue;
        }
        if (sa->n_children >= allocated) {
            sa->children = x2nrealloc(sa->children, &allocated,
                                      sizeof *sa->children);
        }
        child_sa_parse(&sa->children[sa->n_children++], item->section);
    }
}

static void
parse_host(const struct section *section, const char *name,
           struct in6_addr *host)
{
    const char *text = section_get(section, name);
    ovs_be32 ip4;

    if (text && ip_parse(text, &ip4)) {
        *host = in6_addr_mapped_ipv4(ip4);
    } else if (!text || !ipv6_parse(text, host)) {
        *host = in6addr_any;
    }
}

static bool
is_idle(const struct section *section)
{
    return (!section_find(section, "tasks-active")
            && !section_find(section, "tasks-queued"));
}

/* Returns the IKE_SA of connection 'name' that 'section' of a list-sa event
 * describes, which the caller owns.  What is missing there is empty. */
struct strongswan_ike_sa *
strongswan_ike_sa_parse(const char *name, const struct section *section)
{
    struct strongswan_ike_sa *sa = xzalloc(sizeof *sa);
    const struct section *children = section_get_section(section,
                                                         "child-sas");

    sa->name = xstrdup(name);
    sa->unique_id = dup_value(section, "uniqueid");
    sa->remote_id = dup_value(section, "remote-id");
    parse_host(section, "local-host", &sa->local);
    parse_host(section, "remote-host", &sa->remote);
    sa->settled = (value_is(section, "state", "ESTABLISHED")
                   && is_idle(section));
    sa->established = (value_is(section, "state", "ESTABLISHED")
                       || value_is(section, "state", "REKEYING"));
    sa->initiator = value_is(section, "initiator", "yes");
    sa->busy = ((sa->initiator && (value_is(section, "state", "CONNECTING")
                                   || value_is(section, "state", "CREATED")))
                || list_has(section, "tasks-active", "CHILD_CREATE")
                || list_has(section, "tasks-queued", "CHILD_CREATE"));
    sa->asking = (sa->established
                  && section_find(section, "tasks-active") != NULL);
    sa->age = section_get_uint(section, "established");
    if (children) {
        parse_children(sa, children);
    }
    return sa;
}

/* Frees 'sa', which may be null. */
void
strongswan_ike_sa_destroy(struct strongswan_ike_sa *sa)
{
    if (!sa) {
        return;
    }
    for (size_t i = 0; i < sa->n_children; i++) {
        struct strongswan_child_sa *child = &sa->children[i];

        free(child->name);
        free(child->unique_id);
        free(child->algorithm);
        free(child->local_ts);
        free(child->remote_ts);
    }
    free(sa->children);
    free(sa->remote_id);
    free(sa->name);
    free(sa->unique_id);
    free(sa);
}

/* charon prints names where /etc/protocols and /etc/services have them. */
static bool
parse_proto(const char *text, uint8_t *proto)
{
    const struct protoent *entry;
    unsigned int number;

    if (str_to_uint(text, 10, &number)) {
        *proto = number;
        return true;
    }
    entry = getprotobyname(text);
    *proto = entry ? entry->p_proto : 0;
    return entry != NULL;
}

static bool
parse_port(const char *text, uint8_t proto, uint16_t *port)
{
    const struct servent *entry;
    unsigned int number;

    if (str_to_uint(text, 10, &number)) {
        *port = number;
        return true;
    }
    entry = getservbyname(text, proto == IPPROTO_TCP ? "tcp" : "udp");
    *port = entry ? ntohs(entry->s_port) : 0;
    return entry != NULL;
}

/* Splits "ADDRESS/32[udp/6081]" or "ADDRESS/32[udp]". */
static bool
parse_selector(const char *ts, uint8_t *proto, uint16_t *port)
{
    const char *bracket = ts ? strchr(ts, '[') : NULL;
    char proto_text[32];
    char port_text[32];

    *proto = *port = 0;
    if (!bracket) {
        return ts != NULL;
    }
    switch (sscanf(bracket, "[%31[^]/]/%31[^]]]", proto_text, port_text)) {
    case 1:
        return parse_proto(proto_text, proto);
    case 2:
        return (parse_proto(proto_text, proto)
                && parse_port(port_text, *proto, port));
    default:
        return false;
    }
}

/* Returns true if the traffic selectors of 'sa' are those that 'child' has.
 * charon, ours or the peer's, may have narrowed them to another child's. */
bool
strongswan_child_sa_matches(const struct strongswan_child_sa *sa,
                            const struct child *child)
{
    uint8_t local_proto, remote_proto;
    uint16_t local_port, remote_port;

    return (parse_selector(sa->local_ts, &local_proto, &local_port)
            && parse_selector(sa->remote_ts, &remote_proto, &remote_port)
            && local_proto == child->proto && remote_proto == child->proto
            && local_port == child_local_port(child)
            && remote_port == child_remote_port(child));
}

/* Makes 'sas' an empty set. */
void
strongswan_sas_init(struct strongswan_sas *sas)
{
    memset(sas, 0, sizeof *sas);
    simap_init(&sas->born);
}

/* Frees what is in 'sas'. */
void
strongswan_sas_uninit(struct strongswan_sas *sas)
{
    strongswan_sas_clear(sas);
    free(sas->sas);
    simap_destroy(&sas->born);
}

static void
free_sas(struct strongswan_sas *sas)
{
    for (size_t i = 0; i < sas->n; i++) {
        strongswan_ike_sa_destroy(sas->sas[i]);
    }
    sas->n = 0;
}

/* Forgets all that was known. */
void
strongswan_sas_clear(struct strongswan_sas *sas)
{
    free_sas(sas);
    simap_clear(&sas->born);
}

/* Adds 'sa', which 'sas' takes over. */
void
strongswan_sas_add(struct strongswan_sas *sas, struct strongswan_ike_sa *sa)
{
    if (sas->n >= sas->allocated) {
        sas->sas = x2nrealloc(sas->sas, &sas->allocated, sizeof *sas->sas);
    }
    sas->sas[sas->n++] = sa;
}

/* Notes when the IKE_SAs in 'sas' came up, of which charon told at 'now', in
 * ms of time_msec().  charon counts their age from the last rekeying; here it
 * counts from the beginning, as noted when one was first seen. */
void
strongswan_sas_note_births(struct strongswan_sas *sas, long long int now)
{
    for (size_t i = 0; i < sas->n; i++) {
        const struct strongswan_ike_sa *sa = sas->sas[i];

        if (sa->established && !simap_contains(&sas->born, sa->unique_id)) {
            simap_put(&sas->born, sa->unique_id, now / 1000 - sa->age);
        }
    }
}

/* Makes 'sas' hold what 'from' holds, which is empty then. */
void
strongswan_sas_move(struct strongswan_sas *sas, struct strongswan_sas *from)
{
    free_sas(sas);
    for (size_t i = 0; i < from->n; i++) {
        strongswan_sas_add(sas, from->sas[i]);
    }
    from->n = 0;
}

static const struct strongswan_ike_sa *
find_ike_sa(const struct strongswan_sas *sas, const char *unique_id)
{
    for (size_t i = 0; i < sas->n; i++) {
        if (!strcmp(sas->sas[i]->unique_id, unique_id)) {
            return sas->sas[i];
        }
    }
    return NULL;
}

/* Notes since when each of 'from' waits for an answer, as far as it did when
 * 'sas' were listed. */
static void
note_asking(struct strongswan_sas *from, const struct strongswan_sas *sas,
            long long int now)
{
    for (size_t i = 0; i < from->n; i++) {
        struct strongswan_ike_sa *sa = from->sas[i];
        const struct strongswan_ike_sa *old = find_ike_sa(sas, sa->unique_id);

        sa->asking_since = old && old->asking ? old->asking_since : now;
    }
}

/* The same, as of 'now', in ms of time_msec().  What is known of their ages
 * stays, and since when they wait for an answer. */
void
strongswan_sas_take(struct strongswan_sas *sas, struct strongswan_sas *from,
                    long long int now)
{
    note_asking(from, sas, now);
    strongswan_sas_move(sas, from);
    strongswan_sas_note_births(sas, now);
}

/* Takes in an ike-rekey event, whose contents for the connection are
 * 'section': a rekeyed IKE_SA is as old as the one whose place it takes. */
void
strongswan_sas_note_rekey(struct strongswan_sas *sas,
                          const struct section *section)
{
    const char *old = section_get(section_get_section(section, "old"),
                                  "uniqueid");
    const char *new = section_get(section_get_section(section, "new"),
                                  "uniqueid");

    if (old && new && simap_contains(&sas->born, old)) {
        simap_put(&sas->born, new, simap_get(&sas->born, old));
        simap_find_and_delete(&sas->born, old);
    }
}

/* Returns when established 'sa' came up, in s of time_msec(). */
long long int
strongswan_sas_born(const struct strongswan_sas *sas,
                    const struct strongswan_ike_sa *sa)
{
    return simap_get(&sas->born, sa->unique_id);
}

/* Returns the established IKE_SA that came up last, or null. */
const struct strongswan_ike_sa *
strongswan_sas_newest(const struct strongswan_sas *sas)
{
    const struct strongswan_ike_sa *newest = NULL;

    for (size_t i = 0; i < sas->n; i++) {
        const struct strongswan_ike_sa *sa = sas->sas[i];

        if (sa->established
            && (!newest || (strongswan_sas_born(sas, sa)
                            > strongswan_sas_born(sas, newest)))) {
            newest = sa;
        }
    }
    return newest;
}

/* Returns an installed SA of 'child' in 'sa' with the right traffic selectors,
 * or null. */
const struct strongswan_child_sa *
strongswan_ike_sa_find_child(const struct strongswan_ike_sa *sa,
                             const struct child *child)
{
    for (size_t i = 0; i < sa->n_children; i++) {
        const struct strongswan_child_sa *child_sa = &sa->children[i];

        if (child_sa->installed && !strcmp(child_sa->name, child->name)
            && strongswan_child_sa_matches(child_sa, child)) {
            return child_sa;
        }
    }
    return NULL;
}

/* The same in any of 'sas'. */
const struct strongswan_child_sa *
strongswan_sas_find_child(const struct strongswan_sas *sas,
                          const struct child *child)
{
    const struct strongswan_child_sa *child_sa = NULL;

    for (size_t i = 0; i < sas->n && !child_sa; i++) {
        child_sa = strongswan_ike_sa_find_child(sas->sas[i], child);
    }
    return child_sa;
}

/* Returns true if there is an SA of a child of that name, in whatever
 * state. */
bool
strongswan_sas_have_child_named(const struct strongswan_sas *sas,
                                const char *name)
{
    for (size_t i = 0; i < sas->n; i++) {
        for (size_t j = 0; j < sas->sas[i]->n_children; j++) {
            if (!strcmp(sas->sas[i]->children[j].name, name)) {
                return true;
            }
        }
    }
    return false;
}

/* Returns true if something that we asked for has no answer yet. */
bool
strongswan_sas_busy(const struct strongswan_sas *sas)
{
    for (size_t i = 0; i < sas->n; i++) {
        if (sas->sas[i]->busy) {
            return true;
        }
    }
    return false;
}
