/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef QUOTE_H
#define QUOTE_H 1

/* Text from elsewhere, which may be hostile, for messages. */

struct ds;

void put_quoted(struct ds *, const char *text);
void put_printable(struct ds *, const char *text);
char *quote(const char *text);

#endif /* quote.h */
