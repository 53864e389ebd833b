#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors
#
# Measures ovs-monitor-ipsec against its floor, a bare vici loop that loads the
# same connections, and against `swanctl --load-conns`, in one run with real
# ovsdb-server and charon, each time a new one.  Prints a table, and the same
# as bench.tsv in the current folder.  Run by 'make bench', in the build
# folder; no root is needed.
#
#   BENCH_SIZES='100 1000 3000'   how many peers; BENCH_FULL=1 adds 10000
#   CHARON, SWANCTL               the programs
#
# Nobody answers the peers' addresses: what is measured is loading, not
# negotiation.  wakeups: of the daemon's main thread in a minute in which
# nothing happens, with no peers, because these are never quiet.

if test "$1" != --inside; then
    for program in "${CHARON:=/usr/sbin/charon-systemd}" \
                   "${SWANCTL:=/usr/sbin/swanctl}"; do
        test -x "$program" || { echo "bench: $program is missing" >&2
                                exit 77; }
    done
    export CHARON SWANCTL
    exec unshare -Urnm --fork --pid --mount-proc --kill-child \
        sh "$0" --inside "$PWD"
fi

build=$2
sizes=${BENCH_SIZES:-100 1000 3000}
test -z "$BENCH_FULL" || sizes="$sizes 10000"
PATH=$build/ipsec:$build/tests:$build/utilities:$PATH
export OVS_RUNDIR=/mnt OVS_LOGDIR=/mnt
mount -t tmpfs tmpfs /run && mount -t tmpfs -o size=2G tmpfs /mnt &&
    cd /mnt || exit 1
ip link set lo up
# Packets to nobody vanish instead of failing.
ip link add eth0 type veth peer name eth1 && ip link set eth1 up &&
    ip link set eth0 arp off up && ip address add 10.0.0.1/8 dev eth0 ||
    exit 1
cp "$CHARON" charon && cp "$SWANCTL" swanctl

fail () {
    echo "bench: $*" >&2
    exit 1
}

await () {
    tries=600
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        test $tries -gt 0 || fail "waited in vain: $*"
        sleep 0.05
    done
}

# A new charon; the old one and its files are gone.
charon_start () {
    test -z "$charon" || { kill -9 "$charon"; wait "$charon" 2>/dev/null; }
    rm -f /run/charon.vici
    cat >strongswan.conf <<END
charon-systemd {
    piddir = /run
    journal { default = -1 }
    plugins {
        include /etc/strongswan.d/charon/*.conf
        vici { socket = unix:///run/charon.vici }
    }
}
END
    STRONGSWAN_CONF=$PWD/strongswan.conf ./charon >charon.out 2>&1 &
    charon=$!
    await ctl --stats
}

ctl () {
    SWANCTL_DIR=$PWD/swanctl.d ./swanctl "$@" --uri unix:///run/charon.vici
}

# The daemon and its database, empty.
monitor_start () {
    rm -rf conf.db db.sock swanctl.d
    ovsdb-tool create conf.db /usr/share/openvswitch/vswitch.ovsschema &&
    ovsdb-server --detach --no-chdir --pidfile=$PWD/ovsdb.pid \
        --log-file=$PWD/ovsdb.log -vconsole:off \
        --remote=punix:$PWD/db.sock conf.db || fail "no ovsdb-server"
    ovs-vsctl --db=unix:$PWD/db.sock --no-wait init -- add-br br0 \
        -- set Open_vSwitch . \
        other_config:certificate=$PWD/left-cert.pem \
        other_config:private_key=$PWD/left-privkey.pem \
        other_config:ca_cert=$PWD/pki/switchca/cacert.pem
    ovs-monitor-ipsec --vici=/run/charon.vici \
        --swanctl-dir=$PWD/swanctl.d --pidfile=$PWD/monitor.pid \
        --log-file=$PWD/monitor.log -vconsole:off --unixctl=$PWD/monitor.ctl \
        --detach --no-chdir unix:$PWD/db.sock || fail "no ovs-monitor-ipsec"
    await grep -q comparing monitor.log
}
daemons_stop () {
    kill -9 "$(cat monitor.pid)" "$(cat ovsdb.pid)"
    rm -f monitor.log monitor.ctl
}

# Column NUMBER of the line in stdin with the smallest one.
least () {
    sort -n -k "$1" | awk -v c="$1" 'NR == 1 { print $c }'
}

ovs-pki --dir=$PWD/pki --log=$PWD/pki.log -k ec init >/dev/null 2>&1 &&
ovs-pki --dir=$PWD/pki --log=$PWD/pki.log -k ec -u req+sign left \
    >/dev/null 2>&1 || fail "no certificate: see pki.log"

: >results
tell () {
    printf '%s\t%s\t%s\t%s\n' "$@" >>results
}

# CPU time of process PID so far, in us.
cpu () {
    cat /proc/$1/task/*/schedstat |
        awk '{ sum += $1 } END { printf "%d", sum / 1000 }'
}

measure () {
    n=$1
    charon_start
    floor=$(bench floor /run/charon.vici $n left-cert.pem left-privkey.pem \
            pki/switchca/cacert.pem) || fail "no floor"
    floor_charon=$(cpu $charon)

    charon_start
    monitor_start
    pid=$(cat monitor.pid)
    bench add unix:$PWD/db.sock /run/charon.vici $pid 0 $n >all ||
        fail "not loaded"
    read -r ours ours_cpu <all
    ours_charon=$(cpu $charon)
    files=$(ls swanctl.d/conf.d | wc -l)
    test $files -eq $n || fail "$files files for $n peers"
    for i in 1 2 3 4 5 6 7 8 9 10; do
        bench add unix:$PWD/db.sock /run/charon.vici $pid $((n + i)) 1
    done >more
    sleep 6             # It gives back what it needed only for loading.
    memory=$(awk '$1 == "RssAnon:" { print $2 }' /proc/$pid/status)
    daemons_stop

    charon_start
    # As anyone would write them: both directions trapped.
    sed -i 's/start_action = "*none"*/start_action = trap/' \
        swanctl.d/conf.d/*.conf
    echo 'include conf.d/*.conf' >swanctl.d/swanctl.conf
    begin=$(date +%s%N)
    ctl --load-conns >/dev/null 2>&1
    theirs=$((($(date +%s%N) - begin) / 1000))

    tell $n floor_us $floor -
    tell $n floor_charon_cpu_us $floor_charon -
    tell $n all_charon_cpu_us $ours_charon \
        "$(ratio $ours_charon $floor_charon) x floor's"
    tell $n all_cpu_us $ours_cpu "the daemon's"
    tell $n all_us $ours "$(ratio $ours $floor) x floor (budget 1.25)"
    tell $n load_conns_us $theirs "we take $(ratio $ours $theirs) (budget 0.4)"
    tell $n one_more_us "$(least 1 <more)" "budget 2000"
    tell $n one_more_cpu_us "$(least 2 <more)" -
    tell $n rss_anon_kib $memory "budget $((4096 + 3 * n))"
}
ratio () {
    awk "BEGIN { printf \"%.2f\", $1 / $2 }"
}

wakeups () {
    awk '$1 == "voluntary_ctxt_switches:" { print $2 }' /proc/$1/status
}

charon_start
monitor_start
sleep ${BENCH_SETTLE:-5}
before=$(wakeups "$(cat monitor.pid)")
sleep ${BENCH_IDLE:-60}
tell 0 idle_wakeups $(($(wakeups "$(cat monitor.pid)") - before)) \
    "budget: OVSDB probes, 12"
daemons_stop
for size in $sizes; do
    measure $size
done

{ printf 'peers\twhat\tvalue\tcompared\n'; cat results; } >"$build/bench.tsv"
column -t -s "$(printf '\t')" <"$build/bench.tsv"
