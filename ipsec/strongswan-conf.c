/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Turns peers into strongSwan's configuration; see strongswan-conf.h.  Names
 * and values are those of swanctl.conf(5), in which vici takes them too. */

#include <config.h>

#include "strongswan-conf.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "sha1.h"
#include "util.h"

#include "credentials.h"
#include "peer.h"
#include "remote-cert.h"
#include "secret.h"
#include "section.h"
#include "swanctl-conf.h"
#include "token-key.h"
#include "tunnel-options.h"

static char *
address_string(const struct in6_addr *address)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ipv6_format_mapped(address, &ds);
    return ds_steal_cstr(&ds);
}

static void
put_address_list(struct section *section, const char *name,
                 const struct in6_addr *address)
{
    char *text = address_string(address);

    section_put_list(section, name, text);
    free(text);
}

static void
put_elements(struct section *list, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, ",");

        section_append(list, text, n);
        text += n + (text[n] == ',');
    }
}

static void
put_settings(struct section *section, const struct tunnel_options *options,
             enum setting_scope scope)
{
    SETTING_FOR_EACH (setting, scope) {
        const char *value = tunnel_options_get(options, setting);

        if (setting == IKE_OVER_TIME) {
            continue;
        }
        if (value && setting_is_list(setting)) {
            put_elements(section_add_list(section, setting_name(setting)),
                         value);
        } else if (value) {
            section_put(section, setting_name(setting), value);
        }
    }
}

/* How much later than it should be replaced an IKE_SA ends.  What a CA has
 * revoked is no part of a connection for charon, which would go on with the
 * IKE_SA that it has.  But whoever has been authenticated must be so again, so
 * this time, on which nothing depends, is another after each revocation. */
static void
put_over_time(struct section *conn, const struct peer *peer)
{
    const char *time = tunnel_options_get(peer->options, IKE_OVER_TIME);
    const char *rekey = tunnel_options_get(peer->options, IKE_REKEY_TIME);
    unsigned int epoch = (peer->credentials
                          ? credentials_epoch(peer->credentials) : 0);

    if (epoch) {
        unsigned long int seconds = (time ? strtoul(time, NULL, 10)
                                     : strtoul(rekey, NULL, 10) / 10);

        section_put_format(conn, "over_time", "%lu", seconds + epoch);
    } else if (time) {
        section_put(conn, "over_time", time);
    }
}

/* With transport mode, "dynamic" is the address of the IKE_SA. */
static void
put_selector(struct section *section, const char *name, uint8_t proto,
             uint16_t port)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_format(&ds, "dynamic[%u", proto);
    if (port) {
        ds_put_format(&ds, "/%u", port);
    }
    ds_put_char(&ds, ']');
    section_put_list(section, name, ds_cstr(&ds));
    ds_destroy(&ds);
}

static void
put_child(struct section *children, const struct child *child,
          const char *start_action)
{
    struct section *section = section_add(children, child->name);

    put_settings(section, child->options, SETTING_ESP);
    put_selector(section, "local_ts", child->proto, child_local_port(child));
    put_selector(section, "remote_ts", child->proto,
                 child_remote_port(child));
    section_put(section, "start_action",
                child->dir == CHILD_IN ? "none" : start_action);
}

/* A name is always said to be one: charon would take some for something
 * else. */
static void
put_identity(struct section *section, const char *name)
{
    section_put_format(section, "id", "fqdn:%s", name);
}

static void
put_psk_auth(struct section *conn, const struct peer *peer)
{
    struct section *local = section_add(conn, "local");
    struct section *remote = section_add(conn, "remote");
    char *local_id = address_string(&peer->local);
    char *remote_id = address_string(&peer->remote);

    section_put(local, "auth", "psk");
    section_put(local, "id", local_id);
    section_put(remote, "auth", "psk");
    section_put(remote, "id", remote_id);
    free(local_id);
    free(remote_id);
}

/* Appends to 'list' a certificate, as contents 'pem' or, if 'files' is not
 * null, as the path of its 'file', which it frees. */
static void
append_cert(struct section *list, const char *pem, char *file,
            const struct swanctl_conf *files)
{
    if (files) {
        char *path = swanctl_conf_path(files, SWANCTL_CERTIFICATE, file);

        section_append(list, path, strlen(path));
        free(path);
    } else {
        section_append(list, pem, strlen(pem));
    }
    free(file);
}

/* Appends to 'list' the certificates of 'kind' likewise. */
static void
append_certs(struct section *list, const struct credentials *cred,
             enum strongswan_cert kind, const struct swanctl_conf *files)
{
    for (size_t i = 0; i < strongswan_n_certs(cred, kind); i++) {
        append_cert(list, strongswan_cert_pem(cred, kind, i),
                    strongswan_cert_file(cred, kind, i), files);
    }
}

/* The peer must prove that it has the key of its own certificate, or of one
 * that our CA signed for its name.  Without either charon would take any CA
 * that somebody has loaded. */
static void
put_cert_auth(struct section *conn, const struct peer *peer,
              const struct swanctl_conf *files)
{
    const struct credentials *cred = peer->credentials;
    struct section *local = section_add(conn, "local");
    struct section *remote = section_add(conn, "remote");
    struct section *certs = section_add_list(local, "certs");

    section_put(local, "auth", "pubkey");
    put_identity(local, cred->name);
    append_certs(certs, cred, STRONGSWAN_OWN, files);
    append_certs(certs, cred, STRONGSWAN_CHAIN, files);

    section_put(remote, "auth", "pubkey");
    put_identity(remote, peer->remote_name);
    if (peer->remote_cert) {
        append_cert(section_add_list(remote, "certs"), peer->remote_cert->pem,
                    strongswan_remote_cert_file(peer->remote_cert), files);
    } else {
        append_certs(section_add_list(remote, "cacerts"), cred,
                     STRONGSWAN_CA, files);
    }
    if (credentials_are_strict(cred)) {
        section_put(remote, "revocation", cred->revocation);
    }
}

static void
put_conn(struct section *conns, const struct peer *peer,
         const struct swanctl_conf *files)
{
    struct section *conn = section_add(conns, peer->name);

    put_settings(conn, peer->options, SETTING_IKE);
    put_over_time(conn, peer);
    put_address_list(conn, "local_addrs", &peer->local);
    put_address_list(conn, "remote_addrs", &peer->remote);
    if (peer->auth == TUNNEL_AUTH_PSK) {
        put_psk_auth(conn, peer);
    } else {
        put_cert_auth(conn, peer, files);
    }

    /* The daemon starts children itself, and the guard holds packets.  The
     * file speaks for the time when charon has started and the daemon is not
     * there. */
    struct section *children = section_add(conn, "children");
    for (size_t i = 0; i < peer->n_children; i++) {
        const struct child *child = &peer->children[i];

        put_child(children, child, files || child->trap ? "trap" : "none");
    }
}

/* Returns a load-conn message for 'peer', which the caller owns. */
struct section *
strongswan_conn_for_vici(const struct peer *peer)
{
    struct section *conns = section_create();

    put_conn(conns, peer, NULL);
    return conns;
}

/* Returns the name of the secret of connection 'conn', which the caller
 * frees.  swanctl uses the name that it has in the file as its id, and unloads
 * those that it has no file for. */
char *
strongswan_shared_id(const char *conn)
{
    return xasprintf(STRONGSWAN_SHARED_PREFIX"%s", conn);
}

/* swanctl takes 0x as the mark of hexadecimal, also within quotes, so that is
 * the one form in which any secret can be written. */
static void
put_file_secret(struct section *root, const struct peer *peer)
{
    char *section_name = strongswan_shared_id(peer->name);
    struct section *secret = section_add(section_add(root, "secrets"),
                                         section_name);
    char *local = address_string(&peer->local);
    char *remote = address_string(&peer->remote);
    struct ds hex = DS_EMPTY_INITIALIZER;

    ds_put_cstr(&hex, "0x");
    for (const char *p = peer->psk; *p; p++) {
        ds_put_format(&hex, "%02x", (unsigned char) *p);
    }
    section_put(secret, "id-local", local);
    section_put(secret, "id-remote", remote);
    section_put(secret, "secret", ds_cstr(&hex));
    secret_free_block(hex.string, hex.length);
    free(section_name);
    free(local);
    free(remote);
}

/* Returns the contents of the swanctl.conf file for 'peer', whose
 * certificates are in 'files'.  The caller owns it. */
struct section *
strongswan_conn_for_file(const struct peer *peer,
                         const struct swanctl_conf *files)
{
    struct section *root = section_create();

    put_conn(section_add(root, "connections"), peer, files);
    if (peer->auth == TUNNEL_AUTH_PSK) {
        put_file_secret(root, peer);
    }
    return root;
}

/* Returns a load-shared message for 'peer', whose authentication is psk.  The
 * caller owns it. */
struct section *
strongswan_shared(const struct peer *peer)
{
    struct section *args = section_create();
    char *local = address_string(&peer->local);
    char *remote = address_string(&peer->remote);

    char *id = strongswan_shared_id(peer->name);

    section_put(args, "id", id);
    section_put(args, "type", "IKE");
    free(id);
    section_put(args, "data", peer->psk);

    struct section *owners = section_add_list(args, "owners");
    section_append(owners, local, strlen(local));
    section_append(owners, remote, strlen(remote));
    free(local);
    free(remote);
    return args;
}

static void
put_token(struct section *section, const struct token_key *token)
{
    section_put(section, "handle", token->handle);
    if (token->slot) {
        section_put(section, "slot", token->slot);
    }
    if (token->module) {
        section_put(section, "module", token->module);
    }
    if (token->pin) {
        section_put(section, "pin", token->pin);
    }
}

/* Returns a message for the key of 'cred': load-token if it is in a token,
 * otherwise load-key.  The caller owns it. */
struct section *
strongswan_key(const struct credentials *cred)
{
    struct section *args = section_create();

    if (cred->token) {
        put_token(args, cred->token);
    } else {
        section_put(args, "type", "any");
        section_put(args, "data", cred->key);
    }
    return args;
}

/* Returns the contents of the swanctl.conf file for the key of 'cred', which
 * is in a token.  The caller owns it. */
struct section *
strongswan_token_for_file(const struct credentials *cred)
{
    struct section *root = section_create();
    struct section *secrets = section_add(root, "secrets");
    char *name = xasprintf("token-%s", cred->key_id);

    put_token(section_add(secrets, name), cred->token);
    free(name);
    return root;
}

/* Returns how many certificates of 'kind' there are in 'cred'. */
size_t
strongswan_n_certs(const struct credentials *cred, enum strongswan_cert kind)
{
    return (kind == STRONGSWAN_OWN ? 1
            : kind == STRONGSWAN_CHAIN ? cred->chain.n
            : cred->cas.n);
}

/* Returns certificate number 'i' of 'kind' in PEM, owned by 'cred'. */
const char *
strongswan_cert_pem(const struct credentials *cred, enum strongswan_cert kind,
                    size_t i)
{
    return (kind == STRONGSWAN_OWN ? cred->cert
            : kind == STRONGSWAN_CHAIN ? cred->chain.names[i]
            : cred->cas.names[i]);
}

/* Returns the name of the file for 'pem' of a 'kind'. */
static char *
file_of(const char *pem, const char *kind)
{
    char hex[SHA1_HEX_DIGEST_LEN + 1];
    uint8_t digest[SHA1_DIGEST_SIZE];

    sha1_bytes(pem, strlen(pem), digest);
    sha1_to_hex(digest, hex);
    return xasprintf("%.20s-%s", hex, kind);
}

/* Returns the name of the file for certificate number 'i' of 'kind', which is
 * always the same for the same certificate.  The caller frees it. */
char *
strongswan_cert_file(const struct credentials *cred, enum strongswan_cert kind,
                     size_t i)
{
    static const char *const words[] = { "own", "chain", "ca" };

    return file_of(strongswan_cert_pem(cred, kind, i), words[kind]);
}

/* Returns true if 'name' is one of those that CAs' certificates have. */
bool
strongswan_file_is_ca(const char *name)
{
    const char *kind = strrchr(name, '-');

    return kind && !strcmp(kind, "-ca");
}

/* Returns the name of the file for CRL 'pem'.  The caller frees it. */
char *
strongswan_crl_file(const char *pem)
{
    return file_of(pem, "crl");
}

/* Returns the name of the file for a peer's certificate.  The caller frees
 * it. */
char *
strongswan_remote_cert_file(const struct remote_cert *cert)
{
    return file_of(cert->pem, "peer");
}
