/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Writes a peer's connection, secret and credentials where a charon that
 * starts without us finds them; see strongswan-files.h. */

#include <config.h>

#include "strongswan-files.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "sset.h"
#include "util.h"

#include "credentials.h"
#include "peer.h"
#include "remote-cert.h"
#include "secret.h"
#include "section.h"
#include "strongswan-conf.h"
#include "swanctl-conf.h"

VLOG_DEFINE_THIS_MODULE(strongswan_files);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(10, 60);

static const char *
file_name(const char *conn)
{
    return conn + strlen(PEER_NAME_PREFIX);
}

static void
write_string(struct swanctl_conf *files, enum swanctl_kind kind,
             const char *name, const char *contents)
{
    swanctl_conf_set(files, kind, name, contents, strlen(contents));
}

/* Has 'files' hold 'tree', which it takes, as the file 'name' of 'kind'.
 * 'what' is in it. */
static void
write_tree(struct swanctl_conf *files, enum swanctl_kind kind,
           const char *name, const char *what, struct section *tree)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    char *error;

    ds_put_cstr(&ds, "# Written by ovs-monitor-ipsec.  "
                "Changes made here will be lost.\n");
    error = section_format_conf(tree, &ds);
    if (error) {
        VLOG_WARN_RL(&rl, "%s: cannot write its swanctl file: %s", what,
                     error);
        free(error);
    } else {
        write_string(files, kind, name, ds_cstr(&ds));
    }
    secret_free_block(ds.string, ds.length);
    section_destroy(tree);
}

/* The key may have been elsewhere before. */
static void
write_key(struct swanctl_conf *files, const struct credentials *cred)
{
    if (cred->token) {
        write_tree(files, SWANCTL_TOKEN, cred->key_id, "the token's key",
                   strongswan_token_for_file(cred));
        swanctl_conf_set(files, SWANCTL_KEY, cred->key_id, NULL, 0);
    } else {
        write_string(files, SWANCTL_KEY, cred->key_id, cred->key);
        swanctl_conf_set(files, SWANCTL_TOKEN, cred->key_id, NULL, 0);
    }
}

/* Has 'files' no longer hold the key with 'id', wherever it is. */
void
strongswan_files_remove_key(struct swanctl_conf *files, const char *id)
{
    swanctl_conf_set(files, SWANCTL_KEY, id, NULL, 0);
    swanctl_conf_set(files, SWANCTL_TOKEN, id, NULL, 0);
}

/* Has 'files' hold the certificates and the key of 'cred'. */
void
strongswan_files_write_credentials(struct swanctl_conf *files,
                                   const struct credentials *cred)
{
    write_key(files, cred);
    for (enum strongswan_cert kind = 0; kind < STRONGSWAN_N_CERTS; kind++) {
        for (size_t i = 0; i < strongswan_n_certs(cred, kind); i++) {
            char *name = strongswan_cert_file(cred, kind, i);

            write_string(files, SWANCTL_CERTIFICATE, name,
                         strongswan_cert_pem(cred, kind, i));
            free(name);
        }
    }
}

static void
write_remote_cert(struct swanctl_conf *files, const struct peer *peer)
{
    if (peer->remote_cert) {
        char *name = strongswan_remote_cert_file(peer->remote_cert);

        write_string(files, SWANCTL_CERTIFICATE, name,
                     peer->remote_cert->pem);
        free(name);
    }
}

/* Has 'files' hold the connection of 'peer', with its secret, or with its
 * certificate. */
void
strongswan_files_write(struct swanctl_conf *files, const struct peer *peer)
{
    write_remote_cert(files, peer);
    write_tree(files, SWANCTL_CONNECTION, file_name(peer->name), peer->tunnel,
               strongswan_conn_for_file(peer, files));
}

/* Has 'files' no longer hold the connection named 'conn'. */
void
strongswan_files_remove(struct swanctl_conf *files, const char *conn)
{
    swanctl_conf_set(files, SWANCTL_CONNECTION, file_name(conn), NULL, 0);
}

/* Returns true if the connection named 'conn' is on disk. */
bool
strongswan_files_are_written(const struct swanctl_conf *files,
                             const char *conn)
{
    return swanctl_conf_is_done(files, SWANCTL_CONNECTION, file_name(conn));
}

/* Adds to 'names' those of the files of the certificates in 'cred'. */
void
strongswan_files_note_certs(const struct credentials *cred,
                            struct sset *names)
{
    for (enum strongswan_cert kind = 0; kind < STRONGSWAN_N_CERTS; kind++) {
        for (size_t i = 0; i < strongswan_n_certs(cred, kind); i++) {
            sset_add_and_free(names, strongswan_cert_file(cred, kind, i));
        }
    }
}
