/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Keys, certificates and CRLs that charon has in memory and would find in
 * files.
 *
 * New ones come first; the key and the files of those before stay for as long
 * as a connection that may use them does.  Certificates go to charon with each
 * connection, so only keys have to be loaded and unloaded.  A CRL cannot be
 * unloaded, but the next one of its CA takes its place.
 *
 * Of a key in a token charon is told where it is.  It may not get at it, so
 * no connection goes over to such a key before charon has said that it has it.
 *
 * The files of keys are copies, although other_config names a file.  swanctl
 * would follow a link, but its AppArmor profile, which is enforced, lets it
 * read below /etc/swanctl only, and AppArmor looks at where a link leads.
 * Besides, that file may have changed since, and be bad, or fit no
 * certificate of ours. */

#include <config.h>

#include "ike-strongswan.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "sset.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

#include "credentials.h"
#include "section.h"
#include "strongswan-conf.h"
#include "strongswan-files.h"
#include "strongswan-session.h"
#include "swanctl-conf.h"
#include "token-key.h"

VLOG_DEFINE_THIS_MODULE(strongswan_creds);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(10, 60);

/* How long, in ms, until a token that charon could not open is tried again. */
#define TOKEN_WAIT 30000

static void send_key(struct strongswan *, const struct credentials *);

/* Has the store hold 'cred' from now on, and in the end nothing else. */
void
strongswan_creds_use(struct strongswan *s, struct credentials *cred)
{
    struct strongswan_creds *creds = &s->creds;
    bool moved;

    if (cred == creds->current) {
        return;
    }
    moved = (creds->current
             && !strcmp(creds->current->key_id, cred->key_id)
             && !token_key_equals(creds->current->token, cred->token));
    if (creds->current) {
        sset_add(&creds->old_keys, creds->current->key_id);
        strongswan_files_note_certs(creds->current, &creds->old_certs);
    }
    credentials_unref(creds->current);
    creds->current = credentials_ref(cred);
    strongswan_creds_spare(s, &creds->old_keys, &creds->old_certs);
    strongswan_files_write_credentials(s->files, cred);
    if (moved && s->synced) {
        /* For the connections nothing has changed.  charon takes the same key
         * from elsewhere in place of the one that it has. */
        send_key(s, cred);
    }
}

/* Takes what is in use out of 'keys' and 'certs', names of files. */
void
strongswan_creds_spare(const struct strongswan *s, struct sset *keys,
                       struct sset *certs)
{
    struct sset used = SSET_INITIALIZER(&used);
    const char *name;

    if (s->creds.current) {
        sset_find_and_delete(keys, s->creds.current->key_id);
        strongswan_files_note_certs(s->creds.current, &used);
    }
    SSET_FOR_EACH (name, &used) {
        sset_find_and_delete(certs, name);
    }
    sset_destroy(&used);
}

/* Takes note of what earlier runs of ours have left in the folders, which
 * charon may have loaded. */
void
strongswan_creds_take_found(struct strongswan *s)
{
    struct strongswan_creds *creds = &s->creds;
    const char *name;

    SSET_FOR_EACH (name, swanctl_conf_found(s->files, SWANCTL_KEY)) {
        sset_add(&creds->old_keys, name);
    }
    SSET_FOR_EACH (name, swanctl_conf_found(s->files, SWANCTL_TOKEN)) {
        sset_add(&creds->old_keys, name);
    }
    SSET_FOR_EACH (name, swanctl_conf_found(s->files, SWANCTL_CERTIFICATE)) {
        sset_add(&creds->old_certs, name);
    }
    strongswan_creds_spare(s, &creds->old_keys, &creds->old_certs);
    SSET_FOR_EACH (name, &creds->old_certs) {
        creds->lost_trust |= strongswan_file_is_ca(name);
    }
    SSET_FOR_EACH (name, swanctl_conf_found(s->files, SWANCTL_CRL)) {
        if (!sset_contains(&creds->crl_files, name)) {
            /* It may have been the predecessor of one that revokes more. */
            creds->lost_trust |= !sset_is_empty(&creds->crl_files);
            swanctl_conf_set(s->files, SWANCTL_CRL, name, NULL, 0);
        }
    }
}

static void
set_token_error(struct strongswan_creds *creds, char *error)
{
    if (error && !nullable_string_is_equal(creds->token_error, error)) {
        VLOG_WARN_RL(&rl, "%s", error);
    }
    free(creds->token_error);
    creds->token_error = error;
}

/* Forgets what charon had, because it is gone. */
void
strongswan_creds_reset(struct strongswan_creds *creds)
{
    free(creds->loaded_key);
    creds->loaded_key = NULL;
    creds->token_opened = false;
    set_token_error(creds, NULL);
}

/* Gives charon the key of 'cred', or tells it where that is. */
static void
send_key(struct strongswan *s, const struct credentials *cred)
{
    strongswan_creds_reset(&s->creds);
    s->creds.loaded_key = xstrdup(cred->key_id);
    strongswan_send(s->session, STRONGSWAN_LOAD_CREDENTIAL, NULL,
                    cred->token ? "load-token" : "load-key",
                    strongswan_key(cred));
}

/* Has charon have the key of 'cred', which a connection is about to use.
 * Returns false while it does not, because it is in a token: when that
 * changes, all connections are looked at. */
bool
strongswan_creds_load(struct strongswan *s, const struct credentials *cred)
{
    struct strongswan_creds *creds = &s->creds;

    /* Those of a connection may be from before the key has moved. */
    if (creds->current && !strcmp(creds->current->key_id, cred->key_id)) {
        cred = creds->current;
    }
    if (!nullable_string_is_equal(creds->loaded_key, cred->key_id)) {
        send_key(s, cred);
    }
    return !cred->token || creds->token_opened;
}

static char *
explain_token(const struct strongswan_creds *creds,
              const struct strongswan_msg *msg)
{
    const char *id = section_get(msg->vici.body, "id");

    if (msg->vici.error) {
        /* Its log may have told why. */
        return xasprintf("%s", creds->token_error ? creds->token_error
                         : "charon cannot open the token that "
                           "other_config:private_key names: see its log, and "
                           "whether strongSwan's plugin pkcs11 is installed");
    }
    if (!nullable_string_is_equal(id, creds->loaded_key)) {
        return xasprintf("the key in the token does not belong to this host's "
                         "certificate: that is of key %s, the token's key is "
                         "%s; change id in other_config:private_key",
                         creds->loaded_key, id ? id : "another");
    }
    return NULL;
}

/* Takes in the answer to load-token.  A wrong key does no harm in charon,
 * without a certificate of its own; it may be somebody else's. */
void
strongswan_creds_handle_token(struct strongswan *s,
                              const struct strongswan_msg *msg)
{
    struct strongswan_creds *creds = &s->creds;
    struct strongswan_conn *conn;

    if (!creds->current || !creds->current->token) {
        return;
    }
    if (!creds->token_error) {
        creds->token_retry = time_msec() + TOKEN_WAIT;
    }
    set_token_error(creds, explain_token(creds, msg));
    creds->token_opened = !creds->token_error;
    if (creds->token_opened) {
        VLOG_INFO("charon has opened the token with this host's private key");
        STRONGSWAN_CONN_FOR_EACH (conn, &s->conns) {
            strongswan_conn_touch(&s->conns, conn);
        }
    }
}

/* Notes 'words' of charon's log, which tell why a token cannot be used.  They
 * may come before or after the answer.  With a wrong PIN, 'pin', it is not
 * tried again before something has changed: the token would lock itself. */
void
strongswan_creds_note_words(struct strongswan *s, const char *words, bool pin)
{
    struct strongswan_creds *creds = &s->creds;

    if (creds->current && creds->current->token && creds->loaded_key
        && !creds->token_opened) {
        set_token_error(creds, xstrdup(words));
        creds->token_retry = pin ? LLONG_MAX : time_msec() + TOKEN_WAIT;
    }
}

static bool
may_retry(const struct strongswan *s)
{
    return (s->synced && s->creds.token_error
            && s->creds.token_retry != LLONG_MAX);
}

/* Tries a token again whose time has come. */
void
strongswan_creds_run(struct strongswan *s)
{
    if (may_retry(s) && time_msec() >= s->creds.token_retry) {
        send_key(s, s->creds.current);
    }
}

/* Wakes the poll loop when strongswan_creds_run() has something to do. */
void
strongswan_creds_wait(const struct strongswan *s)
{
    if (may_retry(s)) {
        poll_timer_wait_until(s->creds.token_retry);
    }
}

/* Takes away what no connection uses any more; the caller says when. */
void
strongswan_creds_retire(struct strongswan *s)
{
    struct strongswan_creds *creds = &s->creds;
    const char *name;

    SSET_FOR_EACH (name, &creds->old_keys) {
        VLOG_INFO("private key %s is no longer used: unloading it", name);
        strongswan_send(s->session, STRONGSWAN_OTHER, NULL, "unload-key",
                        strongswan_args("id", name, NULL));
        strongswan_files_remove_key(s->files, name);
    }
    SSET_FOR_EACH (name, &creds->old_certs) {
        swanctl_conf_set(s->files, SWANCTL_CERTIFICATE, name, NULL, 0);
    }
    sset_clear(&creds->old_keys);
    sset_clear(&creds->old_certs);
    creds->lost_trust = false;
}

/* CRLs. */

static void
load_crl(struct strongswan *s, const char *pem)
{
    strongswan_send(s->session, STRONGSWAN_LOAD_CREDENTIAL, NULL, "load-cert",
                    strongswan_args("type", "X509_CRL", "flag", "NONE",
                                    "data", pem, NULL));
}

/* Gives charon all CRLs, because it has just come. */
void
strongswan_creds_load_crls(struct strongswan *s)
{
    const char *pem;
    size_t i;

    SVEC_FOR_EACH (i, pem, &s->creds.crls) {
        load_crl(s, pem);
    }
}

/* Makes 'crls', PEM of one each, what charon has, now and after its
 * restart. */
void
strongswan_creds_set_crls(struct strongswan *s, const struct svec *crls)
{
    struct sset old;
    const char *name;
    const char *pem;
    size_t i;

    if (svec_equal(crls, &s->creds.crls)) {
        return;
    }
    sset_clone(&old, &s->creds.crl_files);
    sset_clear(&s->creds.crl_files);
    SVEC_FOR_EACH (i, pem, crls) {
        char *file = strongswan_crl_file(pem);

        if (!sset_find_and_delete(&old, file)) {
            swanctl_conf_set(s->files, SWANCTL_CRL, file, pem, strlen(pem));
            if (s->synced) {
                load_crl(s, pem);
            }
        }
        sset_add_and_free(&s->creds.crl_files, file);
    }
    SSET_FOR_EACH (name, &old) {
        swanctl_conf_set(s->files, SWANCTL_CRL, name, NULL, 0);
    }
    sset_destroy(&old);
    svec_destroy(&s->creds.crls);
    svec_clone(&s->creds.crls, crls);
}

/* All of it. */

void
strongswan_creds_init(struct strongswan_creds *creds)
{
    memset(creds, 0, sizeof *creds);
    sset_init(&creds->old_keys);
    sset_init(&creds->old_certs);
    sset_init(&creds->crl_files);
    svec_init(&creds->crls);
}

void
strongswan_creds_uninit(struct strongswan_creds *creds)
{
    credentials_unref(creds->current);
    strongswan_creds_reset(creds);
    sset_destroy(&creds->old_keys);
    sset_destroy(&creds->old_certs);
    sset_destroy(&creds->crl_files);
    svec_destroy(&creds->crls);
}
