#! /bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors
#
# ovs-pki-ike.sh: two IKE daemons, "left" and "right", that authenticate each
# other by certificates.  For tests/ovs-pki.at, run by
#
#     unshare -Urnm sh ovs-pki-ike.sh CHARON SWANCTL KIND...
#
# in a folder with pki-KIND and {left,right}-KIND-{privkey,cert}.pem.
# Prints whether the IKE_SA of each KIND comes up; then whether it does when
# right-KIND has been revoked and left has the CRL, and how often left said so;
# then whether it does when right-KIND has another certificate.

charon=$1
swanctl=$2
shift 2

# The daemons are copies: AppArmor confines those at the packages' paths.
mount -t tmpfs tmpfs /run || exit 1
cp "$charon" /run/charon && cp "$swanctl" /run/swanctl || exit 1
ip link set lo up

# configure SIDE PEER: the files of SIDE, whose peer is PEER.
configure() {
    mkdir -p "$1/x509" "$1/x509ca" "$1/x509crl" "$1/private"
    cat >"$1/strongswan.conf" <<EOF
charon-systemd {
    load_modular = yes
    retransmit_tries = 1
    journal { default = -1 }
    filelog { log { path = $PWD/$1/charon.log
                    flush_line = yes
                    default = 1 } }
    plugins {
        include /etc/strongswan.d/charon/*.conf
        vici { socket = unix:///run/$1.vici }
    }
}
EOF
    for kind in $kinds; do
        cp "$1-$kind-cert.pem" "$1/x509/"
        cp "$1-$kind-privkey.pem" "$1/private/"
        cp "pki-$kind/switchca/cacert.pem" "$1/x509ca/$kind.pem"
        cat <<EOF
connections {
    $kind {
        version = 2
        childless = force
        local_addrs = $(address "$1")
        remote_addrs = $(address "$2")
        local {
            auth = pubkey
            certs = $1-$kind-cert.pem
            id = fqdn:$1-$kind
        }
        remote {
            auth = pubkey
            cacerts = $kind.pem
            id = fqdn:$2-$kind
        }
    }
}
EOF
    done >"$1/swanctl.conf"
}

address() {
    case $1 in
    left) echo 192.0.2.1 ;;
    right) echo 192.0.2.2 ;;
    esac
}

# wait_until COMMAND: for 10 seconds at most.
wait_until() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        if test $tries -gt 100; then
            echo "$*: not within 10 seconds"
            exit 1
        fi
        sleep 0.1
    done
}

other_netns() {
    test "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/$$/ns/net)"
}

swanctl_on() {
    side=$1
    shift
    SWANCTL_DIR=$PWD/$side /run/swanctl "$@" --uri "unix:///run/$side.vici" \
        >>"$side/swanctl.log" 2>&1
}

# Tries to bring the connection of KIND up from left.
initiate() {
    if swanctl_on left --initiate --ike "$1" --timeout 5; then
        echo "$1: up"
        swanctl_on left --terminate --ike "$1"
    else
        echo "$1: refused"
    fi
}

kinds=$*
configure left right
configure right left
STRONGSWAN_CONF=$PWD/left/strongswan.conf /run/charon &
left=$!
STRONGSWAN_CONF=$PWD/right/strongswan.conf unshare -n /run/charon &
right=$!
trap 'kill $left $right' EXIT

wait_until other_netns $right
ip link add left type veth peer name right netns $right
ip addr add 192.0.2.1/24 dev left
ip link set left up
nsenter -t $right -n ip addr add 192.0.2.2/24 dev right
nsenter -t $right -n ip link set right up

for side in left right; do
    wait_until test -S /run/$side.vici
    wait_until swanctl_on $side --load-all
done
try_each() {
    for kind in $kinds; do
        initiate "$kind"
    done
}

pki() {
    ovs-pki --dir="pki-$kind" --log=ovs-pki.log "$@" >>ovs-pki.out || exit 1
}

try_each

for kind in $kinds; do
    pki revoke "right-$kind"
    cp "pki-$kind/switchca/crl.pem" "left/x509crl/$kind.pem"
done
swanctl_on left --load-creds
try_each
echo "$(grep -c 'certificate was revoked' left/charon.log) revoked"

for kind in $kinds; do
    pki --key=ec --force req+sign "right-$kind"
    cp "right-$kind-cert.pem" right/x509/
    cp "right-$kind-privkey.pem" right/private/
done
swanctl_on right --load-all --clear
try_each
