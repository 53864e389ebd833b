/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Keys, certificates and CRLs that charon has in memory and would find in
 * files.
 *
 * New ones come first; the key and the files of those before stay for as long
 * as a connection that may use them does.  Certificates go to charon with each
 * connection, so only keys have to be loaded and unloaded.  A CRL cannot be
 * unloaded, but the next one of its CA takes its place. */

#include <config.h>

#include "ike-strongswan.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/vlog.h"
#include "sset.h"
#include "svec.h"
#include "util.h"

#include "credentials.h"
#include "section.h"
#include "strongswan-conf.h"
#include "strongswan-files.h"
#include "strongswan-session.h"
#include "swanctl-conf.h"

VLOG_DEFINE_THIS_MODULE(strongswan_creds);

/* Has the store hold 'cred' from now on, and in the end nothing else. */
void
strongswan_creds_use(struct strongswan *s, struct credentials *cred)
{
    struct strongswan_creds *creds = &s->creds;

    if (cred == creds->current) {
        return;
    }
    if (creds->current) {
        sset_add(&creds->old_keys, creds->current->key_id);
        strongswan_files_note_certs(creds->current, &creds->old_certs);
    }
    credentials_unref(creds->current);
    creds->current = credentials_ref(cred);
    strongswan_creds_spare(s, &creds->old_keys, &creds->old_certs);
    strongswan_files_write_credentials(s->files, cred);
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

/* Gives charon the key of 'cred', which connection 'conn' is about to use. */
void
strongswan_creds_load(struct strongswan *s, const char *conn,
                      const struct credentials *cred)
{
    if (!nullable_string_is_equal(s->creds.loaded_key, cred->key_id)) {
        strongswan_send(s->session, STRONGSWAN_LOAD_CREDENTIAL, conn,
                        "load-key", strongswan_key(cred));
        free(s->creds.loaded_key);
        s->creds.loaded_key = xstrdup(cred->key_id);
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
        swanctl_conf_set(s->files, SWANCTL_KEY, name, NULL, 0);
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
    strongswan_send(s->session, STRONGSWAN_OTHER, NULL, "load-cert",
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
    free(creds->loaded_key);
    sset_destroy(&creds->old_keys);
    sset_destroy(&creds->old_certs);
    sset_destroy(&creds->crl_files);
    svec_destroy(&creds->crls);
}
