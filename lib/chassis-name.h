/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

#ifndef CHASSIS_NAME_H
#define CHASSIS_NAME_H 1

/* Which names may stand for a chassis as an IKE identity and in a
 * certificate's subjectAltName. */

char *chassis_name_check(const char *name);

#endif /* chassis-name.h */
