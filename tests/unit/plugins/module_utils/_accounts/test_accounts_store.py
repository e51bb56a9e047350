# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The locks of the account files, against real processes that hold them."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import store
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.apply import converge
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.homes import Homes, Seen
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.model import Desired
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.nss import NameService
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.quota import Quotas
from ansible_collections.labserver.jupyter.plugins.module_utils._common import lock
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._accounts.accounts_host import NOW, FakeHost

# What glibc's lckpwdf does, written down again: a POSIX lock on .pwd.lock.
HOLD = """
import fcntl, os, sys
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600)
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    FakeHost(tmp_path)
    return tmp_path / "etc"


@pytest.fixture
def holder(etc: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(etc / ".pwd.lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.communicate("")


def test_it_waits_for_lckpwdf_and_gives_up_with_a_reason(etc: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(store.StoreError, match="another program has held"), store.locked(etc.parent, 0.2):
        pass
    holder.communicate("\n")
    with store.locked(etc.parent, 5):
        pass


def test_it_waits_for_the_lock_files_of_the_shadow_suite(etc: Path) -> None:
    (etc / "group.lock").write_bytes(f"{os.getppid()}\0".encode())
    with (
        pytest.raises(store.StoreError, match=rf"process {os.getppid()} holds .*group\.lock"),
        store.locked(etc.parent, 0.2),
    ):
        pass
    assert sorted(path.name for path in etc.glob("[a-z]*.lock")) == ["group.lock"]


def test_a_lock_of_a_process_that_died_is_taken_over(etc: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    (etc / "passwd.lock").write_bytes(f"{gone.pid}\0".encode())
    with store.locked(etc.parent, 1):
        assert (etc / "passwd.lock").read_bytes() == f"{os.getpid()}\0".encode()
        assert (etc / "passwd.lock").stat().st_nlink == 1
    assert not list(etc.glob("[a-z]*.lock"))


def test_a_whole_run_waits_for_another(tmp_path: Path) -> None:
    world = replace(FakeHost(tmp_path).world(), run_timeout_seconds=0.2)
    refused = pytest.raises(store.StoreError, match="another run changes the accounts")
    with lock.hold(tmp_path, "accounts"), refused:
        converge(Desired(), None, world)
    converge(Desired(), None, world)


class HomesOfTheirOwners(Homes):
    """Every home belongs to its account: who made it, in which process, does not matter here."""

    def look(self, home: str, with_keys: bool) -> Seen | None:
        seen = super().look(home, with_keys)
        lines = [line.split(":") for line in (self.root / "etc/passwd").read_text().splitlines()]
        return seen and replace(seen, uid=next(int(line[2]) for line in lines if line[5] == home))


def _lab(root: Path, letter: str) -> None:
    host = FakeHost.__new__(FakeHost)
    fields = {"root": root, "owners": {}, "stopped": [], "now": NOW, "mounts": ()}
    host.__dict__.update(fields, name_service=NameService(), quotas=Quotas(reason="none"))
    homes = HomesOfTheirOwners(root, host.chown)
    world = replace(host.world(), homes=homes, lock_timeout_seconds=30)
    host.world = lambda: world  # type: ignore[method-assign]
    for number in range(1, 9):
        host.run(users=[{"name": f"{letter}{one}"} for one in range(number)], unlisted="keep")


def test_two_runs_at_the_same_time_lose_nobody(tmp_path: Path) -> None:
    FakeHost(tmp_path)
    context = multiprocessing.get_context("fork")
    runs = [context.Process(target=_lab, args=(tmp_path, letter)) for letter in "abc"]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
        assert run.exitcode == 0
    lines = (tmp_path / "etc/passwd").read_text().splitlines()
    names = [line.split(":")[0] for line in lines]
    assert {f"jupyter-{letter}{one}" for letter in "abc" for one in range(8)} < set(names)
    assert len(names) == len(set(names))
    uids = [line.split(":")[2] for line in lines]
    assert len(uids) == len(set(uids))


def test_files_are_replaced_with_their_mode_and_the_old_one_is_kept(etc: Path) -> None:
    before = {"shadow": (etc / "shadow").read_bytes()}
    inode = (etc / "shadow").stat().st_ino
    store.write_tables(etc.parent, {"shadow": (before["shadow"], b"new\n")})
    assert (etc / "shadow").read_bytes() == b"new\n"
    assert (etc / "shadow-").read_bytes() == before["shadow"]
    assert [(etc / name).stat().st_mode & 0o7777 for name in ("shadow", "shadow-")] == [0o640, 0o640]
    assert (etc / "shadow").stat().st_ino != inode
