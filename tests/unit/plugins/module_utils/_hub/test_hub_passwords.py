# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One-time passwords: who gets one, what stays readable, and that a lost store is never filled up silently."""

from __future__ import annotations

import contextlib
import datetime
import os
import sqlite3
import stat
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import passwords
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.password_store import PasswordStore, StoreError

NOW = datetime.datetime(2026, 11, 20, 10, 0, tzinfo=datetime.UTC)


class Lab:
    """A host in a folder, and runs of the module's two steps on it."""

    def __init__(self, folder: Path) -> None:
        self.paths = passwords.Paths(folder / "store.sqlite", folder / "record.json", folder / "one-time.csv")
        self.roster: dict[str, t.Any] = {"users": {}}
        self.hashed: list[str] = []

    def people(self, **states: str) -> None:
        """Set who is in the roster, with which state."""
        self.roster = {"users": {name: {"state": state, "full_name": name.title()} for name, state in states.items()}}

    def plan(self, *reset: str) -> passwords.Plan:
        entries, found, recorded = passwords.check(self.paths)
        lines = passwords.read_lines(self.paths.one_time)
        return passwords.compare(self.roster, entries, lines, reset=list(reset), found=found, recorded=recorded)

    def run(self, *reset: str) -> list[str]:
        """Plan and apply; returns the actions as short texts."""

        def digest(password: str) -> str:
            self.hashed.append(password)
            return f"hash of {password}"

        plan = self.plan(*reset)
        passwords.apply(plan, self.roster, self.paths, owner=os.getuid(), digest=digest, now=NOW)
        return [f"{action['what']} {action['name']}" for action in plan.actions()]

    def pending(self) -> dict[str, str]:
        return {line.name: line.password for line in passwords.read_lines(self.paths.one_time)}

    def use(self, name: str) -> None:
        """Change the password as the hub does."""
        assert PasswordStore(self.paths.store).change(name, "own", "later")

    def hashes(self) -> dict[str, str]:
        with sqlite3.connect(self.paths.store) as connection:
            return dict(connection.execute("SELECT name, hash FROM passwords"))


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    made = Lab(tmp_path)
    made.people(alice="present", bob="present", carol="locked", dave="absent")
    return made


def test_everybody_present_gets_one_and_the_second_run_changes_nothing(lab: Lab) -> None:
    assert lab.run() == ["create store", "seed alice", "seed bob", "record store"]
    assert sorted(lab.pending()) == ["alice", "bob"]
    assert lab.hashes() == {name: f"hash of {password}" for name, password in lab.pending().items()}
    assert lab.run() == []


def test_the_file_is_for_root_alone(lab: Lab) -> None:
    lab.run()
    assert stat.S_IMODE(lab.paths.one_time.stat().st_mode) == 0o600


def test_passwords_are_long_random_and_easy_to_read(lab: Lab) -> None:
    made = {passwords.make_password() for _try in range(200)}
    assert len(made) == 200
    for password in made:
        assert len(password) == 19
        assert set(password) <= set(passwords.ALPHABET + "-")
        assert not set(password) & set("01loi")


def test_a_used_password_is_forgotten(lab: Lab) -> None:
    lab.run()
    lab.use("alice")
    assert passwords.prune(lab.paths) == ["alice"]
    assert sorted(lab.pending()) == ["bob"]
    assert passwords.prune(lab.paths) == []
    assert lab.run() == []


def test_a_store_that_lost_entries_costs_nobody_the_one_time_password(lab: Lab) -> None:
    lab.run()
    with contextlib.closing(sqlite3.connect(lab.paths.store)) as store:
        store.execute("DELETE FROM passwords")
        store.commit()
    assert passwords.prune(lab.paths) == []
    assert sorted(lab.pending()) == ["alice", "bob"]


def test_the_next_run_forgets_used_passwords_too(lab: Lab) -> None:
    lab.run()
    lab.use("alice")
    assert lab.run() == ["forget alice"]
    assert sorted(lab.pending()) == ["bob"]


def test_a_reset_makes_a_new_one_and_touches_nobody_else(lab: Lab) -> None:
    lab.run()
    lab.use("alice")
    lab.use("bob")
    lab.run()
    assert lab.run("alice") == ["reset alice"]
    assert sorted(lab.pending()) == ["alice"]
    assert lab.hashes() == {"alice": f"hash of {lab.pending()['alice']}", "bob": "own"}
    assert PasswordStore(lab.paths.store).entries()["alice"].one_time


def test_a_reset_alone_leaves_all_else_that_is_due(lab: Lab) -> None:
    lab.run()
    lab.use("bob")
    lab.people(alice="present", bob="present", carol="absent", erin="present", frank="present")
    plan = passwords.only(lab.plan("alice", "erin"), ["alice", "erin"])
    assert [f"{action['what']} {action['name']}" for action in plan.actions()] == [
        "seed erin",
        "reset alice",
        "record store",
    ]
    assert passwords.only(lab.plan(), []).actions() == []


def test_locked_people_keep_theirs_and_absent_ones_lose_it(lab: Lab) -> None:
    lab.run()
    lab.people(alice="locked", bob="absent", carol="present")
    assert lab.run() == ["seed carol", "remove bob", "record store"]
    assert sorted(lab.hashes()) == ["alice", "carol"]
    assert sorted(lab.pending()) == ["alice", "carol"]
    assert lab.run() == []


def test_who_comes_back_starts_anew(lab: Lab) -> None:
    lab.run()
    lab.use("bob")
    lab.people(alice="present", bob="absent")
    lab.run()
    lab.people(alice="present", bob="present")
    assert lab.run() == ["seed bob", "record store"]


def test_a_store_that_is_gone_stops_the_run(lab: Lab) -> None:
    lab.run()
    lab.paths.store.unlink()
    with pytest.raises(StoreError, match=r"the password store is gone \(2 accounts are recorded"):
        lab.run()
    assert not lab.paths.store.exists()


def test_a_store_that_lost_entries_stops_the_run(lab: Lab) -> None:
    lab.run()
    with sqlite3.connect(lab.paths.store) as connection:
        connection.execute("DELETE FROM passwords")
    with pytest.raises(StoreError, match="2 of 2 passwords are gone"):
        lab.run()
    assert lab.hashes() == {}


def test_a_run_that_broke_off_before_the_store_was_written_is_made_good(lab: Lab) -> None:
    lab.run()
    lines = passwords.read_lines(lab.paths.one_time)
    lab.use("alice")
    lab.run()
    # A reset that got as far as the file for root: the line is there, the store has the person's own password.
    passwords.write_secret(lab.paths.one_time, passwords.render_lines(lines))
    assert lab.run() == ["forget alice"]


def test_wrong_names_are_all_named() -> None:
    roster = {"users": {"alice": {"state": "present"}, "carol": {"state": "locked"}}}
    assert passwords.problems(roster, ["alice", "eve", "carol"]) == [
        "reset[1]: nobody in the roster has the login name 'eve'",
        "reset[2]: the account 'carol' is locked; it cannot get a password",
    ]


def test_actions_never_hold_a_password(lab: Lab) -> None:
    actions = str(lab.plan().actions())
    lab.run()
    for password in lab.hashed:
        assert password not in actions


def test_names_with_commas_and_quotes_survive_the_file(lab: Lab) -> None:
    lab.roster = {"users": {"alice": {"state": "present", "full_name": 'O"Neil, Alice\u00e9'}}}
    lab.run()
    assert passwords.read_lines(lab.paths.one_time)[0].full_name == 'O"Neil, Alice\u00e9'


def test_pruning_at_the_same_time_loses_no_new_password(lab: Lab) -> None:
    lab.run()
    lab.people(alice="present", bob="present", erin="present")
    lab.use("bob")
    prune = threading.Thread(target=passwords.prune, args=(lab.paths,))

    def digest(password: str) -> str:
        if not prune.ident:
            prune.start()  # the catalogue service looks while hashes are made
            prune.join(0.3)
        return f"hash of {password}"

    passwords.apply(lab.plan("bob"), lab.roster, lab.paths, owner=os.getuid(), digest=digest, now=NOW)
    prune.join()
    assert sorted(lab.pending()) == ["alice", "bob", "erin"]
    assert lab.hashes() == {name: f"hash of {password}" for name, password in lab.pending().items()}
