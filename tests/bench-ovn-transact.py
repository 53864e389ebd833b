# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors
"""What bench-ovn needs of an ovsdb-server, faster than by processes.

usage: bench-ovn-transact.py LOCAL REMOTE KEY COUNT
           commits the transaction on stdin to the server on socket REMOTE,
           waits until COUNT rows of Interface of the one on LOCAL have
           options:KEY, and prints how many ms that took
       bench-ovn-transact.py --floor LOCAL
           prints how many ms one transaction takes that gives every geneve
           Interface one more option
"""

import json
import socket
import sys
import time

PATIENCE = 300


class Server:
    """A connection to an ovsdb-server."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.decoder = json.JSONDecoder()
        self.text = ""

    def send(self, method, params):
        """Sends a request."""
        self.socket.sendall(json.dumps(
            {"method": method, "params": params, "id": 0}).encode())

    def receive(self):
        """Returns the next message."""
        while True:
            try:
                message, end = self.decoder.raw_decode(self.text)
                self.text = self.text[end:].lstrip()
                return message
            except json.JSONDecodeError:
                self.text += self.read_some()

    def read_some(self):
        """Returns text that may end a message: to parse half of a long one
        would take time from the programs that are measured."""
        text = ""
        while not text.endswith("}"):
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError("the server hung up")
            text += data.decode()
        return text

    def transact(self, params):
        """Commits a transaction, and returns its results."""
        self.send("transact", params)
        results = self.receive()["result"]
        for result in results:
            if result and "error" in result:
                raise ValueError(result)
        return results


def follow(server):
    """Yields the changes of Interface:options, all of them at first."""
    server.send("monitor_cond", ["Open_vSwitch", None,
                                 {"Interface": [{"columns": ["options"]}]}])
    yield server.receive()["result"]
    while True:
        message = server.receive()
        if message.get("method") == "update2":
            yield message["params"][1]


def apply_difference(options, difference):
    """Changes a row's 'options' as the server says."""
    for name, value in difference:
        if options.get(name) == value:
            del options[name]
        else:
            options[name] = value


def count_having(rows, updates, key):
    """Brings 'rows', the options of each row, up to date; returns how many
    have 'key'."""
    for uuid, change in updates.get("Interface", {}).items():
        row = change.get("initial", change.get("insert"))
        if row is not None:
            rows[uuid] = dict(row.get("options", ("map", ()))[1])
        elif "modify" in change:
            apply_difference(rows[uuid], change["modify"]["options"][1])
        else:
            del rows[uuid]
    return sum(key in options for options in rows.values())


def measure(local, remote, key, count):
    """Commits what stdin says to 'remote', waits until 'count' rows of 'local'
    have 'key', and returns the time in ms."""
    request = json.load(sys.stdin)
    changes = follow(local)
    rows = {}
    count_having(rows, next(changes), key)
    begin = time.monotonic()
    remote.transact(request)
    while count_having(rows, next(changes), key) != count:
        pass
    return (time.monotonic() - begin) * 1000


def change_all(server, mutation):
    """Applies 'mutation' to the options of every tunnel, in the form that
    costs the server least; returns the time in ms."""
    rows = server.transact(["Open_vSwitch", {
        "op": "select", "table": "Interface", "columns": ["_uuid"],
        "where": [["type", "==", "geneve"]]}])[0]["rows"]
    request = ["Open_vSwitch"] + [
        {"op": "mutate", "table": "Interface",
         "where": [["_uuid", "==", row["_uuid"]]],
         "mutations": [["options"] + mutation]}
        for row in rows]
    begin = time.monotonic()
    server.transact(request)
    return (time.monotonic() - begin) * 1000


def floor(server):
    """Gives every tunnel one more option, and takes it away; returns the time
    in ms that the first of the two took."""
    elapsed = change_all(server, ["insert", ["map", [["remote_name", "c1"]]]])
    change_all(server, ["delete", "remote_name"])
    return elapsed


def main():
    """Does what the usage says."""
    if sys.argv[1] == "--floor":
        elapsed = floor(Server(sys.argv[2]))
    else:
        elapsed = measure(Server(sys.argv[1]), Server(sys.argv[2]),
                          sys.argv[3], int(sys.argv[4]))
    print(f"{elapsed:.1f}")


if __name__ == "__main__":
    main()
