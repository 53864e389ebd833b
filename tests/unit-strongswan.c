/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests the parts of the strongSwan back end that have no input or output:
 * what list-sas tells (strongswan-sa) and what follows from it
 * (strongswan-judge). */

#include <config.h>

#include "strongswan-judge.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "packets.h"

#include "peer.h"
#include "section.h"
#include "strongswan-sa.h"
#include "unit.h"

static struct child children[] = {
    { "ovs-out", CHILD_OUT, IPPROTO_UDP, 6081 },
    { "ovs-in", CHILD_IN, IPPROTO_UDP, 6081 },
};
static const struct peer peer = {
    .name = "ovs-peer", .children = children,
    .n_children = ARRAY_SIZE(children),
};

static struct section *
ike_section(const char *id, const char *state, const char *initiator,
            const char *age)
{
    struct section *section = section_create();

    section_put(section, "uniqueid", id);
    section_put(section, "state", state);
    section_put(section, "initiator", initiator);
    section_put(section, "established", age);
    section_put(section, "local-host", "10.0.0.1");
    section_put(section, "remote-host", "2001:db8::2");
    section_add(section, "child-sas");
    return section;
}

/* Gives 'name' in 'section' another value. */
static void
replace(struct section *section, const char *name, const char *value)
{
    struct section_item *item = CONST_CAST(struct section_item *,
                                           section_find(section, name));

    free(item->data);
    item->data = xstrdup(value);
    item->length = strlen(value);
}

static struct section *
add_child(struct section *ike, const char *id, const char *name,
          const char *local_ts, const char *remote_ts)
{
    struct section *children_ = section_find(ike, "child-sas")->section;
    struct section *child = section_add(children_, id);

    section_put(child, "name", name);
    section_put(child, "uniqueid", id);
    section_put(child, "state", "INSTALLED");
    section_put(child, "spi-in", "c0ffee01");
    section_put(child, "encr-alg", "AES_GCM_16");
    section_put(child, "encr-keysize", "256");
    section_put_list(child, "local-ts", local_ts);
    section_put_list(child, "remote-ts", remote_ts);
    return child;
}

static struct strongswan_ike_sa *
parse_ike(struct section *section)
{
    struct strongswan_ike_sa *sa = strongswan_ike_sa_parse("ovs-peer",
                                                           section);

    section_destroy(section);
    return sa;
}

static char *
verdict_words(struct strongswan_verdict *v)
{
    char *ikes = svec_join(&v->end_ikes, ",", "");
    svec_append(&v->end_children, &v->end_superfluous);
    char *ends = svec_join(&v->end_children, ",", "");
    char *starts = svec_join(&v->initiate, ",", "");
    char *words = xasprintf("%s%s ike[%s] child[%s] start[%s] again %lld",
                            v->sending ? "S" : "-", v->receiving ? "R" : "-",
                            ikes, ends, starts,
                            v->again == LLONG_MAX ? -1 : v->again);
    free(ikes);
    free(ends);
    free(starts);
    return words;
}

/* Judges 'sas' of 'p' as listed at 'now', as charon's back end does. */
static void
check_verdict_of(const struct peer *p, const struct strongswan_sas *sas,
                 struct strongswan_attempt *attempt, long long int now,
                 const char *expected)
{
    struct strongswan_verdict v;

    strongswan_verdict_init(&v);
    strongswan_judge(p, sas, attempt, now, &v);
    strongswan_attempt_note(attempt, &v, now);
    char *words = verdict_words(&v);
    CHECK_STRING(words, expected);
    free(words);
    strongswan_verdict_uninit(&v);
}

static void
check_verdict(const struct strongswan_sas *sas,
              const struct strongswan_attempt *attempt, long long int now,
              const char *expected)
{
    struct strongswan_attempt copy = *attempt;

    check_verdict_of(&peer, sas, &copy, now, expected);
}

static void
take(struct strongswan_sas *sas, struct section *a, struct section *b,
     long long int now)
{
    struct strongswan_sas listed;

    strongswan_sas_init(&listed);
    strongswan_sas_add(&listed, parse_ike(a));
    if (b) {
        strongswan_sas_add(&listed, parse_ike(b));
    }
    strongswan_sas_take(sas, &listed, now);
    strongswan_sas_uninit(&listed);
}

static void
test_parse(void)
{
    struct section *section = ike_section("7", "ESTABLISHED", "yes", "12");
    add_child(section, "3", "ovs-out", "10.0.0.1/32[udp]",
              "10.0.0.2/32[udp/6081]");
    struct strongswan_ike_sa *sa = strongswan_ike_sa_parse("ovs-peer",
                                                           section);

    CHECK_STRING(sa->unique_id, "7");
    CHECK(sa->established && sa->initiator && !sa->busy);
    CHECK(sa->age == 12);
    CHECK(in6_addr_get_mapped_ipv4(&sa->local) == htonl(0x0a000001));
    CHECK(sa->remote.s6_addr[0] == 0x20 && sa->remote.s6_addr[15] == 2);
    CHECK(sa->n_children == 1);
    CHECK(sa->children[0].spi_in == 0xc0ffee01);
    CHECK_STRING(sa->children[0].algorithm, "AES_GCM_16-256");
    CHECK(strongswan_child_sa_matches(&sa->children[0], &children[0]));
    CHECK(!strongswan_child_sa_matches(&sa->children[0], &children[1]));
    strongswan_ike_sa_destroy(sa);
    section_destroy(section);

    /* A peer that tells nothing is survived. */
    section = section_create();
    sa = strongswan_ike_sa_parse("ovs-peer", section);
    CHECK(!sa->established && !sa->n_children);
    strongswan_ike_sa_destroy(sa);
    section_destroy(section);
}

static void
test_start(void)
{
    struct strongswan_attempt attempt = { .at = 0 };
    struct strongswan_sas sas;
    strongswan_sas_init(&sas);

    /* Nothing there: each end starts what it sends, and only that. */
    check_verdict(&sas, &attempt, 100000,
                  "-- ike[] child[] start[ovs-out] again -1");
    strongswan_attempt_made(&attempt, 100000);
    CHECK(attempt.next >= 100750 && attempt.next < 101250);

    /* Under way: asking again would make a second child. */
    attempt.next = 101000;
    take(&sas, ike_section("1", "CONNECTING", "yes", "0"), NULL, 100100);
    check_verdict(&sas, &attempt, 100100,
                  "-- ike[] child[] start[] again 103000");
    /* Stuck: it is ended, and a new attempt follows. */
    check_verdict(&sas, &attempt, 103000,
                  "-- ike[1] child[] start[] again 104000");

    /* The peer's attempt is nothing of ours to end or to wait for. */
    take(&sas, ike_section("2", "CONNECTING", "no", "0"), NULL, 103000);
    check_verdict(&sas, &attempt, 103000,
                  "-- ike[] child[] start[ovs-out] again -1");

    /* Backoff, and traffic that does not wait for it. */
    strongswan_sas_clear(&sas);
    check_verdict(&sas, &attempt, 100500,
                  "-- ike[] child[] start[] again 101000");
    attempt.hurry = true;
    check_verdict(&sas, &attempt, 100500,
                  "-- ike[] child[] start[ovs-out] again -1");
    strongswan_sas_uninit(&sas);
}

static void
test_up(void)
{
    struct strongswan_attempt attempt = { .at = 0 };
    struct strongswan_sas sas;
    strongswan_sas_init(&sas);

    struct section *ike = ike_section("1", "ESTABLISHED", "yes", "0");
    add_child(ike, "1", "ovs-out", "10.0.0.1/32[udp]",
              "10.0.0.2/32[udp/6081]");
    take(&sas, ike, NULL, 100000);
    check_verdict(&sas, &attempt, 100000, "S- ike[] child[] start[] again -1");

    ike = ike_section("1", "ESTABLISHED", "yes", "0");
    add_child(ike, "1", "ovs-out", "10.0.0.1/32[udp]",
              "10.0.0.2/32[udp/6081]");
    add_child(ike, "2", "ovs-in", "10.0.0.1/32[udp/6081]",
              "10.0.0.2/32[udp]");
    take(&sas, ike, NULL, 100000);
    check_verdict(&sas, &attempt, 100000, "SR ike[] child[] start[] again -1");

    /* INSTALLED with another child's selectors is not up. */
    ike = ike_section("1", "ESTABLISHED", "yes", "0");
    add_child(ike, "1", "ovs-out", "10.0.0.1/32[udp/6081]",
              "10.0.0.2/32[udp/4789]");
    take(&sas, ike, NULL, 100000);
    check_verdict(&sas, &attempt, 100000,
                  "-- ike[] child[1] start[] again 101000");
    strongswan_sas_uninit(&sas);
}

/* GRE has one child, which the end with the smaller address starts; the other
 * end waits for it first. */
static void
test_both(void)
{
    struct child child = { "ovs-gre", CHILD_BOTH, IPPROTO_GRE, 0, NULL };
    struct child mixed[] = { children[0], child };
    struct peer gre = {
        .name = "ovs-peer", .children = &child, .n_children = 1,
        .local = in6_addr_mapped_ipv4(htonl(0x0a000001)),
        .remote = in6_addr_mapped_ipv4(htonl(0x0a000002)),
    };
    struct strongswan_attempt attempt = { .at = 0 };
    struct strongswan_sas sas;
    strongswan_sas_init(&sas);

    check_verdict_of(&gre, &sas, &attempt, 100000,
                     "-- ike[] child[] start[ovs-gre] again -1");

    gre.local = in6_addr_mapped_ipv4(htonl(0x0a000003));
    check_verdict_of(&gre, &sas, &attempt, 100000,
                     "-- ike[] child[] start[] again 101500");
    CHECK(attempt.since == 100000);
    check_verdict_of(&gre, &sas, &attempt, 101000,
                     "-- ike[] child[] start[] again 101500");
    /* Also when traffic waits, for it does at both ends. */
    attempt.hurry = true;
    check_verdict_of(&gre, &sas, &attempt, 101000,
                     "-- ike[] child[] start[] again 101500");
    check_verdict_of(&gre, &sas, &attempt, 101500,
                     "-- ike[] child[] start[ovs-gre] again -1");

    /* What only we can start does not wait. */
    gre.children = mixed;
    gre.n_children = 2;
    attempt = (struct strongswan_attempt) { .at = 0 };
    check_verdict_of(&gre, &sas, &attempt, 100000,
                     "-- ike[] child[] start[ovs-out] again -1");
    gre.children = &child;
    gre.n_children = 1;

    struct section *ike = ike_section("1", "ESTABLISHED", "no", "0");
    add_child(ike, "1", "ovs-gre", "10.0.0.3/32[gre]", "10.0.0.2/32[gre]");
    take(&sas, ike, NULL, 100000);
    check_verdict_of(&gre, &sas, &attempt, 100000,
                     "SR ike[] child[] start[] again -1");
    CHECK(!attempt.since);
    strongswan_sas_uninit(&sas);
}

static struct section *
rekey_section(const char *old, const char *new)
{
    struct section *section = section_create();

    section_put(section_add(section, "old"), "uniqueid", old);
    section_put(section_add(section, "new"), "uniqueid", new);
    return section;
}

/* An IKE_SA that the peer started long after another tells that it has lost
 * that one. */
static void
test_superseded(void)
{
    struct strongswan_attempt attempt = { .at = 0 };
    struct strongswan_sas sas;
    strongswan_sas_init(&sas);

    take(&sas, ike_section("1", "ESTABLISHED", "yes", "60"),
         ike_section("2", "ESTABLISHED", "no", "0"), 100000);
    check_verdict(&sas, &attempt, 100000,
                  "-- ike[1] child[] start[] again 101000");
    strongswan_sas_clear(&sas);

    /* Both ends started at once: both stay. */
    take(&sas, ike_section("1", "ESTABLISHED", "yes", "3"),
         ike_section("2", "ESTABLISHED", "no", "0"), 100000);
    check_verdict(&sas, &attempt, 100000,
                  "-- ike[] child[] start[ovs-out] again -1");

    /* And also when one has been rekeyed, hours later. */
    struct section *section = rekey_section("2", "3");
    strongswan_sas_note_rekey(&sas, section);
    section_destroy(section);
    take(&sas, ike_section("1", "ESTABLISHED", "yes", "14403"),
         ike_section("3", "ESTABLISHED", "no", "0"), 14500000);
    check_verdict(&sas, &attempt, 14500000,
                  "-- ike[] child[] start[ovs-out] again -1");

    /* Ours is the newer one: the peer will see to its own. */
    strongswan_sas_clear(&sas);
    take(&sas, ike_section("1", "ESTABLISHED", "no", "60"),
         ike_section("2", "ESTABLISHED", "yes", "0"), 100000);
    check_verdict(&sas, &attempt, 100000,
                  "-- ike[] child[] start[ovs-out] again -1");
    strongswan_sas_uninit(&sas);
}

#define OUT_TS "10.0.0.1/32[udp]", "10.0.0.2/32[udp/6081]"
#define IN_TS "10.0.0.1/32[udp/6081]", "10.0.0.2/32[udp]"

static struct section *
ike_with_in(const char *id)
{
    struct section *ike = ike_section(id, "ESTABLISHED", "yes", "60");

    add_child(ike, "1", "ovs-in", IN_TS);
    return ike;
}

static struct section *
ike_with(const char *id, const char *initiator, const char *age,
         const char *child, const char *local_ts, const char *remote_ts)
{
    struct section *ike = ike_section(id, "ESTABLISHED", initiator, age);

    add_child(ike, id, child, local_ts, remote_ts);
    return ike;
}

static struct section *
ike_with_both(const char *id, const char *initiator, const char *age)
{
    struct section *ike = ike_with(id, initiator, age, "ovs-out", OUT_TS);
    char *in_id = xasprintf("%s0", id);

    add_child(ike, in_id, "ovs-in", IN_TS);
    free(in_id);
    return ike;
}

/* Whoever leaves an IKE_SA begins another one, in which our traffic follows
 * before the old one is ended. */
static void
test_moving(void)
{
    struct strongswan_attempt attempt = { .at = 0 };
    struct strongswan_sas sas;
    struct section *new;

    strongswan_sas_init(&sas);
    take(&sas, ike_with_both("1", "yes", "60"),
         ike_with("2", "no", "0", "ovs-in", IN_TS), 100000);
    check_verdict_of(&peer, &sas, &attempt, 100000,
                     "SR ike[] child[] start[ovs-out] again -1");
    strongswan_attempt_made(&attempt, 100000);
    attempt.next = 101000;
    check_verdict_of(&peer, &sas, &attempt, 100100,
                     "SR ike[] child[] start[] again 101000");

    /* Under way, then there. */
    new = ike_with("2", "no", "0", "ovs-in", IN_TS);
    section_put_list(new, "tasks-active", "CHILD_CREATE");
    take(&sas, ike_with_both("1", "yes", "60"), new, 100200);
    check_verdict_of(&peer, &sas, &attempt, 100200,
                     "SR ike[] child[] start[] again 103000");
    take(&sas, ike_with_both("1", "yes", "60"),
         ike_with_both("2", "no", "0"), 100300);
    check_verdict_of(&peer, &sas, &attempt, 100300,
                     "SR ike[1] child[] start[] again 101300");
    CHECK(!attempt.at);

    /* In vain: charon may have started it in the old one. */
    strongswan_sas_clear(&sas);
    take(&sas, ike_with_both("1", "yes", "63"),
         ike_with("2", "no", "3", "ovs-in", IN_TS), 103000);
    check_verdict(&sas, &attempt, 103000,
                  "SR ike[1] child[] start[] again 104000");
    strongswan_sas_uninit(&sas);
}

/* The old one may be young.  That the peer has begun what it sends a second
 * time tells it from an IKE_SA of ours that came up at the same time. */
static void
test_moving_young(void)
{
    struct strongswan_attempt attempt = { .at = 0 };
    struct strongswan_sas sas;

    strongswan_sas_init(&sas);
    take(&sas, ike_with_both("1", "yes", "2"),
         ike_with("2", "no", "0", "ovs-in", IN_TS), 100000);
    check_verdict(&sas, &attempt, 100000,
                  "SR ike[] child[] start[ovs-out] again -1");
    strongswan_sas_clear(&sas);
    take(&sas, ike_with("1", "yes", "2", "ovs-out", OUT_TS),
         ike_with("2", "no", "0", "ovs-in", IN_TS), 100000);
    check_verdict(&sas, &attempt, 100000,
                  "SR ike[] child[] start[] again 115000");
    strongswan_sas_add(&sas, parse_ike(ike_with("3", "no", "2", "ovs-in",
                                                IN_TS)));
    strongswan_sas_note_births(&sas, 100000);
    check_verdict(&sas, &attempt, 100000,
                  "SR ike[] child[] start[ovs-out] again -1");
    strongswan_sas_clear(&sas);

    /* What comes again in an IKE_SA that has been there for a while is a
     * tunnel that the peer has changed: nothing moves. */
    take(&sas, ike_with_both("1", "yes", "8"),
         ike_with("2", "no", "4", "ovs-in", IN_TS), 100000);
    check_verdict(&sas, &attempt, 100000,
                  "SR ike[] child[2] start[] again 111000");
    strongswan_sas_clear(&sas);

    /* At the same time, both ends: nothing moves, and of what is there twice
     * that stays which is in the IKE_SA of the one who receives it. */
    take(&sas, ike_with_both("1", "yes", "1"),
         ike_with_both("2", "no", "0"), 100000);
    check_verdict(&sas, &attempt, 100000,
                  "SR ike[] child[1,20] start[] again 115000");
    strongswan_sas_uninit(&sas);
}

/* What the peer deletes charon brings back by itself.  An IKE_SA that is busy
 * with that is not one that the peer does not answer, and forcing it to an end
 * would leave the peer's half of it behind. */
static void
test_brought_back(void)
{
    struct strongswan_attempt attempt = { .at = 0 };
    struct strongswan_sas sas;
    struct section *ike = ike_with_in("1");

    strongswan_sas_init(&sas);
    section_put_list(ike, "tasks-active", "CHILD_CREATE");
    take(&sas, ike, NULL, 100000);
    check_verdict_of(&peer, &sas, &attempt, 100000,
                     "-R ike[] child[] start[] again 103000");
    check_verdict_of(&peer, &sas, &attempt, 102000,
                     "-R ike[] child[] start[] again 103000");
    check_verdict_of(&peer, &sas, &attempt, 103000,
                     "-R ike[1] child[] start[] again 104000");

    /* Also when an attempt of ours was over long ago. */
    strongswan_sas_clear(&sas);
    strongswan_attempt_made(&attempt, 100000);
    attempt.next = 101000;
    ike = ike_with_in("2");
    section_put_list(ike, "tasks-active", "CHILD_CREATE");
    take(&sas, ike, NULL, 200000);
    check_verdict(&sas, &attempt, 200000,
                  "-R ike[] child[] start[] again 203000");
    check_verdict(&sas, &attempt, 203000,
                  "-R ike[2] child[] start[] again 204000");
    strongswan_sas_uninit(&sas);
}

/* A peer that has lost an IKE_SA as soon as it was there, and made another,
 * never answers in the old one. */
static void
test_unanswered(void)
{
    struct strongswan_attempt attempt = { .at = 0 };
    struct strongswan_sas sas;
    struct section *old;

    strongswan_sas_init(&sas);
    take(&sas, ike_with("1", "yes", "3", "ovs-out", OUT_TS),
         ike_with("2", "no", "0", "ovs-in", IN_TS), 100000);
    check_verdict(&sas, &attempt, 100000,
                  "SR ike[] child[] start[] again 115000");

    /* Dead-peer detection asks. */
    for (int i = 0; i < 2; i++) {
        old = ike_with("1", "yes", "18", "ovs-out", OUT_TS);
        section_put_list(old, "tasks-active", "IKE_DPD");
        take(&sas, old, ike_with("2", "no", "15", "ovs-in", IN_TS),
             115000 + i * 10000);
        check_verdict(&sas, &attempt, 115000 + i * 10000,
                      i ? "SR ike[1] child[] start[] again 126000"
                      : "SR ike[] child[] start[] again 125000");
    }

    /* A peer that answers nowhere is charon's affair. */
    strongswan_sas_clear(&sas);
    for (int i = 0; i < 2; i++) {
        old = ike_with("1", "yes", "18", "ovs-out", OUT_TS);
        section_put_list(old, "tasks-active", "IKE_DPD");
        take(&sas, old, NULL, 100000 + i * 20000);
    }
    check_verdict(&sas, &attempt, 120000,
                  "S- ike[] child[] start[] again -1");
    strongswan_sas_uninit(&sas);
}

/* What takes a child's place comes before that goes. */
static void
test_replaced(void)
{
    struct strongswan_attempt attempt = { .at = 0 };
    struct strongswan_sas sas;
    strongswan_sas_init(&sas);

    struct section *ike = ike_with_in("1");
    add_child(ike, "2", "ovs-former-out", OUT_TS);
    take(&sas, ike, NULL, 100000);
    check_verdict(&sas, &attempt, 100000,
                  "-R ike[] child[] start[ovs-out] again -1");
    ike = ike_with_in("1");
    add_child(ike, "2", "ovs-former-out", OUT_TS);
    add_child(ike, "3", "ovs-out", OUT_TS);
    take(&sas, ike, NULL, 100000);
    check_verdict(&sas, &attempt, 100000,
                  "SR ike[] child[2] start[] again -1");

    CHECK(!strongswan_receives_by_replaced(&peer, &sas));

    /* What the peer sends is its affair, but it may have no reason to. */
    ike = ike_section("1", "ESTABLISHED", "no", "10");
    add_child(ike, "3", "ovs-out", OUT_TS);
    take(&sas, ike, NULL, 100000);
    CHECK(!strongswan_receives_by_replaced(&peer, &sas));
    ike = ike_section("1", "ESTABLISHED", "no", "10");
    add_child(ike, "3", "ovs-out", OUT_TS);
    add_child(ike, "4", "ovs-former-in", IN_TS);
    take(&sas, ike, NULL, 100000);
    check_verdict(&sas, &attempt, 100000,
                  "S- ike[] child[] start[] again -1");
    CHECK(strongswan_receives_by_replaced(&peer, &sas));
    ike = ike_with_in("1");
    add_child(ike, "3", "ovs-out", OUT_TS);
    add_child(ike, "4", "ovs-former-in", IN_TS);
    take(&sas, ike, NULL, 100000);
    CHECK(!strongswan_receives_by_replaced(&peer, &sas));

    /* One whose tunnel is gone has no successor to wait for, and what is
     * missing does not wait for it. */
    ike = ike_with_in("1");
    add_child(ike, "2", "ovs-vxlan", "10.0.0.1/32[udp]",
              "10.0.0.2/32[udp/4789]");
    take(&sas, ike, NULL, 100000);
    check_verdict(&sas, &attempt, 100000,
                  "-R ike[] child[2] start[ovs-out] again -1");

    /* An SA works while it is rekeyed; nothing is started for it. */
    ike = ike_with_in("1");
    struct section *out = add_child(ike, "2", "ovs-out", OUT_TS);
    replace(out, "state", "REKEYING");
    take(&sas, ike, NULL, 100000);
    check_verdict(&sas, &attempt, 100000, "SR ike[] child[] start[] again -1");
    strongswan_sas_uninit(&sas);
}

static void
add_duplicate(struct section *ike, const char *id, const char *age,
              const char *spi_in, const char *spi_out)
{
    struct section *child = add_child(ike, id, "ovs-out", OUT_TS);

    replace(child, "spi-in", spi_in);
    section_put(child, "spi-out", spi_out);
    section_put(child, "install-time", age);
}

/* Judges two SAs of one child, the second in 'state' and with the SPIs as the
 * one end sees them or, if 'mirrored', the other. */
static void
check_duplicates(const char *age1, const char *age2, const char *state,
                 bool mirrored, const char *expected)
{
    struct strongswan_attempt attempt = { .at = 0 };
    struct section *ike = ike_with_in("1");
    struct strongswan_sas sas;

    add_duplicate(ike, "2", age1, mirrored ? "c0000001" : "c0000009",
                  mirrored ? "c0000009" : "c0000001");
    add_duplicate(ike, "3", age2, mirrored ? "c0000005" : "c0000002",
                  mirrored ? "c0000002" : "c0000005");
    struct section *children_ = section_find(ike, "child-sas")->section;
    struct section *last = section_find(children_, "3")->section;
    replace(last, "state", state);

    strongswan_sas_init(&sas);
    take(&sas, ike, NULL, 100000);
    check_verdict(&sas, &attempt, 100000, expected);
    strongswan_sas_uninit(&sas);
}

static void
test_duplicates(void)
{
    /* Both ends find the same one, by the SPIs if they came up together, */
    check_duplicates("9", "6", "INSTALLED", false,
                     "SR ike[] child[3] start[] again -1");
    check_duplicates("9", "6", "INSTALLED", true,
                     "SR ike[] child[3] start[] again -1");
    /* by age if they did not, */
    check_duplicates("12", "6", "INSTALLED", false,
                     "SR ike[] child[2] start[] again -1");
    /* and none during a rekey. */
    check_duplicates("9", "0", "REKEYED", false,
                     "SR ike[] child[] start[] again -1");

    struct strongswan_attempt attempt = { .at = 0 };
    struct strongswan_sas sas;
    strongswan_sas_init(&sas);
    struct section *ike = ike_with_in("1");
    add_child(ike, "2", "ovs-out", OUT_TS);
    take(&sas, ike, ike_section("2", "ESTABLISHED", "yes", "6"), 100000);
    check_verdict(&sas, &attempt, 100000,
                  "SR ike[2] child[] start[] again 101000");
    ike = ike_with_in("1");
    add_child(ike, "2", "ovs-out", OUT_TS);
    take(&sas, ike, ike_section("2", "ESTABLISHED", "yes", "5"), 100000);
    check_verdict(&sas, &attempt, 100000,
                  "SR ike[] child[] start[] again 106000");
    strongswan_sas_uninit(&sas);
}

void
unit_strongswan(void)
{
    test_brought_back();
    test_unanswered();
    test_replaced();
    test_duplicates();
    test_parse();
    test_start();
    test_up();
    test_superseded();
    test_moving();
    test_moving_young();
    test_both();
}
