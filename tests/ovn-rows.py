# SPDX-License-Identifier: Apache-2.0
# Copyright (C) The OVN IPsec Authors
"""Compares what ovn-northd and ovn-controller wrote, for the differential test.

usage: ovn-rows.py OURS THEIRS LAST  waits until the databases in two folders
                                     have the same rows, and others than the
                                     file LAST, which is then replaced
       ovn-rows.py --differences     what is left out or made alike, and why
"""

import difflib
import json
import pathlib
import re
import socket
import sys
import time

# How long two daemons may take to agree, in seconds.
PATIENCE = 30

# (database, table, columns).  Rows are named by the first column.
TABLES = [
    ("nb", "NB_Global", ["ipsec", "nb_cfg", "sb_cfg", "hv_cfg", "options"]),
    ("sb", "SB_Global", ["ipsec", "nb_cfg", "options"]),
    ("sb", "Chassis", ["name", "hostname", "encaps", "transport_zones",
                       "other_config"]),
    ("sb", "Chassis_Private", ["name", "chassis", "nb_cfg"]),
    ("sb", "Encap", ["ip", "type", "chassis_name", "options"]),
    ("sb", "RBAC_Role", ["name", "permissions"]),
    ("sb", "RBAC_Permission", ["table", "authorization", "insert_delete",
                               "update"]),
    ("hv", "Bridge", ["name", "fail_mode", "datapath_type", "other_config",
                      "external_ids", "ports"]),
    ("hv", "Port", ["name", "external_ids", "interfaces"]),
    ("hv", "Interface", ["name", "type", "options", "other_config"]),
]
SOCKETS = {"nb": ("ovnnb_db.sock", "OVN_Northbound"),
           "sb": ("ovnsb_db.sock", "OVN_Southbound"),
           "hv": ("hv1/db.sock", "Open_vSwitch")}

# Intended differences: (table, column, pattern of the key or value, what it
# becomes, reason).  None: left out.
DIFFERENCES = [
    ("NB_Global", "options",
     "mac_prefix|max_tunid|northd_internal_version|svc_monitor_mac", None,
     "OVN's ovn-northd derives these for the logical network, which ours does "
     "not compute"),
    ("SB_Global", "options",
     "mac_prefix|max_tunid|northd_internal_version|svc_monitor_mac"
     "|lb_hairpin_use_ct_mark", None, "the same, copied, and one more"),
    ("Chassis", "other_config",
     "(?!(datapath-type|iface-types|is-interconn|is-remote|is-vtep)$).*",
     None,
     "what OVN's ovn-controller tells ovn-northd about its logical flows; "
     "ours makes none"),
    ("Bridge", "other_config", "hwaddr", None,
     "OVN's ovn-controller pins the address of the bridge, for its flows"),
    ("Bridge", "external_ids", "ct-zone-.*|ovn-nb-cfg-ts|ovn-startup-ts", None,
     "zones of the logical network; times"),
    ("Port", "external_ids", r"(ovn-chassis-id=[^%]*)%.*", r"\1",
     "ours writes the id of OVN 24.03 and newer, NAME@REMOTE%LOCAL"),
    ("Bridge", "ports", r"(ovn-.*-)[0-9a-f]+", r"\1N",
     "counters are given in the order of rows, which is by chance; names are "
     "tested elsewhere"),
    ("Port", "name", r"(ovn-.*-)[0-9a-f]+", r"\1N", "the same"),
    ("Port", "interfaces", r"(ovn-.*-)[0-9a-f]+", r"\1N", "the same"),
    ("Interface", "name", r"(ovn-.*-)[0-9a-f]+", r"\1N", "the same"),
    ("Interface", "options", "local_ip", None,
     "OVN 23.03 sets it while ipsec is on or by ovn-set-local-ip, OVN since "
     "24.03 always, and so does ours"),
    ("Interface", "options", "ipsec_(?!encapsulation|forceencaps).*", None,
     "OVN 23.03 copies two keys, OVN since 24.03 all that begin with ipsec_, "
     "and so does ours"),
]

# Intended differences that would need a step of their own.
NOT_STEPPED = [
    "ipsec_encapsulation, ipsec_forceencaps: OVN 23.03 takes \"true\" only, "
    "OVN since 24.03 \"yes\", too, and so does ours",
    "a ramp switch (other_config:is-vtep): OVN 23.03 does not know it",
    "names of chassis that encryption does not accept: OVN makes a tunnel, "
    "ours none while ipsec is on",
    "a chassis that has no address of a family that we have: OVN 23.03 makes "
    "a tunnel from wherever the kernel likes; ours have a local_ip, and that "
    "one cannot be of another family",
    "several addresses of one family here: OVN 23.03 makes one tunnel to each "
    "address there, OVN since 24.03 and ours one from each of ours",
    "an unknown type in ovn-encap-type: OVN 23.03 writes it, too, which the "
    "database refuses again and again; OVN of today and ours keep the rest",
    "a port whose options change: OVN's ovn-controller replaces it, ours "
    "changes it in place; so row ids and port numbers are not compared",
]


def transact(path, request):
    """Returns the reply of the server on socket 'path' to 'request'."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(path)
        connection.sendall(json.dumps(
            {"method": "transact", "params": request, "id": 0}).encode())
        text = b""
        while True:
            text += connection.recv(1 << 20)
            try:
                return json.loads(text)["result"]
            except json.JSONDecodeError:
                continue


def query(folder):
    """Returns {table: {uuid: row}} of all tables in 'folder'."""
    found = {}
    for where, (name, database) in SOCKETS.items():
        tables = [(table, columns) for place, table, columns in TABLES
                  if place == where]
        operations = [{"op": "select", "table": table, "where": [],
                       "columns": ["_uuid"] + columns}
                      for table, columns in tables]
        reply = transact(f"{folder}/{name}", [database] + operations)
        for (table, _), result in zip(tables, reply):
            found[table] = {row["_uuid"][1]: row for row in result["rows"]}
    return found


def print_differences():
    """The list for the reader."""
    for table, column, pattern, alike, reason in DIFFERENCES:
        print(f"{table}:{column} {pattern}"
              f"{'' if alike is None else ' as ' + alike}: {reason}")
    for reason in NOT_STEPPED:
        print(reason)


class Printer:
    """Rows as text, the same for equal rows whatever their uuids."""

    def __init__(self, found):
        self.found = found
        self.names = {}
        for _, table, columns in TABLES:
            for uuid, row in found[table].items():
                self.names[uuid] = str(row[columns[0]])
        for uuid, row in found["Encap"].items():
            self.names[uuid] = f'{row["type"]}:{row["ip"]}'

    def atom(self, value):
        """A reference by the name of the row; anything else as it is."""
        if isinstance(value, list) and value[0] == "uuid":
            return self.names.get(value[1], "a row")
        return json.dumps(value).strip('"')

    def words(self, value):
        """The elements of a column's value, sorted."""
        if isinstance(value, list) and value[0] == "map":
            return sorted(f"{self.atom(k)}={self.atom(v)}"
                          for k, v in value[1])
        if isinstance(value, list) and value[0] == "set":
            return sorted(self.atom(element) for element in value[1])
        return [self.atom(value)]

    def column(self, table, column, value):
        """A column's value without the intended differences."""
        words = self.words(value)
        for d_table, d_column, pattern, alike, _ in DIFFERENCES:
            if (d_table, d_column) != (table, column):
                continue
            if alike is None:
                words = [word for word in words
                         if not re.fullmatch(pattern, word.split("=")[0])]
            else:
                words = [re.sub(pattern, alike, word) for word in words]
        return ",".join(words)

    def lines(self):
        """All rows."""
        for _, table, columns in TABLES:
            for row in self.found[table].values():
                values = (f"{c}: {self.column(table, c, row[c])}"
                          for c in columns)
                yield f'{table}  {"  ".join(values)}'


def rows_of(folder):
    """The rows in 'folder', as sorted lines."""
    return sorted(Printer(query(folder)).lines())


def compare(ours, theirs, last):
    """Waits until both are the same and new.  Returns an exit status."""
    deadline = time.monotonic() + PATIENCE
    before = last.read_text().splitlines()
    while True:
        mine, other = rows_of(ours), rows_of(theirs)
        if mine == other != before:
            break
        if time.monotonic() > deadline:
            print("\n".join(difflib.unified_diff(other, mine, theirs, ours,
                                                 lineterm="", n=0))
                  or "nothing changed")
            return 1
        time.sleep(0.05)
    last.write_text("".join(line + "\n" for line in mine))
    print(f"{len(mine)} rows equal")
    return 0


def main():
    """Does what the usage says."""
    if sys.argv[1] == "--differences":
        print_differences()
        return 0
    return compare(sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]))


if __name__ == "__main__":
    sys.exit(main())
