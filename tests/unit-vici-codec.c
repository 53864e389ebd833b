/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Tests ipsec/vici-codec. */

#include <config.h>

#include "vici-codec.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/ofpbuf.h"
#include "random.h"
#include "section.h"
#include "unit.h"

static struct section *
make_sample(void)
{
    struct section *body = section_create();
    struct section *conn = section_add(body, "ovs-1");
    struct section *child;

    section_put_list(conn, "remote_addrs", "10.1.2.3");
    section_put(conn, "version", "2");
    section_put(conn, "", "");
    section_put_bytes(conn, "der", "\0\x01\xff", 3);
    section_add_list(conn, "proposals");
    child = section_add(section_add(conn, "children"), "ovs-2");
    section_put(child, "mode", "transport");
    section_add(child, "empty");
    section_put(body, "last", "x");
    return body;
}

/* Returns what is wrong with the 'n' bytes at 'data', null if nothing. */
static char *
decode_error(const void *data, size_t n)
{
    struct vici_packet packet;
    char *error = vici_packet_decode(data, n, &packet);

    if (!error) {
        vici_packet_uninit(&packet);
    }
    return error;
}

static void
check_round_trip(enum vici_packet_type type, const char *name,
                 const struct section *body)
{
    struct vici_packet packet;
    char *error;
    size_t length;
    struct ofpbuf *buf = vici_packet_encode(type, name, body, &error);

    CHECK_STRING(error, NULL);
    CHECK_STRING(vici_packet_decode_length(buf->data, &length), NULL);
    CHECK(length == buf->size - VICI_HEADER_LEN);
    CHECK_STRING(vici_packet_decode((char *) buf->data + VICI_HEADER_LEN,
                                    length, &packet), NULL);
    CHECK(packet.type == type);
    CHECK_STRING(packet.name, name);
    CHECK(body ? section_equals(packet.body, body) : !packet.body);
    vici_packet_uninit(&packet);
    ofpbuf_delete(buf);
}

static void
test_round_trips(void)
{
    struct section *body = make_sample();

    check_round_trip(VICI_P_REQUEST, "load-conn", body);
    check_round_trip(VICI_P_RESPONSE, NULL, body);
    check_round_trip(VICI_P_UNKNOWN_COMMAND, NULL, NULL);
    check_round_trip(VICI_P_REGISTER, "list-sa", NULL);
    check_round_trip(VICI_P_UNREGISTER, "list-sa", NULL);
    check_round_trip(VICI_P_CONFIRMED, NULL, NULL);
    check_round_trip(VICI_P_UNKNOWN_EVENT, NULL, NULL);
    check_round_trip(VICI_P_EVENT, "ike-updown", body);
    section_destroy(body);
}

/* Against bytes that were written down by hand from the specification. */
static void
test_bytes(void)
{
    static const uint8_t expected[] = {
        0, 0, 0, 32, 0, 1, 'c',
        1, 1, 's',
        3, 1, 'k', 0, 2, 'v', '\n',
        4, 1, 'l', 5, 0, 1, 'a', 5, 0, 0, 6,
        2,
        3, 3, 'e', 'n', 'd', 0, 0,
    };
    struct section *body = section_create();
    struct section *s = section_add(body, "s");
    char *error;

    section_put(s, "k", "v\n");
    struct section *l = section_add_list(s, "l");
    section_append(l, "a", 1);
    section_append(l, "", 0);
    section_put(body, "end", "");

    struct ofpbuf *buf = vici_packet_encode(VICI_P_REQUEST, "c", body,
                                            &error);
    CHECK(buf->size == sizeof expected);
    CHECK(!memcmp(buf->data, expected, sizeof expected));
    ofpbuf_delete(buf);
    section_destroy(body);
}

/* Limits of the encoder. */

static void
check_encode(const char *name, struct section *body, const char *expected)
{
    char *error;
    struct ofpbuf *buf = vici_packet_encode(VICI_P_REQUEST, name, body,
                                            &error);

    CHECK_STRING(error, expected);
    CHECK(!buf == !!error);
    ofpbuf_delete(buf);
    section_destroy(body);
    free(error);
}

/* Returns a string of 'n' letters, good until the next call. */
static const char *
letters(size_t n)
{
    static char *string;

    free(string);
    string = xmalloc(n + 1);
    memset(string, 'x', n);
    string[n] = '\0';
    return string;
}

static struct section *
with_value(size_t n)
{
    struct section *body = section_create();

    section_put(body, "key", letters(n));
    return body;
}

/* A message of 'n' bytes; at least 4096. */
static struct section *
with_size(size_t n)
{
    struct section *body = section_create();

    for (; n >= 65536; n -= 32768 + 7) {
        section_put(body, "key", letters(32768));
    }
    section_put(body, "key", letters(n - 7));
    return body;
}

static struct section *
with_depth(int depth)
{
    struct section *body = section_create();
    struct section *s = body;

    for (int i = 1; i < depth; i++) {
        s = section_add(s, "s");
    }
    section_add_list(s, "l");
    return body;
}

static void
test_encode_limits(void)
{
    check_encode(letters(255), NULL, NULL);
    check_encode(letters(256), NULL,
                 "name \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\" has 256 bytes "
                 "(at most 255 can be sent)");

    struct section *body = section_create();
    section_add(body, letters(256));
    check_encode("c", body,
                 "name \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\" has 256 bytes "
                 "(at most 255 can be sent)");

    check_encode("c", with_value(65535), NULL);
    check_encode("c", with_value(65536), "value of key has 65536 bytes (at "
                 "most 65535 can be sent)");

    /* The type, and the command with its length, are 3 bytes. */
    check_encode("c", with_size(512 * 1024 - 3), NULL);
    check_encode("c", with_size(512 * 1024 - 2), "the message has more than "
                 "the 524288 bytes that charon takes");
    check_encode("c", with_size(50 * 1024 * 1024), "the message has more than "
                 "the 524288 bytes that charon takes");

    check_encode("c", with_depth(VICI_MAX_DEPTH), NULL);
    check_encode("c", with_depth(VICI_MAX_DEPTH + 1),
                 "\"l\" is nested deeper than 16 levels");

    /* Only what is inside counts, not what is beside. */
    body = section_create();
    for (int i = 0; i < 2 * VICI_MAX_DEPTH; i++) {
        section_add(body, "s");
        section_add_list(body, "l");
    }
    check_round_trip(VICI_P_REQUEST, "c", body);
    section_destroy(body);

    body = section_create();
    section_add(section_add_list(body, "l"), "s");
    check_encode("c", body, "a list has something other than values in it");

    body = section_create();
    section_append(body, "x", 1);
    check_encode("c", body, "an item of a section has no name");
}

/* Bytes that no charon sends. */

static void
check_hostile(const char *bytes, size_t n, const char *expected)
{
    /* A copy of its own, so that a memory checker sees a read behind it. */
    char *copy = xmemdup(bytes, n);
    char *error = decode_error(copy, n);

    CHECK_STRING(error, expected);
    free(error);
    free(copy);
}

static void
test_hostile(void)
{
#define HOSTILE(BYTES, ERROR) check_hostile(BYTES, sizeof(BYTES) - 1, ERROR)
    HOSTILE("\10", "packet type 8 is unknown at byte 1 of 1");
    HOSTILE("\xff", "packet type 255 is unknown at byte 1 of 1");
    HOSTILE("\5\0", "1 bytes too many at byte 1 of 2");
    HOSTILE("\3\1ax", "1 bytes too many at byte 3 of 4");
    HOSTILE("\7", "1 more bytes are needed at byte 1 of 1");
    HOSTILE("\7\5abc", "2 more bytes are needed at byte 2 of 5");
    HOSTILE("\7\3a\0b", "a name with a null byte ends at byte 5 of 5");
    HOSTILE("\1\0", "element 0 outside of all at byte 2 of 2");
    HOSTILE("\1\7", "element 7 outside of all at byte 2 of 2");
    HOSTILE("\1\2", "element 2 outside of all at byte 2 of 2");
    HOSTILE("\1\5\0\1a", "element 5 outside of all at byte 2 of 5");
    HOSTILE("\1\6", "element 6 outside of all at byte 2 of 2");
    HOSTILE("\1\1\1s\5\0\1a\2", "element 5 inside a section at byte 5 of 9");
    HOSTILE("\1\1\1s\6", "element 6 inside a section at byte 5 of 5");
    HOSTILE("\1\4\1l\2", "element 2 inside a list at byte 5 of 5");
    HOSTILE("\1\4\1l\3\1k\0\1v\6", "element 3 inside a list at byte 5 of 11");
    HOSTILE("\1\4\1l\4\1m\6\6", "element 4 inside a list at byte 5 of 9");
    HOSTILE("\1\1\1s", "1 more bytes are needed at byte 4 of 4");
    HOSTILE("\1\4\1l\5\0\1a", "1 more bytes are needed at byte 8 of 8");
    HOSTILE("\1\3\1k\0\2v", "1 more bytes are needed at byte 6 of 7");
    HOSTILE("\1\3\1k\xff\xffv", "65534 more bytes are needed at byte 6 of 7");
    HOSTILE("\1\3\1k\0", "1 more bytes are needed at byte 4 of 5");
    check_hostile("", 0, "1 more bytes are needed at byte 0 of 0");
}

/* Sections nested as deep as a packet has room for. */
static void
test_hostile_depth(void)
{
    struct ofpbuf *buf = ofpbuf_new(VICI_MAX_PACKET);

    ofpbuf_put(buf, "\1", 1);
    while (buf->size + 3 <= VICI_MAX_PACKET) {
        ofpbuf_put(buf, "\1\1s", 3);
    }
    char *error = decode_error(buf->data, buf->size);
    CHECK_STRING(error, "nested deeper than 16 levels at byte 52 of 524287");
    free(error);
    ofpbuf_delete(buf);
}

static void
test_lengths(void)
{
    size_t length;
    char *error;

    CHECK_STRING(vici_packet_decode_length("\0\x08\0\0", &length), NULL);
    CHECK(length == 512 * 1024);

    error = vici_packet_decode_length("\0\x08\0\1", &length);
    CHECK_STRING(error, "a packet of 524289 bytes is announced (1 to 524288 "
                 "are allowed)");
    free(error);
    error = vici_packet_decode_length("\xff\xff\xff\xff", &length);
    CHECK_STRING(error, "a packet of 4294967295 bytes is announced (1 to "
                 "524288 are allowed)");
    free(error);
    error = vici_packet_decode_length("\0\0\0\0", &length);
    CHECK_STRING(error, "a packet of 0 bytes is announced (1 to 524288 "
                 "are allowed)");
    free(error);
}

/* Cut off anywhere, a message that is one section is wrong. */
static void
test_truncated(void)
{
    struct section *body = section_create();
    char *error;
    size_t n_accepted = 0;

    section_put(section_add(section_add(body, "a"), "b"), "c", "d");
    section_put_list(section_find(body, "a")->section, "l", "m");
    struct ofpbuf *buf = vici_packet_encode(VICI_P_RESPONSE, NULL, body,
                                            &error);
    size_t length = buf->size - VICI_HEADER_LEN;
    for (size_t n = 2; n < length; n++) {
        char *copy = xmemdup((char *) buf->data + VICI_HEADER_LEN, n);

        error = decode_error(copy, n);
        n_accepted += !error;
        free(error);
        free(copy);
    }
    CHECK(length > 20);
    CHECK(n_accepted == 0);
    ofpbuf_delete(buf);
    section_destroy(body);
}

/* Whatever is accepted says the same when it is encoded again. */
static bool
encodes_to(const struct vici_packet *packet, const void *data, size_t n)
{
    char *error;
    struct ofpbuf *buf = vici_packet_encode(packet->type, packet->name,
                                            packet->body, &error);
    bool equal = (buf && buf->size == n + VICI_HEADER_LEN
                  && !memcmp((char *) buf->data + VICI_HEADER_LEN, data, n));

    ofpbuf_delete(buf);
    free(error);
    return equal;
}

static void
test_mutations(void)
{
    struct section *body = make_sample();
    char *error;
    struct ofpbuf *buf = vici_packet_encode(VICI_P_EVENT, "e", body, &error);
    size_t n = buf->size - VICI_HEADER_LEN;
    size_t n_accepted = 0, n_refused = 0, n_different = 0;

    random_set_seed(1);
    for (int i = 0; i < 100000; i++) {
        uint8_t *copy = xmemdup((char *) buf->data + VICI_HEADER_LEN, n);
        size_t length = random_range(4) ? n : random_range(n) + 1;
        struct vici_packet packet;

        for (int j = random_range(4); j >= 0; j--) {
            copy[random_range(length)] = (random_range(2) ? random_range(8)
                                          : random_uint8());
        }
        copy = xrealloc(copy, length);
        error = vici_packet_decode(copy, length, &packet);
        if (error) {
            n_refused++;
            free(error);
        } else {
            n_accepted++;
            n_different += !encodes_to(&packet, copy, length);
            vici_packet_uninit(&packet);
        }
        free(copy);
    }
    CHECK(n_accepted > 1000);
    CHECK(n_refused > 1000);
    CHECK(n_different == 0);
    ofpbuf_delete(buf);
    section_destroy(body);
}

void
unit_vici_codec(void)
{
    test_round_trips();
    test_bytes();
    test_encode_limits();
    test_hostile();
    test_hostile_depth();
    test_lengths();
    test_truncated();
    test_mutations();
}
