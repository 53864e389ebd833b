# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors
"""A name server whose answers the test changes while it runs.

usage: dns-server.py ADDRESS ZONE LOG

Listens on ADDRESS, UDP port 53.  Each line of the file ZONE is a name and
its IPv4 address, with a TTL of two seconds; the file is read for each query.
Any other name does not exist.  Names that were asked for go to LOG.
"""

import ipaddress
import pathlib
import socket
import struct
import sys

TYPE_A = 1
RESPONSE = 0x8580           # An authoritative one, recursion available.
NO_SUCH_NAME = 3


def question_of(query):
    """Returns the name, the type and the bytes of the question."""
    labels = []
    at = 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    kind, = struct.unpack_from("!H", query, at + 1)
    return ".".join(labels), kind, query[12:at + 5]


def answer(query, zone):
    """Returns the name that was asked for, and the response."""
    name, kind, question = question_of(query)
    address = zone.get(name.lower())
    records = b""
    if address and kind == TYPE_A:
        # The name is that at offset 12.
        records = struct.pack("!HHHIH4s", 0xc00c, TYPE_A, 1, 2, 4,
                              ipaddress.ip_address(address).packed)
    flags = RESPONSE | (0 if address else NO_SUCH_NAME)
    header = query[:2] + struct.pack("!HHHHH", flags, 1, bool(records), 0, 0)
    return name, header + question + records


def main():
    """Answers until it is killed."""
    zone, log = map(pathlib.Path, sys.argv[2:])
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((sys.argv[1], 53))
    while True:
        query, client = server.recvfrom(4096)
        lines = zone.read_text(encoding="ascii").splitlines()
        name, response = answer(query, dict(line.split() for line in lines))
        with log.open("a", encoding="ascii") as stream:
            print(name, file=stream)
        server.sendto(response, client)


if __name__ == "__main__":
    main()
