/* SPDX-License-Identifier: Apache-2.0
 * Copyright (C) The OVN IPsec Authors */

/* Gives up privileges; see privileges.h.
 *
 * What is kept is CAP_NET_ADMIN, for XFRM policies.  Everything else that the
 * daemon does, root may do as owner of the files: it reads keys and writes
 * swanctl's folder, connects to charon and to the database.  Only where Open
 * vSwitch runs as a user of its own is its socket not root's, and to connect
 * to that takes CAP_DAC_OVERRIDE. */

#include <config.h>

#include "privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dirs.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(privileges);

/* Neither a core file nor another process of the same user may read keys from
 * our memory. */
static void
forbid_core(void)
{
    static const struct rlimit none = { 0, 0 };

    if (setrlimit(RLIMIT_CORE, &none)
        || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) {
        VLOG_WARN("cannot switch off core files (%s)", ovs_strerror(errno));
    }
}

static bool
rundir_is_ours(void)
{
    struct stat st;

    return stat(ovs_rundir(), &st) || st.st_uid == geteuid();
}

static void
keep(int capability)
{
    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, capability);
}

/* Without CAP_SETPCAP the bounding set stays; with no_new_privs nothing comes
 * of that. */
static void
drop_capabilities(void)
{
    capng_select_t sets;
    bool net_admin, dac_override;

    capng_get_caps_process();
    sets = (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP)
            ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS);
    net_admin = capng_have_capability(CAPNG_PERMITTED, CAP_NET_ADMIN);
    dac_override = (!rundir_is_ours()
                    && capng_have_capability(CAPNG_PERMITTED,
                                             CAP_DAC_OVERRIDE));
    capng_clear(sets);
    if (net_admin) {
        keep(CAP_NET_ADMIN);
    }
    if (dac_override) {
        VLOG_INFO("%s belongs to another user: keeping CAP_DAC_OVERRIDE to "
                  "connect to the database", ovs_rundir());
        keep(CAP_DAC_OVERRIDE);
    }
    if (capng_apply(sets)) {
        VLOG_WARN("cannot give up capabilities (%s); going on with all of "
                  "them", ovs_strerror(errno));
    }
}

/* Gives up all privileges that are not needed from now on.  What cannot be
 * given up is logged: a daemon that protects traffic with too many rights is
 * better than none. */
void
privileges_drop(void)
{
    umask(077);
    forbid_core();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
        VLOG_WARN("cannot set no_new_privs (%s)", ovs_strerror(errno));
    }
    drop_capabilities();
}
