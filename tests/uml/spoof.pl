# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors
#
# spoof.pl geneve|vxlan FROM TO: sends ten tunnel packets in clear to TO that
# claim to come from FROM, and prints how many were sent.  Needs CAP_NET_RAW.
use strict;
use warnings;
use Socket;

my ($type, $from, $to) = @ARGV;
my %tunnels = (
    # RFC 8926: no options, Ethernet inside, VNI 0.
    geneve => [6081, pack('C2 n N', 0, 0, 0x6558, 0)],
    # RFC 7348: VNI 0, which is valid.
    vxlan => [4789, pack('N2', 0x08000000, 0)],
);
my ($port, $header) = @{$tunnels{$type} or die "no tunnel '$type'\n"};

# An Ethernet broadcast of a type that nobody knows.
my $frame = pack('H12 H12 n', 'ffffffffffff', '0a0000000099', 0x88b5)
    . "\0" x 46;
my $payload = $header . $frame;
my $udp = pack('n4', 40000, $port, 8 + length $payload, 0);
my $ip = pack('C2 n3 C2 n a4 a4', 0x45, 0, 28 + length $payload, 0, 0, 64,
              IPPROTO_UDP, 0, inet_aton($from), inet_aton($to));

socket my $socket, PF_INET, SOCK_RAW, 255 or die "socket: $!\n";
my $n = 0;
for (1 .. 10) {
    $n++ if send $socket, $ip . $udp . $payload, 0,
        sockaddr_in(0, inet_aton($to));
}
print "$n\n";
