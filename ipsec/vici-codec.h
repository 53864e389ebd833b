/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef VICI_CODEC_H
#define VICI_CODEC_H 1

/* charon's vici protocol as bytes: packets made from values, and values from
 * packets.  No I/O and no state: 'vici-conn' moves the bytes, 'vici' knows
 * what answers what.
 *
 * The protocol is specified in strongSwan's src/libcharon/plugins/vici
 * (README.md).  A packet is its length (4 bytes in network byte order, not
 * counting themselves), a type (1 byte), for some types a name (1 byte of
 * length, then the name), and for some a message, which is a tree of
 * sections, values and lists; see section.h. */

#include <stddef.h>
#include <stdint.h>

struct ofpbuf;
struct section;

/* The numbers are those on the wire. */
enum vici_packet_type {
    VICI_P_REQUEST = 0,         /* Command 'name'; message. */
    VICI_P_RESPONSE = 1,        /* To a request; message. */
    VICI_P_UNKNOWN_COMMAND = 2, /* To a request. */
    VICI_P_REGISTER = 3,        /* Event 'name'. */
    VICI_P_UNREGISTER = 4,      /* Event 'name'. */
    VICI_P_CONFIRMED = 5,       /* To a (un)register. */
    VICI_P_UNKNOWN_EVENT = 6,   /* To a (un)register. */
    VICI_P_EVENT = 7,           /* Event 'name'; message. */
};

/* Limits of the protocol, in bytes, and one of ours. */
#define VICI_MAX_NAME 255
#define VICI_MAX_VALUE 65535
#define VICI_MAX_PACKET (512 * 1024)    /* Without the length in front. */
#define VICI_MAX_DEPTH 16       /* Sections and lists inside each other;
                                 * charon itself goes down to 4. */
#define VICI_HEADER_LEN 4       /* The length in front. */

struct vici_packet {
    enum vici_packet_type type;
    char *name;                 /* Null if 'type' has none. */
    struct section *body;       /* Null if 'type' has no message. */
};

void vici_packet_uninit(struct vici_packet *);

struct ofpbuf *vici_packet_encode(enum vici_packet_type, const char *name,
                                  const struct section *body, char **errorp);
char *vici_packet_decode(const void *data, size_t length,
                         struct vici_packet *);
char *vici_packet_decode_length(const void *header, size_t *length);

#endif /* vici-codec.h */
