/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Folders of OVN's daemons.  The makefile defines the defaults. */

#include <config.h>

#include "ovn/lib/ovn-dirs.h"

#include <stdlib.h>

static const char *
environment_or(const char *variable, const char *fallback)
{
    const char *value = getenv(variable);

    return value && value[0] ? value : fallback;
}

const char *
ovn_rundir(void)
{
    return environment_or("OVN_RUNDIR", OVN_RUNDIR);
}

const char *
ovn_logdir(void)
{
    return environment_or("OVN_LOGDIR", OVN_LOGDIR);
}

const char *
ovn_sysconfdir(void)
{
    return environment_or("OVN_SYSCONFDIR", SYSCONFDIR);
}
