/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests token-key: what each URI says, and each fault in its own words. */

#include <config.h>

#include "token-key.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

#include "unit.h"

static struct token_key *
parse(const char *uri)
{
    struct token_key *key;
    char *error = token_key_parse(uri, &key);

    CHECK(token_key_is_uri(uri));
    CHECK_STRING(error, NULL);
    free(error);
    return key;
}

static void
test_good(void)
{
    struct token_key *key = parse("pkcs11:id=%01");
    struct token_key *copy;

    CHECK_STRING(key->handle, "01");
    CHECK_STRING(key->slot, NULL);
    CHECK_STRING(key->module, NULL);
    CHECK_STRING(key->pin, NULL);
    CHECK_STRING(key->pin_file, NULL);
    token_key_destroy(key);

    /* The order does not matter, nor do bytes that are what they are. */
    key = parse("pkcs11:token=My%20token;id=a%00%fF;object=k;type=private;"
                "slot-id=007;?module-name=soft-hsm_2&pin-value=1%3b2");
    CHECK_STRING(key->handle, "6100ff");
    CHECK_STRING(key->slot, "7");
    CHECK_STRING(key->module, "soft-hsm_2");
    CHECK_STRING(key->pin, "1;2");
    copy = token_key_clone(key);
    CHECK(token_key_equals(key, copy));
    token_key_destroy(key);
    token_key_destroy(copy);

    static const char *const sources[] = {
        "pkcs11:id=%01?pin-source=file:/run/pin",
        "pkcs11:id=%01?pin-source=file:///run/pin",
        "pkcs11:id=%01?pin-source=file://localhost/run/pin",
        "pkcs11:id=%01?pin-source=%2Frun%2fpin",
    };
    for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
        key = parse(sources[i]);
        CHECK_STRING(key->pin_file, "/run/pin");
        token_key_destroy(key);
    }
    CHECK(!token_key_is_uri("/etc/keys/key") && !token_key_is_uri(NULL));
}

static void
check_fault(const char *uri, const char *expected, const char *where)
{
    struct token_key *key;
    char *error = token_key_parse(uri, &key);

    unit_check_string(error, expected, where, uri);
    unit_check(!key, where, "no key");
    free(error);
    token_key_destroy(key);
}
#define CHECK_FAULT(URI, EXPECTED) \
    check_fault("pkcs11:" URI, EXPECTED, OVS_SOURCE_LOCATOR)

static void
test_faults(void)
{
    static const char no_id[] =
        "the PKCS #11 URI has no \"id\", and charon finds no key without; "
        "write \"pkcs11:id=%01\" with the key's CKA_ID, which \"pkcs11-tool "
        "--list-objects\" shows";

    CHECK_FAULT("", no_id);
    CHECK_FAULT("object=mine", no_id);
    CHECK_FAULT("token=t;object=mine?pin-value=1", no_id);
    CHECK_FAULT("id=", "\"id\" in the PKCS #11 URI is empty");
    CHECK_FAULT("id", "\"id\" in the PKCS #11 URI has no \"=\" after it");
    CHECK_FAULT("id=%0", "\"id\" in the PKCS #11 URI has a % without two "
                "hexadecimal digits after it");
    CHECK_FAULT("id=%zz", "\"id\" in the PKCS #11 URI has a % without two "
                "hexadecimal digits after it");
    CHECK_FAULT("id=a b", "\"id\" in the PKCS #11 URI has a character that "
                "must be percent-encoded");
    CHECK_FAULT("id=%01;id=%01", "\"id\" in the PKCS #11 URI is there twice");
    CHECK_FAULT("id=%01;;type=private", "\"\" in the PKCS #11 URI has no "
                "\"=\" after it");
    CHECK_FAULT("id=%01;type=cert", "\"type\" in the PKCS #11 URI is not "
                "\"private\"");
    CHECK_FAULT("id=%01;colour=red", "\"colour\" in the PKCS #11 URI is no "
                "attribute that there is");
    CHECK_FAULT("?id=%01", "\"id\" in the PKCS #11 URI must stand before the "
                "\"?\"");
    CHECK_FAULT("id=%01;pin-value=1", "\"pin-value\" in the PKCS #11 URI must "
                "stand after a \"?\"");
    CHECK_FAULT("id=%01;slot-id=x", "\"slot-id\" in the PKCS #11 URI is not a "
                "number that a slot can have");
    CHECK_FAULT("id=%01;slot-id=4294967295", "\"slot-id\" in the PKCS #11 URI "
                "is not a number that a slot can have");
    CHECK_FAULT("id=%01;slot-id=1?module-name=a.b", "\"module-name\" in the "
                "PKCS #11 URI is not the name of a section of "
                "charon.plugins.pkcs11.modules in strongswan.conf");
    CHECK_FAULT("id=%01?module-name=a", "the PKCS #11 URI has \"module-name\" "
                "and no \"slot-id\", without which charon does not look at "
                "it: write both, or none of them");
    CHECK_FAULT("id=%01?module-path=/x.so", "\"module-path\" in the PKCS #11 "
                "URI cannot be used: charon loads no library that its "
                "strongswan.conf does not name; write module-name, with the "
                "name of its section in charon.plugins.pkcs11.modules");
    CHECK_FAULT("id=%01?pin-source=%7Cprogram", "\"pin-source\" in the PKCS "
                "#11 URI is not a file; write file:/PATH");
    CHECK_FAULT("id=%01?pin-source=file://host/x", "\"pin-source\" in the "
                "PKCS #11 URI is not a file; write file:/PATH");
    CHECK_FAULT("id=%01?pin-value=1%002", "\"pin-value\" in the PKCS #11 URI "
                "has a null byte");
    CHECK_FAULT("id=%01?pin-value=1&pin-source=/x", "the PKCS #11 URI has "
                "both \"pin-value\" and \"pin-source\"; write one of them");

    char *long_id = xasprintf("pkcs11:id=%0256d", 1);
    check_fault(long_id, "\"id\" in the PKCS #11 URI is too long",
                OVS_SOURCE_LOCATOR);
    free(long_id);
}

/* Each part of a URI, as one byte less, is a fault or a URI; none is read
 * beyond its end, which the address sanitizer would tell. */
static void
test_truncated(void)
{
    const char uri[] = "pkcs11:slot-id=1;id=%01%02?module-name=m&"
                       "pin-source=file:/x&";

    for (size_t n = strlen("pkcs11:"); n < sizeof uri; n++) {
        char *part = xmemdup0(uri, n);
        struct token_key *key;
        char *error = token_key_parse(part, &key);

        CHECK(!error == (key != NULL));
        token_key_destroy(key);
        free(error);
        free(part);
    }
}

static void
check_pin(const char *data, size_t size, const char *pin, const char *fault)
{
    struct token_key *key = parse("pkcs11:id=%01?pin-source=/pin");
    char *error = token_key_set_pin(key, data, size);

    CHECK_STRING(error, fault);
    CHECK_STRING(key->pin, pin);
    free(error);
    token_key_destroy(key);
}

static void
test_pin(void)
{
    check_pin("1234", 4, "1234", NULL);
    check_pin("1234\n", 5, "1234", NULL);
    check_pin("a b\r\n", 5, "a b", NULL);
    check_pin("\n", 1, NULL, "/pin: there is no PIN in it");
    check_pin("12\n34\n", 6, NULL, "/pin: must have the PIN in it in one "
              "line, and nothing else");
    check_pin("12\0" "34", 5, NULL, "/pin: must have the PIN in it in one "
              "line, and nothing else");

    char *long_pin = xasprintf("%0256d", 1);
    check_pin(long_pin, 256, NULL, "/pin: is too long for a PIN");
    free(long_pin);
}

/* Any other word makes it another. */
static void
test_equals(void)
{
    static const char *const uris[] = {
        "pkcs11:id=1", "pkcs11:id=2", "pkcs11:id=1;slot-id=1",
        "pkcs11:id=1;slot-id=1?module-name=m", "pkcs11:id=1?pin-value=1",
        "pkcs11:id=1?pin-value=2", "pkcs11:id=1?pin-source=/1",
    };

    for (size_t i = 0; i < ARRAY_SIZE(uris); i++) {
        struct token_key *a = parse(uris[i]);

        CHECK(!token_key_equals(a, NULL) && !token_key_equals(NULL, a));
        for (size_t j = 0; j < ARRAY_SIZE(uris); j++) {
            struct token_key *b = parse(uris[j]);

            CHECK(token_key_equals(a, b) == (i == j));
            token_key_destroy(b);
        }
        token_key_destroy(a);
    }
    CHECK(token_key_equals(NULL, NULL));
}

void
unit_token_key(void)
{
    test_good();
    test_faults();
    test_truncated();
    test_pin();
    test_equals();
}
