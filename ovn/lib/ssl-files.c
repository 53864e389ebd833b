/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* See ssl-files.h.
 *
 * Key and certificate are two files, and who replaces them replaces one after
 * the other.  libopenvswitch, called in between, would drop the key, or not
 * look at the certificate again.  So it is not called before the two fit. */

#include <config.h>

#include "ovn/lib/ssl-files.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

#include "openvswitch/vlog.h"
#include "ovn/lib/troubles.h"
#include "socket-util.h"
#include "stream-ssl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ssl_files);

struct ssl_file {
    char *name;                 /* Null: none. */
    struct timespec mtime;      /* When it was last looked at. */
};

static struct ssl_file key_file, cert_file;
static char *ca_name;
static bool ca_bootstrap;
static struct troubles ssl_troubles;

/* Comes first. */
void
ssl_files_init(void)
{
    troubles_init(&ssl_troubles);
}

/* Frees everything. */
void
ssl_files_destroy(void)
{
    free(key_file.name);
    free(cert_file.name);
    free(ca_name);
    troubles_destroy(&ssl_troubles);
}

static void
set_name(struct ssl_file *file, const char *name)
{
    if (!nullable_string_is_equal(file->name, name)) {
        free(file->name);
        *file = (struct ssl_file) { .name = nullable_xstrdup(name) };
    }
}

/* From now on, the private key and the certificate are in these files; null
 * for none, empty is the same. */
void
ssl_files_set(const char *private_key, const char *certificate)
{
    set_name(&key_file, private_key && private_key[0] ? private_key : NULL);
    set_name(&cert_file, certificate && certificate[0] ? certificate : NULL);
}

/* From now on, the CAs of our peers are in the file 'ca_cert', null for none.
 * If 'bootstrap', that file is made of what the first peer shows. */
void
ssl_files_set_ca(const char *ca_cert, bool bootstrap)
{
    char *name = ca_cert && ca_cert[0] ? xstrdup(ca_cert) : NULL;

    free(ca_name);
    ca_name = name;
    ca_bootstrap = bootstrap;
}

static bool
update_mtime(struct ssl_file *file)
{
    struct timespec mtime;

    get_mtime(file->name, &mtime);
    if (mtime.tv_sec == file->mtime.tv_sec
        && mtime.tv_nsec == file->mtime.tv_nsec) {
        return false;
    }
    file->mtime = mtime;
    return true;
}

static FILE *
open_file(const char *name)
{
    FILE *stream = fopen(name, "r");

    if (!stream) {
        troubles_add(&ssl_troubles, VLL_ERR, name,
                     "%s: cannot read this file for ssl: connections (%s); "
                     "going on with the previous one, if any", name,
                     ovs_strerror(errno));
    }
    return stream;
}

static void
report_contents(const char *name, const char *what)
{
    troubles_add(&ssl_troubles, VLL_ERR, name,
                 "%s: this is no %s in PEM form, for ssl: connections; going "
                 "on with the previous one, if any", name, what);
}

/* Returns the contents of 'cert_file' or null, with a trouble. */
static X509 *
read_cert(void)
{
    FILE *stream = open_file(cert_file.name);
    X509 *cert = stream ? PEM_read_X509(stream, NULL, NULL, NULL) : NULL;

    if (stream) {
        fclose(stream);
        if (!cert) {
            report_contents(cert_file.name, "certificate");
        }
    }
    return cert;
}

/* Likewise for 'key_file'. */
static EVP_PKEY *
read_key(void)
{
    char no_password[] = "";
    FILE *stream = open_file(key_file.name);
    EVP_PKEY *key = stream ? PEM_read_PrivateKey(stream, NULL, NULL,
                                                 no_password) : NULL;

    if (stream) {
        fclose(stream);
        if (!key) {
            report_contents(key_file.name, "private key without a password");
        }
    }
    return key;
}

static bool
check_pair(void)
{
    X509 *cert = read_cert();
    EVP_PKEY *key = read_key();
    bool fits = cert && key && X509_check_private_key(cert, key) == 1;

    if (cert && key && !fits) {
        troubles_add(&ssl_troubles, VLL_ERR, cert_file.name,
                     "the private key in %s is not that of the certificate "
                     "in %s: ssl: connections go on with the previous ones, "
                     "if any, until both files have been replaced",
                     key_file.name, cert_file.name);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return fits;
}

static void
update_pair(void)
{
    bool key_changed = key_file.name && update_mtime(&key_file);
    bool cert_changed = cert_file.name && update_mtime(&cert_file);

    if (!key_changed && !cert_changed) {
        return;
    }
    troubles_begin(&ssl_troubles);
    if (!key_file.name || !cert_file.name) {
        troubles_add(&ssl_troubles, VLL_ERR, "pair",
                     "ssl: connections need both a private key and a "
                     "certificate, but only %s is named",
                     key_file.name ? key_file.name : cert_file.name);
    } else if (check_pair()) {
        VLOG_INFO("ssl: connections use %s and %s as they are now",
                  key_file.name, cert_file.name);
        stream_ssl_set_certificate_file(cert_file.name);
        stream_ssl_set_private_key_file(key_file.name);
    }
    troubles_end(&ssl_troubles);
}

/* Reads what was replaced. */
void
ssl_files_run(void)
{
    update_pair();
    if (ca_name) {
        stream_ssl_set_ca_cert_file(ca_name, ca_bootstrap);
    }
}
