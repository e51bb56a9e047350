# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The password store: what is kept, what is noticed, and the pauses after wrong passwords."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from labhub.login.password_store import PasswordStore, Record, StoreError, read_record


@pytest.fixture
def store(tmp_path: Path) -> PasswordStore:
    made = PasswordStore(tmp_path / "passwords.sqlite")
    made.create()
    made.apply({"alice": "hash-a", "bob": "hash-b"}, [], "now")
    return made


def test_the_file_is_for_the_hub_alone(store: PasswordStore) -> None:
    assert store.path.stat().st_mode & 0o777 == 0o600


def test_a_change_ends_the_one_time_password(store: PasswordStore) -> None:
    assert store.entries()["alice"].one_time
    assert store.change("alice", "hash-new", "later")
    entry = store.get("alice")
    assert entry is not None
    assert (entry.hash, entry.one_time) == ("hash-new", False)
    assert not store.change("mallory", "hash-m", "later"), "nobody can add a name from the hub"
    assert store.get("mallory") is None


def test_a_missing_store_is_never_made_anew(tmp_path: Path) -> None:
    gone = PasswordStore(tmp_path / "gone.sqlite")
    with pytest.raises(sqlite3.OperationalError):
        gone.get("alice")
    assert not gone.path.exists()


def test_recorded_removals_are_fine(store: PasswordStore) -> None:
    record = store.record()
    store.apply({}, ["bob"], "later")
    store.check(record)
    store.apply({"carol": "hash-c"}, [], "later")
    store.check(record)
    assert store.record().added == 3


def test_a_store_that_shrank_is_refused(store: PasswordStore) -> None:
    record = store.record()
    with sqlite3.connect(store.path) as connection:
        connection.execute("DELETE FROM passwords WHERE name = 'bob'")
    with pytest.raises(StoreError, match="1 of 2 passwords are gone"):
        store.check(record)


def test_another_store_is_refused(store: PasswordStore, tmp_path: Path) -> None:
    other = PasswordStore(tmp_path / "other.sqlite")
    other.create()
    other.apply(dict.fromkeys(("alice", "bob", "eve"), "hash"), [], "now")
    with pytest.raises(StoreError, match="another password store"):
        other.check(store.record())


def test_another_backend_is_refused(store: PasswordStore) -> None:
    record = store.record()
    with pytest.raises(StoreError, match=r"it was dbm\.gnu"):
        store.check(Record(record.store_id, record.added, "dbm.gnu"))
    store.path.write_bytes(b"\x00GDBM" * 100)
    with pytest.raises(StoreError, match="not a usable password store"):
        store.check(record)


def test_without_a_record_nothing_starts(store: PasswordStore) -> None:
    with pytest.raises(StoreError, match="nothing is recorded"):
        store.check(None)


def test_the_record_survives_its_file(store: PasswordStore, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    assert read_record(path) is None
    path.write_text(store.record().text())
    assert read_record(path) == store.record()
    path.write_text("{")
    with pytest.raises(StoreError, match="unreadable record"):
        read_record(path)


def test_pauses_double_and_end(store: PasswordStore) -> None:
    subjects = {"alice 10.0.0.1": 2}
    assert store.pause(subjects, 100.0) == 0
    for _ in range(2):
        store.failed(subjects, 100.0)
    assert store.pause(subjects, 100.0) == 15.0
    assert store.pause(subjects, 114.0) == 1.0
    assert store.pause(subjects, 116.0) == 0
    store.failed(subjects, 116.0)
    assert store.pause(subjects, 116.0) == 30.0
    for _ in range(20):
        store.failed(subjects, 116.0)
    assert store.pause(subjects, 116.0) == 900.0
    assert store.pause({"alice 10.0.0.2": 2}, 116.0) == 0, "another address is not held up"
    store.succeeded("alice 10.0.0.1")
    assert store.pause(subjects, 116.0) == 0


def test_a_clock_that_jumps_back_locks_nobody_out(store: PasswordStore) -> None:
    for _ in range(3):
        store.failed({"alice x": 2}, 1_000_000.0)
    assert store.pause({"alice x": 2}, 0.0) <= 30.0


def test_a_reset_forgets_failures(store: PasswordStore) -> None:
    subjects = {"alice 10.0.0.1": 0, "alice": 0}
    store.failed(subjects, 100.0)
    store.apply({"alice": "hash-reset"}, [], "now")
    assert store.pause(subjects, 100.0) == 0


def test_a_reset_forgets_nothing_about_a_name_that_looks_alike(store: PasswordStore) -> None:
    store.failed({"aXb 10.0.0.1": 0, "a_b 10.0.0.1": 0, "a_b": 0}, 100.0)
    store.apply({"a_b": "hash-reset"}, [], "now")
    assert store.pause({"a_b 10.0.0.1": 0, "a_b": 0}, 100.0) == 0
    assert store.pause({"aXb 10.0.0.1": 0}, 100.0) > 0


def test_who_gets_in_at_last_takes_the_own_failures_off_the_name_and_no_others(store: PasswordStore) -> None:
    for address, times in (("10.0.0.1", 3), ("10.0.0.66", 2)):
        for _ in range(times):
            store.failed({f"alice {address}": 9, "alice": 9}, 100.0)
    store.succeeded("alice 10.0.0.1")
    assert store.pause({"alice 10.0.0.1": 0}, 100.0) == 0
    assert store.pause({"alice": 2}, 100.0) == 15.0, "the two of the stranger are left"
    assert store.pause({"alice": 3}, 100.0) == 0
    store.succeeded("alice 10.0.0.1")
    assert store.pause({"alice": 2}, 100.0) == 15.0
    store.succeeded("alice 10.0.0.66")
    assert store.pause({"alice": 0, "alice 10.0.0.66": 0}, 100.0) == 0
