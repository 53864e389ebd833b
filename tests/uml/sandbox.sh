# -*- shell-script -*-
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors
#
# The words in which the demo and the system tests are told: chassis, wire,
# tunnel, capture.  To be sourced by a shell inside 'uml-run'.
#
#      chassis "left"                             chassis "right"
#  .-----------------------.                 .-----------------------.
#  | p0 10.1.0.1           |                 |           p0 10.1.0.2 |
#  |  |                    |                 |                    |  |
#  | br-int                |                 |                br-int |
#  |  |                    |                 |                    |  |
#  | tun0 (geneve, ...)    |                 |                  tun0 |
#  |  :                    |                 |                    :  |
#  | eth0 192.0.2.1        |                 |        192.0.2.2 eth0 |
#  |      2001:db8::1      |                 |      2001:db8::2      |
#  '---|-------------------'                 '--------------------|--'
#      |                                                          |
#      |       .---------------- "wire" ------------------.       |
#      '-------| left       bridge wire0            right |-------'
#              |              tcpdump                     |
#              '------------------------------------------'
#
# A chassis is a set of namespaces (net, mount, pid, ipc, uts) whose process 1
# 'chassis-init' holds: when that ends, all of the chassis is gone.  Its root
# is a layer of memory over the sandbox's root, with its own /etc, /run and
# /var.  The wire is one, too, so that no chassis can miss or hide a packet.
#
# A word succeeds, or fails with a line on stderr that says why.  What a word
# has to remember is in files under $SANDBOX, one folder per chassis, so that
# each word works in any subshell, and so that the folder has all that is
# needed to understand a failure: logs, captures, state.

: "${SANDBOX:?the folder of the sandbox must be named}"
: "${SANDBOX_LIB:?the folder of sandbox.sh must be named}"
: "${SANDBOX_CACHE:=/run/sandbox-cache}"

complain () {
    echo "sandbox: $*" >&2
    return 1
}

# wait_until COMMAND [ARG]...: until COMMAND succeeds, WAIT_SECONDS at most.
# A COMMAND costs more in user-mode Linux than the pause between two.
: "${WAIT_SECONDS:=60}"
wait_until () {
    read -r _now _ </proc/uptime
    _end=$((${_now%.*} + WAIT_SECONDS))
    until _said=$("$@" 2>&1); do
        read -r _now _ </proc/uptime
        if test "${_now%.*}" -ge $_end; then
            complain "waited $WAIT_SECONDS s in vain for: $*: $_said"
            return 1
        fi
        sleep 0.1
    done
}

# each NAME... -- COMMAND [ARG]...: COMMAND NAME ARG... for all, at once.
each () {
    _names=
    while test "$1" != --; do
        _names="$_names $1"
        shift
    done
    shift
    _command=$1
    shift
    _pids=
    for _name in $_names; do
        "$_command" "$_name" "$@" &
        _pids="$_pids $!"
    done
    _failed=0
    for _pid in $_pids; do
        wait "$_pid" || _failed=1
    done
    return $_failed
}

## Chassis and wire.

# on NAME COMMAND [ARG]...: runs COMMAND on the chassis (or "wire").
on () {
    read -r _holder 2>/dev/null <"$SANDBOX/$1/holder" \
        || { complain "no chassis '$1'"; return 1; }
    shift
    nsenter -t "$_holder" -m -n -p -i -u "$@"
}

# Where the daemons of a chassis and those who talk to them meet.
export OVS_RUNDIR=/run/openvswitch OVS_LOGDIR=/var/log/openvswitch
export OVS_SYSCONFDIR=/etc OVS_DBDIR=/etc/openvswitch
export OVN_RUNDIR=/run/ovn OVN_LOGDIR=/var/log/ovn OVN_DBDIR=/etc/ovn

# The namespaces of NAME; chassis-init reports when they are ready.
holder_start () {
    mkdir -p "$SANDBOX/$1/log" && mkfifo "$SANDBOX/$1/ready" || return 1
    setsid unshare --net --mount --pid --ipc --uts --fork --kill-child \
        sh "$SANDBOX_LIB/chassis-init" "$1" "$SANDBOX" \
        </dev/null >"$SANDBOX/$1/log/init.log" 2>&1 9>"$SANDBOX/$1/ready" &
    echo $! >"$SANDBOX/$1/unshare"
    read -r _holder <"$SANDBOX/$1/ready" \
        || { cat "$SANDBOX/$1/log/init.log" >&2; return 1; }
    echo "$_holder" >"$SANDBOX/$1/holder"
}

# wire_make: the wire, to which each later chassis is plugged.
wire_make () {
    mkdir -p "$SANDBOX" "$SANDBOX_CACHE" || return 1
    if test ! -e "$SANDBOX_CACHE/conf.db"; then
        ovsdb-tool create "$SANDBOX_CACHE/conf.db" \
            /usr/share/openvswitch/vswitch.ovsschema || return 1
    fi
    cp "$SANDBOX_CACHE/conf.db" "$SANDBOX/conf.db" || return 1
    holder_start wire || return 1
    on wire ip -batch - <<EOF
link add wire0 type bridge mcast_snooping 0
link set wire0 up
EOF
}

# chassis_make NAME...: chassis without daemons, in the order of their
# numbers, which start with 1.
chassis_make () {
    for _chassis; do
        mkdir -p "$SANDBOX/$_chassis"
        ls -d "$SANDBOX"/*/number 2>/dev/null | wc -l >"$SANDBOX/number"
        echo $(($(cat "$SANDBOX/number") + 1)) >"$SANDBOX/$_chassis/number"
    done
    each "$@" -- chassis_make_one
}

chassis_make_one () {
    holder_start "$1" || return 1
    nsenter -t "$(cat "$SANDBOX/wire/holder")" -n ip -batch - <<EOF || return 1
link add $1 type veth peer name eth0 netns $(cat "$SANDBOX/$1/holder")
link set $1 master wire0 up
EOF
    on "$1" ip -batch - <<EOF
addr add $(underlay "$1")/24 dev eth0
addr add $(underlay "$1" 6)/64 dev eth0 nodad
link set eth0 up
EOF
}

# chassis_is_todays NAME...: these, still to be made, will have Open vSwitch's
# Python ovs-monitor-ipsec, and strongSwan's starter for it.
chassis_is_todays () {
    each "$@" -- chassis_layer "$PYTHON_PEER"
}

# chassis_layer NAME FOLDER: this one, still to be made, will have what is in
# FOLDER over its root.
chassis_layer () {
    mkdir -p "$SANDBOX/$1" && ln -s "$2" "$SANDBOX/$1/layer"
}

# number NAME: 1 for the first chassis.
number () {
    cat "$SANDBOX/$1/number"
}

# underlay NAME [4|6]: the chassis' address on the wire.
underlay () {
    case ${2:-4} in
    4) echo "192.0.2.$(number "$1")" ;;
    6) echo "2001:db8::$(number "$1")" ;;
    esac
}

# sandbox_end: everything that sandbox words made is gone, but the files.
sandbox_end () {
    for _file in "$SANDBOX"/*/unshare; do
        test -e "$_file" || continue
        kill -KILL "$(cat "$_file")" 2>/dev/null
        rm -f "$_file"
    done
}

## Daemons.

# Prints how a daemon is started: code for a shell on its chassis, which ends
# when the daemon is ready.
daemon_code () {
    _ovs="--pidfile --log-file --detach --no-chdir"
    _ovn="--detach --no-chdir --pidfile=/run/ovn/$1.pid"
    _ovn="$_ovn --log-file=/var/log/ovn/$1.log"
    _db=unix:/run/openvswitch/db.sock
    case $1 in
    ovsdb-server)
        echo "test -e /etc/openvswitch/conf.db \
                  || cat $SANDBOX/conf.db >/etc/openvswitch/conf.db
              ovsdb-server $_ovs --remote=punix:/run/openvswitch/db.sock \
                  /etc/openvswitch/conf.db
              ovs-vsctl --no-wait init -- set Open_vSwitch . \
                  external_ids:system-id=\"\$(hostname)\""
        ;;
    ovs-vswitchd)
        # Before ten seconds of uptime it counts no CPUs and loses upcalls.
        echo "while read -r up _ </proc/uptime && test \${up%.*} -lt 10; do
                  sleep 0.1
              done
              ovs-vswitchd $_ovs"
        ;;
    charon)
        # As its systemd unit does: the files are loaded after the start.
        echo "setsid sh -c 'echo \$\$ >/run/charon.pid; exec charon-systemd' \
                  >>/var/log/charon.out 2>&1 &
              tries=300
              until test -S /run/charon.vici && swanctl --load-all --noprompt
              do
                  tries=\$((tries - 1))
                  test \$tries -gt 0
                  sleep 0.1
              done"
        ;;
    ovs-monitor-ipsec)
        echo "ovs-monitor-ipsec $_ovs $_db"
        ;;
    python-monitor)
        # It starts charon by itself.
        echo "cd /usr/share/openvswitch/scripts
              /usr/bin/python3 ./ovs-monitor-ipsec \
                  --pidfile=/run/openvswitch/python-monitor.pid \
                  --log-file=/var/log/openvswitch/python-monitor.log \
                  --detach --ike-daemon=strongswan $_db"
        ;;
    ovn-controller)
        echo "${OVN_CONTROLLER:-ovn-controller} $_ovn $_db"
        ;;
    ovn-northd)
        echo "${OVN_NORTHD:-ovn-northd} $_ovn \
                  --ovnnb-db=unix:/run/ovn/ovnnb_db.sock \
                  --ovnsb-db=unix:/run/ovn/ovnsb_db.sock"
        ;;
    ovnnb | ovnsb)
        echo "test -e /etc/ovn/$1.db || ovsdb-tool create \
                  /etc/ovn/$1.db /usr/share/ovn/ovn-${1#ovn}.ovsschema
              ovsdb-server $_ovn --remote=punix:/run/ovn/${1}_db.sock \
                  --remote=ptcp:$(($(expr $1 = ovnsb) + 6641)) /etc/ovn/$1.db"
        ;;
    *)
        complain "no daemon '$1'"
        ;;
    esac
}

# daemon_start NAME DAEMON...: one after the other; all are ready after it.
daemon_start () {
    _on=$1 _code=
    shift
    for _daemon; do
        _code="$_code
$(daemon_code "$_daemon")" || return 1
    done
    _log=$SANDBOX/$_on/log/start.log
    on "$_on" sh -exc "$_code" </dev/null >>"$_log" 2>&1 && return 0
    tail -n 20 "$_log" >&2
    complain "does not start on $_on: $*"
}

# daemon_pid NAME DAEMON: its process, as the chassis numbers them.
daemon_pid () {
    case $2 in
    charon) on "$1" cat /run/charon.pid ;;
    ovn*) on "$1" cat "/run/ovn/$2.pid" ;;
    *) on "$1" cat "/run/openvswitch/$2.pid" ;;
    esac
}

# daemon_running NAME DAEMON
daemon_running () {
    on "$1" kill -0 "$(daemon_pid "$1" "$2")" 2>/dev/null
}

daemon_gone () {
    ! on "$1" kill -0 "$2"
}

# daemon_signal NAME DAEMON SIGNAL: returns when the process is gone.
daemon_signal () {
    _pid=$(daemon_pid "$1" "$2") || return 1
    on "$1" kill "-$3" "$_pid" || return 1
    wait_until daemon_gone "$1" "$_pid"
}

# daemon_stop NAME DAEMON: as systemd would.  daemon_kill: kill -9.
daemon_stop () {
    daemon_signal "$1" "$2" TERM
}
daemon_kill () {
    daemon_signal "$1" "$2" KILL
}

## Ports, tunnels, links, credentials.

# overlay NAME [LINK]: the chassis' address behind br-int, on link 1 if none
# is named.
overlay () {
    echo "10.${2:-1}.0.$(number "$1")"
}

# port_code PORT ADDRESS: code that gives a port of br-int an address, and
# nothing to say of its own.
port_code () {
    echo "echo 1 >/proc/sys/net/ipv6/conf/$1/disable_ipv6
          ip address replace $2/24 dev $1
          ip link set $1 mtu 1400 up"
}

# tunnel_args TUNNEL TYPE REMOTE_ADDRESS [OPTION=VALUE...]: for ovs-vsctl.
tunnel_args () {
    echo "-- add-port br-int $1 -- set Interface $1 type=$2" \
         "options:remote_ip=\\\"$3\\\""
    shift 3
    for _option; do
        echo "options:$_option"
    done
}

# tunnel_add NAME TUNNEL TYPE REMOTE_ADDRESS [OPTION=VALUE...]
tunnel_add () {
    _on=$1
    shift
    on "$_on" sh -exc "ovs-vsctl $(echo $(tunnel_args "$@"))"
}

# tunnel_remove NAME TUNNEL
tunnel_remove () {
    on "$1" ovs-vsctl del-port br-int "$2"
}

# link_add LINK LEFT RIGHT TYPE ca|cert|psk|none 4|6 [OPTION=VALUE...]: a port
# pLINK on each of two chassis, and between these, and these only, a tunnel
# tunLINK with that authentication, over IPv4 or IPv6.
link_add () {
    _link=$1 _left=$2 _right=$3
    shift 3
    link_end "$_link" "$_left" "$_right" "$@" &
    link_end "$_link" "$_right" "$_left" "$@" || { wait $!; return 1; }
    wait $!
}

flows_code () {
    echo "ovs-ofctl add-flow br-int in_port=p$1,actions=output:tun$1
          ovs-ofctl add-flow br-int in_port=tun$1,actions=output:p$1"
}

# link_flows NAME LINK: once more, for an ovs-vswitchd that has restarted.
link_flows () {
    on "$1" sh -ec "$(flows_code "$2")"
}

link_end () {
    _link=$1 _here=$2 _there=$3 _type=$4 _auth=$5 _family=$6
    shift 6
    case $_auth in
    ca) set -- "$@" "remote_name=$_there" ;;
    cert) set -- "$@" "remote_cert=$SANDBOX_PKI/self/$_there-cert.pem" ;;
    psk) set -- "$@" "psk=swordfish" ;;
    none) ;;
    *) complain "no authentication '$_auth'"; return 1 ;;
    esac
    _tunnel=$(tunnel_args "tun$_link" "$_type" \
                          "$(underlay "$_there" "$_family")" "$@")
    on "$_here" sh -exc "
        ovs-vsctl --may-exist add-br br-int \
            -- set Bridge br-int fail-mode=secure \
            -- add-port br-int p$_link \
            -- set Interface p$_link type=internal $(echo $_tunnel)
        $(port_code "p$_link" "$(overlay "$_here" "$_link")")
        $(flows_code "$_link")
        " </dev/null >>"$SANDBOX/$_here/log/start.log" 2>&1 || {
        tail -n 20 "$SANDBOX/$_here/log/start.log" >&2
        complain "cannot make link $_link on $_here"
    }
}

# tunnel_set NAME TUNNEL OPTION=VALUE...; tunnel_unset NAME TUNNEL OPTION...
tunnel_set () {
    _on=$1 _tunnel=$2
    shift 2
    for _option; do
        on "$_on" ovs-vsctl set Interface "$_tunnel" "options:$_option" \
            || return 1
    done
}
tunnel_unset () {
    _on=$1 _tunnel=$2
    shift 2
    on "$_on" ovs-vsctl remove Interface "$_tunnel" options "$@"
}

# creds_ca NAME...: the local database names a certificate of one CA for each.
# They are in $SANDBOX_PKI: our ovs-pki made them on the host, which takes it
# a twentieth of the time.
creds_ca () {
    each "$@" -- creds_ca_one
}

creds_ca_one () {
    on "$1" ovs-vsctl --no-wait set Open_vSwitch . \
        other_config:certificate="$SANDBOX_PKI/$1-cert.pem" \
        other_config:private_key="$SANDBOX_PKI/$1-privkey.pem" \
        other_config:ca_cert="$SANDBOX_PKI/switchca/cacert.pem"
}

# creds_cert NAME...: the same with certificates that nobody else signed.
creds_cert () {
    each "$@" -- creds_cert_one
}

creds_cert_one () {
    on "$1" ovs-vsctl --no-wait set Open_vSwitch . \
        other_config:certificate="$SANDBOX_PKI/self/$1-cert.pem" \
        other_config:private_key="$SANDBOX_PKI/self/$1-privkey.pem"
}

# token_make NAME: the chassis, of $SOFTHSM, gets a token in software, which
# charon finds when it starts.  token_key NAME ID FILE: the key in FILE is in
# it under the hexadecimal ID.  token_uri ID: what the database calls that.
token_make () {
    on "$1" sh -ec '
        mkdir -p /var/lib/softhsm/tokens /etc/softhsm
        printf "%s\n" "directories.tokendir = /var/lib/softhsm/tokens" \
            "objectstore.backend = file" >/etc/softhsm/softhsm2.conf
        printf "%s\n" "pkcs11 {" "load = yes" "modules {" "soft {" \
            "path = /usr/lib/softhsm/libsofthsm2.so" "load_certs = no" \
            "}" "}" "}" >/etc/strongswan.d/charon/pkcs11.conf
        softhsm2-util --init-token --free --label ovn --pin 4711 \
            --so-pin 47114711
        (umask 077 && echo 4711 >/etc/token-pin)'
}

token_key () {
    on "$1" sh -ec '
        openssl pkcs8 -topk8 -nocrypt -in "$1" -out /tmp/token-key
        softhsm2-util --import /tmp/token-key --token ovn --label "$0" \
            --id "$0" --pin 4711
        rm /tmp/token-key' "$2" "$3"
}

token_uri () {
    echo "pkcs11:token=ovn;id=%$1?pin-source=file:/etc/token-pin"
}

## OVN.

# central_start NAME: its databases and ovn-northd, which serve the wire.
central_start () {
    daemon_start "$1" ovnnb ovnsb ovn-northd &&
    on "$1" sh -exc 'ovn-nbctl init
                     while ! ovn-sbctl init; do sleep 0.1; done' \
        >>"$SANDBOX/$1/log/start.log" 2>&1
}

# ovn_join NAME CENTRAL: makes it a chassis of that central's cloud.
ovn_join () {
    on "$1" ovs-vsctl --no-wait --may-exist add-br br-int \
        -- set Bridge br-int fail-mode=secure \
        -- set Open_vSwitch . \
        external_ids:ovn-remote="tcp:$(underlay "$2"):6642" \
        external_ids:ovn-encap-type=geneve \
        external_ids:ovn-encap-ip="$(underlay "$1")" &&
    daemon_start "$1" ovn-controller
}

# cloud_start NAME...: a central node, and these chassis, whose Open vSwitch
# runs, become its cloud, with certificates and ovs-monitor-ipsec.
cloud_start () {
    chassis_make central && central_start central && creds_ca "$@" &&
    each "$@" -- daemon_start ovs-monitor-ipsec &&
    each "$@" -- ovn_join central
}

# ovn_tunnel NAME: prints the name of the one tunnel OVN made there.
ovn_tunnel () {
    on "$1" ovs-vsctl --bare --columns=name find Interface type=geneve \
        | grep . || complain "no tunnel on $1 yet"
}

# ovn_link NAME: port p1 and explicit flows between it and OVN's tunnel, for
# an ovn-controller that makes no logical flows.
ovn_link () {
    wait_until ovn_tunnel "$1" || return 1
    _tunnel=$(ovn_tunnel "$1") || return 1
    on "$1" sh -exc "
        ovs-vsctl --may-exist add-port br-int p1 \
            -- set Interface p1 type=internal
        $(port_code p1 "$(overlay "$1")")
        ovs-ofctl add-flows br-int - <<EOF
in_port=p1,actions=set_field:1->tun_id,output:$_tunnel
in_port=$_tunnel,actions=output:p1
EOF
        " >>"$SANDBOX/$1/log/start.log" 2>&1
}

# ovn_switch CENTRAL NAME...: one logical switch with a port for each.
ovn_switch () {
    _central=$1 _args=
    shift
    for _on; do
        _mac=$(printf '0a:00:00:00:00:%02x' "$(number "$_on")")
        _args="$_args -- lsp-add ls0 $_on
               -- lsp-set-addresses $_on '$_mac $(overlay "$_on")'"
        on "$_on" sh -exc "
            ovs-vsctl --may-exist add-port br-int p1 \
                -- set Interface p1 type=internal mac='\"$_mac\"' \
                   external_ids:iface-id=$_on
            $(port_code p1 "$(overlay "$_on")")" \
            >>"$SANDBOX/$_on/log/start.log" 2>&1 || return 1
    done
    on "$_central" sh -exc "ovn-nbctl ls-add ls0 $(echo $_args)" \
        >>"$SANDBOX/$_central/log/start.log" 2>&1
}

## The wire.

# What a tunnel's packets look like in clear: UDP ports, GRE, also behind one
# IPv6 extension header (ip6gre's tunnel limit, a fragment).
plaintext_filter () {
    for _port in ${PLAINTEXT_PORTS:-6081 4789}; do
        printf 'udp port %s or ' "$_port"
    done
    echo 'ip proto 47 or (ip6 and (ip6[6] = 47' \
         'or ((ip6[6] = 60 or ip6[6] = 44) and ip6[40] = 47)))'
}

# ESP, and ESP in UDP, whose first four bytes are not IKE's zero marker.
esp_filter () {
    echo 'esp or (udp port 4500 and udp[8:4] != 0)' \
         'or (ip6 and ip6[6] = 17 and ip6[48:4] != 0' \
         'and (ip6[40:2] = 4500 or ip6[42:2] = 4500))'
}

wire_filter () {
    case $1 in
    plaintext) plaintext_filter ;;
    esp) esp_filter ;;
    ike) echo "(udp port 500 or udp port 4500) and not ($(esp_filter))" ;;
    marker) echo 'udp dst port 9' ;;
    *) complain "no kind of packet '$1'" ;;
    esac
}

# One line for each packet, which begins with the time: tcpdump writes more for
# some.
wire_read () {
    tcpdump -n -r "$SANDBOX/$1.pcap" "$2" 2>/dev/null | grep '^[0-9][0-9]:'
}

# capture_start NAME: to $SANDBOX/NAME.pcap; what is sent from now on is seen.
capture_start () {
    on wire sh -c 'echo $$ >"$0.pid"
                   exec tcpdump -i wire0 -n -U -B 8192 -w "$0.pcap"' \
        "$SANDBOX/$1" </dev/null >/dev/null 2>"$SANDBOX/$1.tcpdump" &
    wait_until grep 'listening on' "$SANDBOX/$1.tcpdump"
}

# The marker: a packet from the first chassis to the second, which must show
# up in a capture that claims to have seen everything until then.
marker_send () {
    _first=$(grep -lx 1 "$SANDBOX"/*/number)
    _first=${_first%/number}
    on "${_first##*/}" bash -c 'echo >/dev/udp/192.0.2.2/9'
}

marker_seen () {
    test "$(wire_read "$1" "$(wire_filter marker)" | wc -l)" -gt 0
}

# capture_stop NAME: returns when all that was sent until now is in the file.
# A file without the marker, or with packets lost, is no evidence.
capture_stop () {
    marker_send &&
    wait_until marker_seen "$1" &&
    on wire kill "$(cat "$SANDBOX/$1.pid")" &&
    wait_until grep 'dropped by kernel' "$SANDBOX/$1.tcpdump" || return 1
    grep -q '^0 packets dropped by kernel' "$SANDBOX/$1.tcpdump" \
        || complain "capture '$1' lost packets"
}

# capture_count NAME plaintext|esp|ike: prints how many packets.
capture_count () {
    _filter=$(wire_filter "$2") || return 1
    grep -q '^0 packets dropped' "$SANDBOX/$1.tcpdump" 2>/dev/null \
        || { complain "capture '$1' is not complete"; return 1; }
    wire_read "$1" "$_filter" | wc -l
}

## Traffic.

# ping_answers NAME ADDRESS [COUNT]: prints how many pings were answered.
ping_answers () {
    on "$1" ping -n -q -c "${3:-1}" -i 0.1 -W 1 "$2" \
        | sed -n 's/.* \([0-9]*\) received.*/\1/p'
}

# pings NAME ADDRESS [COUNT]: whether each of them was answered.
pings () {
    _answers=$(ping_answers "$@")
    test "$_answers" = "${3:-1}" \
        || complain "$1 to $2: $_answers of ${3:-1} pings answered"
}

# link_wait LINK LEFT RIGHT: until a ping goes through.
link_wait () {
    wait_until pings "$2" "$(overlay "$3" "$1")"
}

# ping_start ID NAME ADDRESS [INTERVAL]: in the background, 100 per second.
ping_start () {
    on "$2" sh -c 'echo $$ >"$0.pid"; exec ping -n -D -i "$2" "$1"' \
        "$SANDBOX/$1" "$3" "${4:-0.01}" </dev/null >"$SANDBOX/$1.ping" 2>&1 &
    echo "$2" >"$SANDBOX/$1.on"
    wait_until grep -q 'icmp_seq=' "$SANDBOX/$1.ping"
}

# ping_stop ID: ends it; the file stays.
ping_stop () {
    on "$(cat "$SANDBOX/$1.on")" kill -INT "$(cat "$SANDBOX/$1.pid")" &&
    wait_until grep -q 'packets transmitted' "$SANDBOX/$1.ping"
}

# ping_lost ID: prints how many were not answered.  The last one may have
# been under way when the ping was stopped, and does not count.
ping_lost () {
    sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 \2/p' \
        "$SANDBOX/$1.ping" | {
        read -r _sent _received || { complain "no ping '$1'"; return 1; }
        grep -q "icmp_seq=$_sent " "$SANDBOX/$1.ping" || _sent=$((_sent - 1))
        echo $((_sent - _received))
    }
}

# ping_silence ID: prints the longest time, in seconds, in which no
# ping was answered.
ping_silence () {
    sed -n 's/^\[\([0-9.]*\)\] .*icmp_seq=.*/\1/p' "$SANDBOX/$1.ping" |
        awk 'NR > 1 && $1 - last > most { most = $1 - last } { last = $1 }
             END { printf "%.1f\n", most }'
}

# tunnel_received NAME TUNNEL: prints how many packets came out of it.
tunnel_received () {
    on "$1" ovs-ofctl dump-ports br-int "$2" \
        | sed -n 's/.*rx pkts=\([0-9]*\),.*/\1/p' | grep .
}

## Security associations.

# spis NAME: one line for each SA of the kernel: source, destination, SPI.
# Larval states, which wait for the IKE daemon, are not SAs.
spis () {
    on "$1" ip xfrm state | awk '
        $1 == "src" { pair = $2 " " $4 }
        $1 == "proto" && $4 != "0x00000000" { spi = $4 }
        $1 == "proto" && $4 == "0x00000000" { spi = "" }
        ($1 == "enc" || $1 == "aead") && spi != "" { print pair, spi }' | sort
}

# spis_save NAME FILE; spis_kept NAME FILE: the ones saved are still there.
spis_save () {
    spis "$1" >"$SANDBOX/$2"
    test -s "$SANDBOX/$2" || complain "no SAs on $1"
}
spis_kept () {
    spis "$1" >"$SANDBOX/$2.now"
    _lost=$(comm -23 "$SANDBOX/$2" "$SANDBOX/$2.now")
    test -z "$_lost" || complain "SAs gone from $1: $_lost"
}

# spis_agree NAME NAME: these two, which have no other peers, have the same
# SAs.
spis_agree () {
    test "$(spis "$1")" = "$(spis "$2")" || complain "SAs of one end only"
}

# spis_gone NAME FILE: prints how many of the ones saved are not there.
spis_gone () {
    spis "$1" >"$SANDBOX/$2.now"
    comm -23 "$SANDBOX/$2" "$SANDBOX/$2.now" | wc -l
}

# xfrm_is_empty NAME: neither SAs nor policies of tunnels; sockets of charon
# have their own.
xfrm_is_empty () {
    test -z "$(spis "$1")$(on "$1" ip xfrm policy list nosock)"
}

# charon_has_sa NAME: charon itself shows a CHILD_SA that is installed.
charon_has_sa () {
    on "$1" swanctl --list-sas | grep -q 'INSTALLED'
}

# esp_is_up NAME: each direction has a CHILD_SA of ours.
esp_is_up () {
    test "$(on "$1" swanctl --list-sas | grep -c ' ovs-.*INSTALLED')" -ge 2
}

# monitor_shows NAME: what ovs-monitor-ipsec has to say.
monitor_shows () {
    on "$1" ovs-appctl -t ovs-monitor-ipsec tunnels/show
}

monitor_knows_not () {
    _shown=$(monitor_shows "$1") || return 1
    case $_shown in *"$2"*) return 1 ;; esac
}

# monitor_tunnel NAME TUNNEL: what it has to say of one tunnel.
monitor_tunnel () {
    monitor_shows "$1" | sed -n "/^Interface name: $2 /,/^\$/p"
}

monitor_shows_up () {
    monitor_tunnel "$1" "$2" | grep -q '^State: UP'
}

# monitor_is_ok NAME: nothing is wrong on that host.
monitor_is_ok () {
    on "$1" ovs-appctl -t ovs-monitor-ipsec health
}

# report WORDS: a line of tests/system-report, which is there when
# 'make check-system' has ended.
report () {
    echo "$*" | tee -a "$UML_RESULT/system-report"
}

# evidence: what to look at when something failed, as files.
evidence () {
    for _file in "$SANDBOX"/*/number; do
        test -e "$_file" || continue
        _on=$(basename "$(dirname "$_file")")
        for _command in "ip xfrm state" "ip -s xfrm state" "ip xfrm policy" \
            "cat /proc/net/xfrm_stat" "swanctl --list-sas" \
            "swanctl --list-conns" "ovs-vsctl show" "ip -s address" \
            "ovs-ofctl dump-flows br-int" \
            "ovs-appctl -t ovs-monitor-ipsec tunnels/show" "ps ax"; do
            echo "\$ $_command"
            on "$_on" timeout 5 $_command 2>&1
        done >"$SANDBOX/$_on/state"
        on "$_on" tar -C /etc -cf - swanctl >"$SANDBOX/$_on/swanctl.tar"
    done
}

## One test.

# sandbox_test [SECONDS]: from here until the calling shell ends there is a
# sandbox.  After SECONDS ($SYSTEM_TEST_SECONDS) the test fails.  Autotest's
# status file says how it ended.
sandbox_test () {
    read -r _shell _ </proc/self/stat
    _seconds=${1:-${SYSTEM_TEST_SECONDS:-120}}
    setsid sh -c 'sleep "$1"; kill -TERM "$2"; pkill -KILL -P "$2"' \
        sh "$_seconds" "$_shell" </dev/null >/dev/null 2>&1 5>&- 7>&- &
    _watchdog=$!
    trap 'sandbox_test_over_time' TERM
    trap 'sandbox_test_end' 0
}

sandbox_test_over_time () {
    trap '' TERM
    echo "The test exceeds its time limit."
    echo 1 >"$at_status_file"
    exit 1
}

sandbox_test_end () {
    kill -KILL -- "-$_watchdog" 2>/dev/null
    read -r _status <"$at_status_file"
    test "$_status" = 0 || evidence
    sandbox_end
}
