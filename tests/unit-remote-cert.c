/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests ipsec/remote-cert with files in the working folder. */

#include <config.h>

#include "remote-cert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "sset.h"
#include "timeval.h"

#include "unit.h"
#include "unit-pki.h"

static void
write_cert(const char *file_name, const char *name, int to_days)
{
    EVP_PKEY *key = pki_make_key("EC");
    char *san = xasprintf("DNS:%s", name);
    X509 *cert = pki_make_cert(&(struct pki_spec) {
        .cn = name, .san = san, .key = key,
        .from_days = to_days < 0 ? to_days - 1 : 0, .to_days = to_days,
    });
    char *pem = pki_cert_pem(cert);
    char *tmp = xasprintf("%s.tmp", file_name);
    FILE *file = fopen(tmp, "w");

    if (!file || fputs(pem, file) < 0 || fclose(file)
        || rename(tmp, file_name)) {
        ovs_fatal(errno, "%s", file_name);
    }
    free(tmp);
    free(pem);
    free(san);
    X509_free(cert);
    EVP_PKEY_free(key);
}

/* Waits until the state of 'path' in 'certs' is 'name' and a part of
 * 'error'. */
static void
await(struct remote_certs *certs, const char *path, const char *name,
      const char *error, const char *where)
{
    long long int deadline = time_msec() + 10000;
    const struct remote_cert *cert;
    const char *got;
    bool ok;

    for (;;) {
        remote_certs_run(certs);
        cert = remote_certs_get(certs, path);
        got = remote_certs_get_error(certs, path);
        ok = (nullable_string_is_equal(cert ? cert->name : NULL, name)
              && (error ? got && strstr(got, error) : !got));
        if (ok || time_msec() >= deadline) {
            break;
        }
        remote_certs_wait(certs);
        poll_timer_wait_until(deadline);
        poll_block();
    }
    unit_check(ok, where, path);
    if (!ok) {
        fprintf(stderr, "  got: %s, %s\n", cert ? cert->name : "(null)",
                got ? got : "(null)");
    }
}
#define AWAIT(CERTS, PATH, NAME, ERROR) \
    await(CERTS, PATH, NAME, ERROR, OVS_SOURCE_LOCATOR)

void
unit_remote_cert(void)
{
    struct remote_certs *certs = remote_certs_create();
    struct sset paths = SSET_INITIALIZER(&paths);
    struct remote_cert *kept;
    uint64_t seqno;

    vlog_set_levels(NULL, VLF_CONSOLE, VLL_OFF);
    CHECK(remote_certs_is_settled(certs));
    unlink("late");
    write_cert("good", "ch2", 1);
    write_cert("expired", "ch3", -1);
    sset_add(&paths, "good");
    sset_add(&paths, "expired");
    sset_add(&paths, "late");
    remote_certs_set(certs, &paths);
    CHECK(!remote_certs_is_settled(certs));

    AWAIT(certs, "good", "ch2", NULL);
    AWAIT(certs, "expired", NULL, "expired: the certificate expired at ");
    AWAIT(certs, "late", NULL, "late: there is no such file; put the "
          "certificate there, or set options:remote_cert of the interface");
    CHECK(remote_certs_is_settled(certs));
    seqno = remote_certs_seqno(certs);

    /* A file that comes is found by itself. */
    write_cert("late", "ch4", 1);
    AWAIT(certs, "late", "ch4", NULL);
    CHECK(remote_certs_seqno(certs) != seqno);

    /* What is no longer wanted goes, but not for who holds it. */
    kept = remote_cert_ref(remote_certs_get(certs, "good"));
    sset_find_and_delete(&paths, "good");
    sset_find_and_delete(&paths, "expired");
    remote_certs_set(certs, &paths);
    CHECK(!remote_certs_get(certs, "good"));
    CHECK(remote_certs_get(certs, "late") != NULL);
    CHECK_STRING(kept ? kept->name : NULL, "ch2");
    remote_cert_unref(kept);
    remote_certs_destroy(certs);
    sset_destroy(&paths);
}
