/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Decides what to do about a connection; see strongswan-judge.h. */

#include <config.h>

#include "strongswan-judge.h"

#include <limits.h>
#include <string.h>

#include "random.h"
#include "util.h"

#include "peer.h"
#include "strongswan-duplicates.h"
#include "strongswan-sa.h"

/* A handshake takes well under a second.  After this time, in ms, one that
 * is still going on is in charon's retransmissions, which grow slower than we
 * want to wait for a peer that is back. */
#define CONNECTING_TIMEOUT 3000

/* An IKE_SA older, in s, than the newest one to the same peer by more than
 * this did not come from both ends starting at once: the peer had lost it. */
#define SUPERSEDED_AGE 5

/* The same where the peer begins again in the newest one what it sends, which
 * it does not where both ends start at once. */
#define SUPERSEDED_AGE_AGAIN 1

/* How long, in s from when it has started an IKE_SA, a peer that moves to that
 * takes to begin all that it sends. */
#define MOVE_TIME 3

/* How long, in ms from when the peer has started another IKE_SA, the one that
 * we send over may stay until we send over that.  A peer that moves keeps the
 * old one for about as long. */
#define MOVE_WAIT 3000

/* How long, in ms, the peer may owe us an answer in one IKE_SA while it has
 * negotiated another one: charon has asked twice by then.  It is the time
 * after which dead-peer detection asks, too, by default. */
#define ANSWER_TIMEOUT 10000

#define BACKOFF_MAX 30000

/* Makes 'verdict' an empty one. */
void
strongswan_verdict_init(struct strongswan_verdict *verdict)
{
    memset(verdict, 0, sizeof *verdict);
    svec_init(&verdict->end_ikes);
    svec_init(&verdict->end_children);
    svec_init(&verdict->end_superfluous);
    svec_init(&verdict->initiate);
    verdict->again = LLONG_MAX;
}

/* Frees what is in 'verdict'. */
void
strongswan_verdict_uninit(struct strongswan_verdict *verdict)
{
    svec_destroy(&verdict->end_ikes);
    svec_destroy(&verdict->end_children);
    svec_destroy(&verdict->end_superfluous);
    svec_destroy(&verdict->initiate);
}

/* While the peer does not have a child yet, its charon fits our request into
 * another one's selectors and says yes.  Such an SA carries nothing. */
static void
find_misfits_of(const struct child *child, const struct strongswan_ike_sa *ike,
                struct strongswan_verdict *verdict)
{
    for (size_t i = 0; i < ike->n_children; i++) {
        const struct strongswan_child_sa *sa = &ike->children[i];

        if (sa->installed && !strcmp(sa->name, child->name)
            && !strongswan_child_sa_matches(sa, child)) {
            svec_add(&verdict->end_children, sa->unique_id);
            verdict->error = "the peer does not have this tunnel yet";
        }
    }
}

static void
find_misfits(const struct peer *peer, const struct strongswan_sas *sas,
             struct strongswan_verdict *verdict)
{
    for (size_t i = 0; i < peer->n_children; i++) {
        for (size_t j = 0; j < sas->n; j++) {
            find_misfits_of(&peer->children[i], sas->sas[j], verdict);
        }
    }
}

/* Returns how much older, in s, 'sa' is than the newest of 'sas'.  Both are
 * established. */
static long long int
older_by(const struct strongswan_sas *sas, const struct strongswan_ike_sa *sa)
{
    return (strongswan_sas_born(sas, strongswan_sas_newest(sas))
            - strongswan_sas_born(sas, sa));
}

/* Returns true if the peer sends something by 'old' and has begun all of that
 * again in 'new', right when that came up.  What it begins again later is a
 * tunnel that has been changed, which leaves the others where they are. */
static bool
moves_incoming(const struct peer *peer, const struct strongswan_ike_sa *old,
               const struct strongswan_ike_sa *new)
{
    bool any = false;

    for (size_t i = 0; i < peer->n_children; i++) {
        const struct child *child = &peer->children[i];
        const struct strongswan_child_sa *sa;

        if (child->dir != CHILD_IN
            || !strongswan_ike_sa_find_child(old, child)) {
            continue;
        }
        sa = strongswan_ike_sa_find_child(new, child);
        if (!sa || new->age > sa->age + MOVE_TIME) {
            return false;
        }
        any = true;
    }
    return any;
}

/* Returns true if the peer has begun again in the newest of 'sas' what it
 * sends in one that is older by more than SUPERSEDED_AGE_AGAIN. */
static bool
begins_again(const struct peer *peer, const struct strongswan_sas *sas)
{
    const struct strongswan_ike_sa *newest = strongswan_sas_newest(sas);

    for (size_t i = 0; i < sas->n; i++) {
        if (sas->sas[i]->established
            && older_by(sas, sas->sas[i]) > SUPERSEDED_AGE_AGAIN
            && moves_incoming(peer, sas->sas[i], newest)) {
            return true;
        }
    }
    return false;
}

/* charon reuses an IKE_SA that it has.  So one that the peer started long
 * after 'sa' tells that the peer has lost 'sa', and what we send over it goes
 * nowhere, or that it leaves 'sa', having another certificate. */
static bool
is_superseded(const struct peer *peer, const struct strongswan_sas *sas,
              const struct strongswan_ike_sa *sa)
{
    const struct strongswan_ike_sa *newest = strongswan_sas_newest(sas);

    if (!sa->established || !newest || newest->initiator) {
        return false;
    }
    return older_by(sas, sa) > (begins_again(peer, sas)
                                ? SUPERSEDED_AGE_AGAIN : SUPERSEDED_AGE);
}

/* Returns true if we send 'child' over IKE_SAs only that are superseded. */
static bool
is_left_behind(const struct peer *peer, const struct strongswan_sas *sas,
               const struct child *child)
{
    bool found = false;

    for (size_t i = 0; i < sas->n; i++) {
        if (strongswan_ike_sa_find_child(sas->sas[i], child)) {
            if (!is_superseded(peer, sas, sas->sas[i])) {
                return false;
            }
            found = true;
        }
    }
    return found;
}

/* Finds what to start in an IKE_SA that supersedes others before those are
 * ended, so that nothing is lost.  charon takes the IKE_SA that came last,
 * unless somebody has given it a table of many rows: then the wait is in vain,
 * and what is lost comes back when the old IKE_SA has ended.
 *
 * Returns until when, in ms, the old one stays, 0 if nothing is to move. */
static long long int
find_moving(const struct peer *peer, const struct strongswan_sas *sas,
            long long int now, struct strongswan_verdict *verdict)
{
    const struct strongswan_ike_sa *newest = strongswan_sas_newest(sas);
    long long int until = (newest
                           ? strongswan_sas_born(sas, newest) * 1000
                             + MOVE_WAIT : 0);

    if (now >= until || !verdict->sending) {
        return 0;
    }
    for (size_t i = 0; i < peer->n_children; i++) {
        const struct child *child = &peer->children[i];

        if (child->dir == CHILD_OUT && is_left_behind(peer, sas, child)) {
            svec_add(&verdict->initiate, child->name);
            verdict->moving = true;
        }
    }
    return verdict->moving ? until : 0;
}

/* Returns when, in ms, 'sa' has waited for an answer for too long, LLONG_MAX
 * for never.  A peer that answers nowhere may be back any moment, which is
 * charon's affair; but one that has negotiated another IKE_SA since has lost
 * this one, however young that was. */
static long long int
unanswered_at(const struct strongswan_sas *sas,
              const struct strongswan_ike_sa *sa)
{
    const struct strongswan_ike_sa *newest = strongswan_sas_newest(sas);

    return (sa->asking && newest && newest != sa && !newest->asking
            && strongswan_sas_born(sas, newest) >= strongswan_sas_born(sas, sa)
            ? sa->asking_since + ANSWER_TIMEOUT : LLONG_MAX);
}

/* Returns when, in ms, there may be more to know of 'sa', LLONG_MAX for never:
 * what the peer has lost shows only when it is asked. */
static long long int
look_again_at(const struct strongswan_sas *sas,
              const struct strongswan_ike_sa *sa, long long int now)
{
    const struct strongswan_ike_sa *newest = strongswan_sas_newest(sas);
    long long int asked;

    if (sa->asking) {
        return unanswered_at(sas, sa);
    }
    if (!sa->established || !newest || newest == sa || newest->initiator) {
        return LLONG_MAX;
    }
    asked = (strongswan_sas_born(sas, newest) * 1000
             + ANSWER_TIMEOUT + SUPERSEDED_AGE * 1000);
    return now < asked ? asked : LLONG_MAX;
}

/* When an attempt that has led to nothing may be given up, in ms.  It grows
 * with the number of attempts, because a peer may be slow rather than dead.
 * Before we have made one, charon itself may bring back what the peer has
 * deleted: that is as good as ours. */
static long long int
attempt_ends(const struct strongswan_attempt *attempt, long long int now)
{
    long long int since = (attempt->at ? attempt->at
                           : attempt->since ? attempt->since : now);

    return MAX(attempt->next, since + CONNECTING_TIMEOUT);
}

/* Returns when, in ms, an attempt that 'sa' is busy with may be given up, as
 * far as that is up to 'sa'.  charon may have begun one of its own in an
 * IKE_SA that is new, when ours were over long ago.  Forcing that to an end
 * would leave the peer's half of it behind. */
static long long int
busy_ends(const struct strongswan_ike_sa *sa)
{
    return sa->asking ? sa->asking_since + CONNECTING_TIMEOUT : 0;
}

/* The same for the last of 'sas'. */
static long long int
all_busy_end(const struct strongswan_sas *sas)
{
    long long int end = 0;

    for (size_t i = 0; i < sas->n; i++) {
        if (sas->sas[i]->busy) {
            end = MAX(end, busy_ends(sas->sas[i]));
        }
    }
    return end;
}

/* Finds IKE_SAs to end; those that are superseded stay until 'moved', in ms.
 * Returns when, in ms, to look at 'sas' again. */
static long long int
find_obsolete(const struct peer *peer, const struct strongswan_sas *sas,
              bool given_up, long long int moved, long long int now,
              struct strongswan_verdict *verdict)
{
    long long int again = moved ? moved : LLONG_MAX;

    for (size_t i = 0; i < sas->n; i++) {
        const struct strongswan_ike_sa *sa = sas->sas[i];

        if ((!moved && is_superseded(peer, sas, sa))
            || (given_up && sa->busy && now >= busy_ends(sa))
            || now >= unanswered_at(sas, sa)) {
            svec_add(&verdict->end_ikes, sa->unique_id);
        } else {
            again = MIN(again, look_again_at(sas, sa, now));
        }
    }
    return again;
}

/* When we may start what either end could, in ms.  If both did, there would
 * be two of it, so the end with the smaller address comes first. */
static long long int
yield_ends(const struct peer *peer, const struct strongswan_attempt *attempt,
           long long int now)
{
    bool first = memcmp(&peer->local, &peer->remote, sizeof peer->local) < 0;

    return (first ? 0
            : (attempt->since ? attempt->since : now) + STRONGSWAN_YIELD);
}

/* Returns when, in ms, there is more to start than is in 'verdict', LLONG_MAX
 * for never. */
static long long int
find_missing(const struct peer *peer, const struct strongswan_sas *sas,
             const struct strongswan_attempt *attempt, long long int now,
             struct strongswan_verdict *verdict)
{
    long long int later = yield_ends(peer, attempt, now);
    bool yields = false;

    verdict->sending = verdict->receiving = true;
    for (size_t i = 0; i < peer->n_children; i++) {
        const struct child *child = &peer->children[i];

        if (strongswan_sas_find_child(sas, child)) {
            continue;
        }
        verdict->sending = verdict->sending && child->dir == CHILD_IN;
        verdict->receiving = verdict->receiving && child->dir == CHILD_OUT;
        if (child->dir == CHILD_BOTH && now < later) {
            yields = true;
        } else if (child->dir != CHILD_IN) {
            svec_add(&verdict->initiate, child->name);
        }
    }
    return yields ? later : LLONG_MAX;
}

/* Returns the child of 'peer' for what 'sa' is for, or null. */
static const struct child *
find_purpose(const struct peer *peer, const struct strongswan_child_sa *sa)
{
    for (size_t i = 0; i < peer->n_children; i++) {
        if (strongswan_child_sa_matches(sa, &peer->children[i])) {
            return &peer->children[i];
        }
    }
    return NULL;
}

/* An SA of a child that the peer no longer has goes, but if another child
 * takes its place, not before that one is there. */
static void
find_replaced(const struct peer *peer, const struct strongswan_sas *sas,
              struct strongswan_verdict *verdict)
{
    for (size_t i = 0; i < sas->n; i++) {
        for (size_t j = 0; j < sas->sas[i]->n_children; j++) {
            const struct strongswan_child_sa *sa = &sas->sas[i]->children[j];
            const struct child *next;

            if (!sa->installed || peer_find_child_named(peer, sa->name)) {
                continue;
            }
            next = find_purpose(peer, sa);
            if (!next || strongswan_sas_find_child(sas, next)) {
                svec_add(&verdict->end_superfluous, sa->unique_id);
            }
        }
    }
}

/* Returns true if something that 'peer' should receive by a child of its own
 * comes by an SA of a child that it no longer has, and by no other. */
bool
strongswan_receives_by_replaced(const struct peer *peer,
                                const struct strongswan_sas *sas)
{
    for (size_t i = 0; i < sas->n; i++) {
        for (size_t j = 0; j < sas->sas[i]->n_children; j++) {
            const struct strongswan_child_sa *sa = &sas->sas[i]->children[j];
            const struct child *next = find_purpose(peer, sa);

            if (sa->installed && next && next->dir == CHILD_IN
                && !peer_find_child_named(peer, sa->name)
                && !strongswan_sas_find_child(sas, next)) {
                return true;
            }
        }
    }
    return false;
}

static void
wait_until(struct strongswan_verdict *verdict, long long int when)
{
    svec_clear(&verdict->initiate);
    verdict->again = when;
}

/* Judges the connection of 'peer', for which charon lists 'sas', at 'now' (in
 * ms, as are the times in 'attempt').  '*verdict' must be empty; its 'error'
 * is constant. */
void
strongswan_judge(const struct peer *peer, const struct strongswan_sas *sas,
                 const struct strongswan_attempt *attempt, long long int now,
                 struct strongswan_verdict *verdict)
{
    long long int later = find_missing(peer, sas, attempt, now, verdict);
    long long int moved = find_moving(peer, sas, now, verdict);
    bool over = now >= attempt_ends(attempt, now);
    bool wanting = !verdict->sending || verdict->moving;
    long long int again;

    find_replaced(peer, sas, verdict);
    find_misfits(peer, sas, verdict);
    again = find_obsolete(peer, sas, !verdict->sending && over, moved, now,
                          verdict);
    if (!wanting && svec_is_empty(&verdict->end_ikes)
        && svec_is_empty(&verdict->end_children)) {
        if (strongswan_find_duplicates(peer, sas, &verdict->end_superfluous,
                                       &verdict->end_ikes)) {
            verdict->again = now + STRONGSWAN_DUPLICATES_WAIT;
        }
    }
    verdict->under_way = wanting && attempt->at && !over;

    if (!svec_is_empty(&verdict->end_ikes)
        || !svec_is_empty(&verdict->end_children)) {
        /* What is new comes when they are gone. */
        wait_until(verdict, now + STRONGSWAN_BACKOFF_MIN);
    } else if (wanting && strongswan_sas_busy(sas)) {
        /* Asking again would make a second child. */
        wait_until(verdict, MAX(attempt_ends(attempt, now),
                                all_busy_end(sas)));
    } else if (wanting && now < attempt->next && !attempt->hurry) {
        wait_until(verdict, attempt->next);
    } else if (svec_is_empty(&verdict->initiate) && later != LLONG_MAX) {
        wait_until(verdict, later);
    }
    if (svec_is_empty(&verdict->initiate)) {
        verdict->again = MIN(verdict->again, again);
    }
}

/* Notes in 'attempt' that one is made at 'now', in ms. */
void
strongswan_attempt_made(struct strongswan_attempt *attempt, long long int now)
{
    long long int delay = MIN(
        (long long int) STRONGSWAN_BACKOFF_MIN << MIN(attempt->tries, 10),
        BACKOFF_MAX);

    attempt->tries++;
    attempt->at = now;
    /* Apart from each other, so that a fleet does not move in step. */
    attempt->next = now + delay - delay / 4 + random_range(delay / 2);
    attempt->hurry = false;
}

/* Takes into 'attempt' what was judged at 'now', in ms. */
void
strongswan_attempt_note(struct strongswan_attempt *attempt,
                        const struct strongswan_verdict *verdict,
                        long long int now)
{
    if (verdict->sending && !verdict->moving) {
        memset(attempt, 0, sizeof *attempt);
    } else if (!attempt->since) {
        attempt->since = now;
    }
}
