/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef JSON_ASCII_H
#define JSON_ASCII_H 1

/* JSON of strings that others wrote, as ASCII, so that it has no effect on a
 * terminal, either.  'status' and its like write all of theirs by this. */

struct json;

struct json *json_string_create_safe(const char *);
char *json_to_ascii(const struct json *);

#endif /* json-ascii.h */
