# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors
#
# What mallory sends.  Prints how many packets were sent.  Needs CAP_NET_RAW.
#
#   spoof.pl geneve|vxlan|gre FROM TO
#       ten tunnel packets in clear to TO that claim to come from FROM
#   spoof.pl esp CAPTURE TO [SPI]
#       the ESP packets in the file CAPTURE that go to TO, as they are, or
#       with another SPI, a number
use strict;
use warnings;
use Socket;

my ($what, $from, $to, $spi) = @ARGV;

sub packet {
    my ($proto, $payload) = @_;
    return pack('C2 n3 C2 n a4 a4', 0x45, 0, 20 + length $payload, 0, 0, 64,
                $proto, 0, inet_aton($from), inet_aton($to)) . $payload;
}

sub udp {
    my ($port, $payload) = @_;
    return packet(17, pack('n4', 40000, $port, 8 + length $payload, 0)
                               . $payload);
}

# An Ethernet broadcast of a type that nobody knows.
my $frame = pack('H12 H12 n', 'ffffffffffff', '0a0000000099', 0x88b5)
    . "\0" x 46;

# The IPv4 packets in a capture (pcap-savefile(5)) of Ethernet frames.
sub captured {
    my ($file) = @_;
    my ($header, @packets);
    open my $in, '<:raw', $file or die "$file: $!\n";
    read $in, $header, 24;
    while (read($in, $header, 16) == 16) {
        read $in, my $data, (unpack 'L4', $header)[2];
        push @packets, substr $data, 14
            if unpack('x12 n', $data) == 0x0800;
    }
    return @packets;
}

sub esp {
    my @packets = grep { unpack('x9 C', $_) == 50
                         && substr($_, 16, 4) eq inet_aton($to) }
                       captured($from);
    if (defined $spi) {
        substr($_, 20, 4) = pack('N', $spi) for @packets;
    }
    return @packets;
}

my %packets = (
    # RFC 8926: no options, Ethernet inside, VNI 0.
    geneve => sub {
        (udp(6081, pack('C2 n N', 0, 0, 0x6558, 0) . $frame)) x 10
    },
    # RFC 7348: VNI 0, which is valid.
    vxlan => sub { (udp(4789, pack('N2', 0x08000000, 0) . $frame)) x 10 },
    # RFC 2784: no checksum, Ethernet inside.
    gre => sub { (packet(47, pack('n2', 0, 0x6558) . $frame)) x 10 },
    esp => \&esp,
);
my $make = $packets{$what} or die "cannot send '$what'\n";

socket my $socket, PF_INET, SOCK_RAW, 255 or die "socket: $!\n";
my $n = 0;
for my $packet ($make->()) {
    $n++ if send $socket, $packet, 0, sockaddr_in(0, inet_aton($to));
}
print "$n\n";
