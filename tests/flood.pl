# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors
#
# flood.pl FIRST N: sends a Geneve packet to each of N addresses of 10.0.0.0/8,
# from the one with number FIRST on.  What the kernel holds back is no error.
use strict;
use Socket;

my ($first, $n) = @ARGV;
socket my $socket, PF_INET, SOCK_DGRAM, 0 or die "socket: $!\n";
for my $i ($first .. $first + $n - 1) {
    send $socket, "x", 0, sockaddr_in(6081, pack("N", 0x0a000000 + $i));
}
