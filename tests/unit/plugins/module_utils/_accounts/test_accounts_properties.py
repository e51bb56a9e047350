# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for any list of people, any history of lists and any account files: tried with generated ones."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.ids import Found, Ids, allocate, load
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.model import Desired, Group, User
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.tables import FIELDS, Ranges, Table, Tables
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._accounts.accounts_host import (
    RECORDED,
    FakeHost,
    acts,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NAMES = ["hand", "mira", "jonas", "nadia", "a-very-long-name-indeed", "x"]
GROUPS = ["leem", "xps"]

person = st.fixed_dictionaries(
    {},
    optional={
        "full_name": st.sampled_from(["", "Mira M.", "Müller, Äh", "x"]),
        "groups": st.lists(st.sampled_from(GROUPS), unique=True),
        "host_groups": st.lists(st.sampled_from(["users", "sudo"]), unique=True),
        "admin": st.booleans(),
        "state": st.sampled_from(["present", "present", "locked", "absent"]),
        "expires": st.sampled_from(["2026-11-01", "2026-11-20", "2027-01-01"]),
        "shell": st.sampled_from(["/bin/sh", "/bin/bash"]),
        "ssh_keys": st.lists(st.sampled_from([f"ssh-ed25519 {letter * 64} key" for letter in "AB"]), unique=True),
    },
)
lists = st.dictionaries(st.sampled_from(NAMES), person, min_size=1)


def as_inputs(people: dict[str, dict[str, Any]], **settings_given: Any) -> dict[str, Any]:
    users = [{"name": name, **fields} for name, fields in people.items()]
    return {"users": users, "groups": [{"name": name} for name in GROUPS], **settings_given}


def foreign_lines(host: FakeHost, removed: set[str]) -> dict[str, list[str]]:
    """Return the lines of accounts and groups that are not the lab's; those of sudo and users may gain members.

    Groups of the host (those of a TLJH) are told without the members whose accounts were removed.
    """
    lab = {"sudo", "users", *GROUPS}

    def without(line: str) -> str:
        *rest, members = line.split(":")
        return ":".join([*rest, ",".join(member for member in members.split(",") if member not in removed)])

    return {
        name: [
            without(line) if name in ("group", "gshadow") else line
            for line in (host.root / "etc" / name).read_text().splitlines()
            if line.split(":")[0] not in lab and not line.startswith("jupyter-")
        ]
        for name in FIELDS
    }


def passwd(host: FakeHost) -> list[str]:
    return (host.root / "etc/passwd").read_text().splitlines()


@FEW
@given(
    recorded=st.sampled_from(["", *RECORDED]),
    history=st.lists(st.tuples(lists, st.booleans()), min_size=1, max_size=4),
)
def test_any_history(recorded: str, history: list[tuple[dict[str, dict[str, Any]], bool]]) -> None:
    """Applied once, the plan is empty; no uid is given twice; foreign accounts are what they were, byte for byte."""
    with tempfile.TemporaryDirectory() as folder:
        host = FakeHost(Path(folder) / "host", recorded=recorded)
        start = FakeHost(Path(folder) / "before", recorded=recorded)
        removed: set[str] = set()
        owner = {int(line.split(":")[2]): line.split(":")[0] for line in passwd(host)}
        for step, (people, remove) in enumerate(history):
            host.now = datetime(2026, 11, 20, 12, step, tzinfo=UTC)
            wanted = as_inputs(people, remove_homes=remove)
            checked = host.run(check=True, **wanted)
            done = host.run(**wanted)
            assert acts(checked) == acts(done)
            assert done.failures == []
            after = host.snapshot()
            again = host.run(**wanted)
            assert (acts(again), again.changed) == ([], False)
            assert host.snapshot() == after
            removed |= {name for what, name in acts(done) if what.startswith("remove")}
            assert foreign_lines(host, removed) == foreign_lines(start, removed)
            for line in passwd(host):
                name, _x, uid = line.split(":")[:3]
                assert owner.setdefault(int(uid), name) == name
            for group in GROUPS:
                members = set(filter(None, (host.line("group", group) or [])[3].split(",")))
                assert members == set(filter(None, (host.line("gshadow", group) or [])[3].split(",")))


who = st.lists(st.sampled_from(NAMES), unique=True)


@settings(deadline=None)
@given(
    st.lists(st.tuples(who, who, st.sampled_from(["", "first host is new", "file is lost"])), max_size=6),
    st.dictionaries(st.sampled_from(["op", "stepsd"]), st.integers(20000, 20004), max_size=2),
)
def test_numbers_on_two_servers_through_any_history(
    history: list[tuple[list[str], list[str], str]], foreign: Any
) -> None:
    """Whatever comes and goes, everybody keeps one number on both servers, and nobody ever gets that of another."""
    recorded = Ids()
    accounts: list[dict[str, int]] = [{}, {}]
    registers: list[dict[str, int]] = [{}, {}]
    ever: dict[str, int] = {}
    for first, second, accident in history:
        if accident == "first host is new":
            accounts[0], registers[0] = {}, {}
        if accident == "file is lost":  # then the registers of the hosts decide
            recorded = Ids()
        hosts = {}
        for number, names in enumerate((first, second)):
            desired = Desired(users=tuple(User(name, f"jupyter-{name}") for name in names), groups=(Group("leem"),))
            found = {f"jupyter-{name}": (uid, uid) for name, uid in accounts[number].items()}
            found |= {name: (uid, uid) for name, uid in foreign.items()} if number else {}
            hosts[f"host{number}"] = (desired, Found(accounts=found, recorded_users=registers[number]))
        ids, problems = allocate(hosts, recorded)
        assert problems == []
        known = {**ids.users, "group leem": ids.groups["leem"]}
        assert len(set(known.values())) == len(known)
        assert not {*known.values()} & {*foreign.values()}
        if accident != "file is lost":
            assert {name: ids.users.get(name) for name in ever} == ever
        ever = dict(ids.users)
        for number, names in enumerate((first, second)):
            accounts[number] = {name: ids.users[name] for name in names}
            registers[number] |= accounts[number]
        recorded = load(ids.dump(), "accounts-ids.txt")
        assert (recorded.users, recorded.groups) == (ids.users, ids.groups)


text = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\x00"), max_size=12)
any_file = st.lists(st.one_of(text, st.builds(":".join, st.lists(text, min_size=2, max_size=9))), max_size=12)


@given(any_file, st.booleans())
def test_any_file_keeps_its_bytes(lines: list[str], odd: bool) -> None:
    content = "".join(f"{line}\n" for line in lines).encode() + (b"bad\xff:x\n" if odd else b"")
    for name in FIELDS:
        tables = Tables.parse({name: content})
        assert tables.changed() == {}
        table = tables.known[name]
        table.set("new-one", ["new-one", "x"])
        kept = [line for line in table.content().split(b"\n") if line != b"new-one:x"]
        assert b"\n".join(kept) == content
        assert table.remove("new-one")
        assert table.content() == content


def test_nis_entries_stay_last() -> None:
    table = Table(b"root:x:0:0::/root:/bin/sh\n+::::::\n", 7)
    table.set("mira", ["mira", "x"])
    assert table.content() == b"root:x:0:0::/root:/bin/sh\nmira:x\n+::::::\n"


def test_ranges_fill_gaps_as_useradd_does() -> None:
    ranges = Ranges(b"a:100000:65536\nb:231072:65536\nodd\n", 3)
    assert [ranges.next_free(100000, 600100000, 65536) for _number in range(3)] == [165536, 296608, 362144]
    assert Ranges(b"a:100000:65536\n", 3).next_free(100000, 170000, 65536) is None
