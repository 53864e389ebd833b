#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors
#
# Measures ovs-monitor-ipsec against its floor, a bare vici loop that loads the
# same connections, against `swanctl --load-conns`, and against Open vSwitch's
# Python program of the same name with strongSwan's starter, in one run with
# real ovsdb-server and charon, each time a new one.  Prints a table, and the
# same as bench.tsv in the current folder.  Run by 'make bench', in the build
# folder; no root is needed.
#
#   BENCH_SIZES='100 1000 3000 10000'   how many peers
#   BENCH_TODAY='100 1000'              how many for the Python program
#   CHARON, SWANCTL                     the programs
#
# The Python program and its packages are not installed but unpacked, see
# tests/uml/unpack-layer; without network there are none.
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
    LAYER=$("$(dirname "$0")/uml/unpack-layer" tests/layers python-peer) ||
        NO_LAYER=$LAYER
    export CHARON SWANCTL LAYER NO_LAYER
    exec unshare -Urnm --fork --pid --mount-proc --kill-child \
        sh "$0" --inside "$PWD"
fi

build=$2
sizes=${BENCH_SIZES:-100 1000 3000 10000}
todays=${BENCH_TODAY-100 1000}
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

charon_stop () {
    test -z "$charon" || { kill -9 "$charon"; wait "$charon" 2>/dev/null; }
    charon=
    rm -f /run/charon.vici
}

# A new charon; the old one and its files are gone.
charon_start () {
    charon_stop
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

# An empty database with this host's credentials.
database_start () {
    rm -rf conf.db db.sock
    ovsdb-tool create conf.db /usr/share/openvswitch/vswitch.ovsschema &&
    ovsdb-server --detach --no-chdir --pidfile=$PWD/ovsdb.pid \
        --log-file=$PWD/ovsdb.log -vconsole:off \
        --remote=punix:$PWD/db.sock conf.db || fail "no ovsdb-server"
    ovs-vsctl --db=unix:$PWD/db.sock --no-wait init -- add-br br0 \
        -- set Open_vSwitch . \
        other_config:certificate=$PWD/left-cert.pem \
        other_config:private_key=$PWD/left-privkey.pem \
        other_config:ca_cert=$PWD/pki/switchca/cacert.pem
}

# The daemon and its database.
monitor_start () {
    rm -rf swanctl.d
    database_start
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
    budget=0.4
    test $n -lt 10000 || budget=0.25
    tell $n load_conns_us $theirs "we take $(ratio $ours $theirs) (budget \
$budget), the floor $(ratio $floor $theirs)"
    tell $n one_more_us "$(least 1 <more)" "budget 2000"
    tell $n one_more_cpu_us "$(least 2 <more)" -
    tell $n rss_anon_kib $memory "budget $((4096 + 3 * n))"
}

# Puts the Python program's packages where they look for each other; false with
# the reason if they cannot be had.
today_unpack () {
    test -z "$NO_LAYER" || { echo "$NO_LAYER"; return 1; }
    mkdir etc lib && cp -a "$LAYER" today && cp -a today/usr/lib/ipsec/. lib &&
        cp -an /usr/lib/ipsec/. lib && cp -a today/etc/. etc || return 1
    cp -an /etc/. etc 2>/dev/null       # What we may read.
    mkdir -p etc/ipsec.d/cacerts &&
        cp pki/switchca/cacert.pem etc/ipsec.d/cacerts &&
        rm -rf today/etc && ln -s /etc today/etc && ln -s /sbin today/sbin &&
        mount --bind etc /etc && mount --bind lib /usr/lib/ipsec
}

# CPU time of process PID so far, and of children that it has waited for, in
# us.
today_cpu () {
    awk '{ sub(/.*\) /, ""); print ($12 + $13) * 10000,
           ($14 + $15) * 10000 }' /proc/$1/stat
}

today_stop () {
    kill -9 "$(cat today.pid)" "$(cat ovsdb.pid)"
    today/usr/sbin/ipsec stop >/dev/null 2>&1
    wait $starter
    rm -f today.log /run/charon.*
    : >/etc/ipsec.conf
    : >/etc/ipsec.secrets
}

measure_today () {
    n=$1
    charon_stop
    database_start
    today/usr/sbin/ipsec start --nofork >starter.out 2>&1 &
    starter=$!
    await today/usr/sbin/ipsec status
    /usr/bin/python3 today/usr/share/openvswitch/scripts/ovs-monitor-ipsec \
        --pidfile=$PWD/today.pid --log-file=$PWD/today.log -vconsole:off \
        --no-chdir --detach --ike-daemon=strongswan \
        --no-restart-ike-daemon --root-prefix=$PWD/today unix:$PWD/db.sock \
        >today.out 2>&1 || fail "no Python program: $(cat today.out)"
    await ctl --stats
    pid=$(cat today.pid)
    set -- $(today_cpu $pid)
    today=$(bench today unix:$PWD/db.sock /run/charon.vici $n) ||
        fail "the Python program has not loaded all"
    set -- "$@" $(today_cpu $pid)
    ours=$(awk -v n=$n '$1 == n && $2 == "all_us" { print $3 }' results)
    tell $n python_us $today \
        "${ours:+$(ratio $today $ours) x all_us}"
    tell $n python_cpu_us $(($3 - $1)) "the program's"
    tell $n python_children_cpu_us $(($4 - $2)) "what it has run"
    tell $n python_rss_anon_kib \
        $(awk '$1 == "RssAnon:" { print $2 }' /proc/$pid/status) -
    today_stop
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

if test -z "$todays"; then
    :
elif today_unpack >reason; then
    for size in $todays; do
        measure_today $size
    done
else
    echo "bench: no Python program to compare with: $(cat reason)" >&2
fi

{ printf 'peers\twhat\tvalue\tcompared\n'; cat results; } >"$build/bench.tsv"
column -t -s "$(printf '\t')" <"$build/bench.tsv"
