/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Bytes of charon's vici protocol; see vici-codec.h.
 *
 * Both directions remember the first error and do nothing from then on, so
 * that the code in between need not ask after each step. */

#include <config.h>

#include "vici-codec.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "byte-order.h"
#include "openvswitch/ofpbuf.h"
#include "section.h"
#include "unaligned.h"
#include "util.h"

/* What a message consists of; the numbers are those on the wire. */
enum vici_element {
    VICI_SECTION_START = 1,     /* Name. */
    VICI_SECTION_END = 2,
    VICI_KEY_VALUE = 3,         /* Name and value. */
    VICI_LIST_START = 4,        /* Name. */
    VICI_LIST_ITEM = 5,         /* Value. */
    VICI_LIST_END = 6,
};

/* What follows the type in a packet. */
static const struct {
    bool name;
    bool body;
} layouts[] = {
    [VICI_P_REQUEST] = { .name = true, .body = true },
    [VICI_P_RESPONSE] = { .body = true },
    [VICI_P_UNKNOWN_COMMAND] = { .name = false },
    [VICI_P_REGISTER] = { .name = true },
    [VICI_P_UNREGISTER] = { .name = true },
    [VICI_P_CONFIRMED] = { .name = false },
    [VICI_P_UNKNOWN_EVENT] = { .name = false },
    [VICI_P_EVENT] = { .name = true, .body = true },
};

/* Frees what 'packet' consists of, but not 'packet' itself. */
void
vici_packet_uninit(struct vici_packet *packet)
{
    free(packet->name);
    section_destroy(packet->body);
}

/* Encoding. */

struct encoder {
    struct ofpbuf *buf;
    unsigned int depth;         /* Sections and lists around this place. */
    char *error;                /* The first, or null. */
};

static void encode_items(struct encoder *, const struct section *,
                         bool is_list);

static void OVS_PRINTF_FORMAT(2, 3)
encode_fail(struct encoder *e, const char *format, ...)
{
    va_list args;

    if (!e->error) {
        va_start(args, format);
        e->error = xvasprintf(format, args);
        va_end(args);
    }
}

static void
encode_u8(struct encoder *e, uint8_t byte)
{
    ofpbuf_put(e->buf, &byte, sizeof byte);
}

static void
encode_name(struct encoder *e, const char *name)
{
    size_t length = name ? strlen(name) : 0;

    if (!name) {
        encode_fail(e, "an item of a section has no name");
    } else if (length > VICI_MAX_NAME) {
        encode_fail(e, "name \"%.32s...\" has %"PRIuSIZE" bytes (at most %d "
                    "can be sent)", name, length, VICI_MAX_NAME);
    } else {
        encode_u8(e, length);
        ofpbuf_put(e->buf, name, length);
    }
}

static void
encode_value(struct encoder *e, const struct section_item *item)
{
    if (item->length > VICI_MAX_VALUE) {
        encode_fail(e, "value of %s has %"PRIuSIZE" bytes (at most %d can be "
                    "sent)", item->name ? item->name : "a list",
                    item->length, VICI_MAX_VALUE);
        return;
    }

    ovs_be16 length = htons(item->length);
    ofpbuf_put(e->buf, &length, sizeof length);
    ofpbuf_put(e->buf, item->data, item->length);
}

/* Appends section or list 'item' with what is in it. */
static void
encode_container(struct encoder *e, const struct section_item *item)
{
    bool is_list = item->type == SECTION_LIST;

    if (e->depth >= VICI_MAX_DEPTH) {
        encode_fail(e, "\"%s\" is nested deeper than %d levels",
                    item->name ? item->name : "", VICI_MAX_DEPTH);
        return;
    }
    encode_u8(e, is_list ? VICI_LIST_START : VICI_SECTION_START);
    encode_name(e, item->name);
    e->depth++;
    encode_items(e, item->section, is_list);
    e->depth--;
    encode_u8(e, is_list ? VICI_LIST_END : VICI_SECTION_END);
}

static void
encode_item(struct encoder *e, const struct section_item *item, bool in_list)
{
    if (in_list && item->type != SECTION_VALUE) {
        encode_fail(e, "a list has something other than values in it");
    } else if (in_list) {
        encode_u8(e, VICI_LIST_ITEM);
        encode_value(e, item);
    } else if (item->type == SECTION_VALUE) {
        encode_u8(e, VICI_KEY_VALUE);
        encode_name(e, item->name);
        encode_value(e, item);
    } else {
        encode_container(e, item);
    }
}

/* Appends the items of 'section'.  Stops as soon as the packet is too long,
 * so that no tree makes this use much more memory than a packet has. */
static void
encode_items(struct encoder *e, const struct section *section, bool is_list)
{
    const struct section_item *item;

    SECTION_FOR_EACH (item, section) {
        if (e->error || e->buf->size > VICI_HEADER_LEN + VICI_MAX_PACKET) {
            return;
        }
        encode_item(e, item, is_list);
    }
}

/* Returns a new packet of 'type', whole, with the length in front, which the
 * caller owns.  'name' is the command or event, null for types without;
 * 'body' is the message, null if it is empty or 'type' has none.
 *
 * Returns null if it cannot be sent; then '*errorp' says in words why, which
 * the caller frees.  Otherwise '*errorp' is null. */
struct ofpbuf *
vici_packet_encode(enum vici_packet_type type, const char *name,
                   const struct section *body, char **errorp)
{
    struct encoder e = { .buf = ofpbuf_new(512) };

    ofpbuf_put_zeros(e.buf, VICI_HEADER_LEN);
    encode_u8(&e, type);
    if (layouts[type].name) {
        encode_name(&e, name);
    }
    if (layouts[type].body && body) {
        encode_items(&e, body, false);
    }

    size_t length = e.buf->size - VICI_HEADER_LEN;
    if (length > VICI_MAX_PACKET) {
        encode_fail(&e, "the message has more than the %d bytes that charon "
                    "takes", VICI_MAX_PACKET);
    }

    *errorp = e.error;
    if (e.error) {
        ofpbuf_delete(e.buf);
        return NULL;
    }
    put_unaligned_be32(e.buf->data, htonl(length));
    return e.buf;
}

/* Decoding. */

struct decoder {
    struct ofpbuf input;        /* What is not decoded yet. */
    size_t length;              /* Of all, for error messages. */
    unsigned int depth;         /* Sections and lists around this place. */
    char *error;                /* The first, or null. */
};

static void OVS_PRINTF_FORMAT(2, 3)
decode_fail(struct decoder *d, const char *format, ...)
{
    va_list args;

    if (d->error) {
        return;
    }
    va_start(args, format);
    char *what = xvasprintf(format, args);
    va_end(args);

    d->error = xasprintf("%s at byte %"PRIuSIZE" of %"PRIuSIZE,
                         what, d->length - d->input.size, d->length);
    free(what);
}

/* Returns the next 'n' bytes, or null, with the error set, if there are
 * not so many. */
static const void *
decode_bytes(struct decoder *d, size_t n)
{
    if (d->error) {
        return NULL;
    }

    const void *bytes = ofpbuf_try_pull(&d->input, n);
    if (!bytes) {
        decode_fail(d, "%"PRIuSIZE" more bytes are needed",
                    n - d->input.size);
    }
    return bytes;
}

static uint8_t
decode_u8(struct decoder *d)
{
    const uint8_t *byte = decode_bytes(d, 1);

    return byte ? *byte : 0;
}

/* Returns a name, which the caller frees, or null after an error. */
static char *
decode_name(struct decoder *d)
{
    size_t length = decode_u8(d);
    const char *name = decode_bytes(d, length);

    if (name && memchr(name, '\0', length)) {
        decode_fail(d, "a name with a null byte ends");
    }
    return d->error ? NULL : xmemdup0(name, length);
}

/* Adds to 'section' a value, 'name' or, in a list, null. */
static void
decode_value(struct decoder *d, struct section *section, const char *name)
{
    const ovs_be16 *be_length = decode_bytes(d, sizeof *be_length);
    size_t length = be_length ? ntohs(get_unaligned_be16(be_length)) : 0;
    const void *value = decode_bytes(d, length);

    if (value) {
        section_put_bytes(section, name, value, length);
    }
}

/* Notes that a section or list begins.  Returns false, with the error set, if
 * that is one too many. */
static bool
decode_enter(struct decoder *d)
{
    if (!d->error && d->depth >= VICI_MAX_DEPTH) {
        decode_fail(d, "nested deeper than %d levels", VICI_MAX_DEPTH);
    }
    d->depth++;
    return !d->error;
}

/* Decodes into 'list' until its end. */
static void
decode_list(struct decoder *d, struct section *list)
{
    if (decode_enter(d)) {
        uint8_t element;

        while ((element = decode_u8(d)) == VICI_LIST_ITEM) {
            decode_value(d, list, NULL);
        }
        if (element != VICI_LIST_END) {
            decode_fail(d, "element %"PRIu8" inside a list", element);
        }
    }
    d->depth--;
}

static void decode_section(struct decoder *, struct section *);

/* Decodes into 'section' an 'element', which begins with a name. */
static void
decode_named(struct decoder *d, struct section *section, uint8_t element)
{
    char *name = decode_name(d);

    if (!name) {
        return;
    }
    switch (element) {
    case VICI_KEY_VALUE:
        decode_value(d, section, name);
        break;
    case VICI_LIST_START:
        decode_list(d, section_add_list(section, name));
        break;
    case VICI_SECTION_START:
        if (decode_enter(d)) {
            decode_section(d, section_add(section, name));
        }
        d->depth--;
        break;
    }
    free(name);
}

/* Decodes into 'section' until its end, which for the outermost one is that
 * of the packet. */
static void
decode_section(struct decoder *d, struct section *section)
{
    while (!d->error && (d->depth || d->input.size)) {
        uint8_t element = decode_u8(d);

        if (element == VICI_SECTION_END && d->depth) {
            return;
        }
        if (element == VICI_KEY_VALUE || element == VICI_LIST_START
            || element == VICI_SECTION_START) {
            decode_named(d, section, element);
        } else {
            decode_fail(d, "element %"PRIu8" %s", element,
                        d->depth ? "inside a section" : "outside of all");
        }
    }
}

/* Decodes into 'packet' the 'length' bytes at 'data', which are a packet
 * without the length in front.  Whatever the bytes are, this reads no other,
 * and uses memory in proportion to 'length'.
 *
 * Returns null, and the caller owns what 'packet' consists of, or in words
 * what is wrong; then 'packet' is not set and the caller frees the words. */
char *
vici_packet_decode(const void *data, size_t length,
                   struct vici_packet *packet)
{
    struct decoder d = {
        .input = ofpbuf_const_initializer(data, length),
        .length = length,
    };
    uint8_t type = decode_u8(&d);

    *packet = (struct vici_packet) { .type = type };
    if (type >= ARRAY_SIZE(layouts)) {
        decode_fail(&d, "packet type %"PRIu8" is unknown", type);
    } else if (layouts[type].name) {
        packet->name = decode_name(&d);
    }
    if (!d.error && layouts[type].body) {
        packet->body = section_create();
        decode_section(&d, packet->body);
    }
    if (d.input.size) {
        decode_fail(&d, "%"PRIu32" bytes too many", d.input.size);
    }
    if (d.error) {
        vici_packet_uninit(packet);
    }
    return d.error;
}

/* Stores in '*length' how many bytes follow 'header', the VICI_HEADER_LEN
 * bytes in front of a packet.  Returns null, or in words what is wrong with
 * that length, which the caller frees. */
char *
vici_packet_decode_length(const void *header, size_t *length)
{
    *length = ntohl(get_unaligned_be32(header));
    return (*length && *length <= VICI_MAX_PACKET ? NULL
            : xasprintf("a packet of %"PRIuSIZE" bytes is announced (1 to %d "
                        "are allowed)", *length, VICI_MAX_PACKET));
}
