# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks are held by one process at a time, and by nobody who is not root."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import lock

NOBODY = 65534
# What somebody without rights does with a file: open it to read, open it to make it, and hold its lock.
OPEN = f"""
import fcntl, os, sys
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
fcntl.flock(os.open(sys.argv[1], eval(sys.argv[2]), 0o666), fcntl.LOCK_EX)
print("held", flush=True)
input()
"""
PROTECTED = Path("/proc/sys/fs/protected_regular")


@contextlib.contextmanager
def protected_regular(value: int) -> Iterator[None]:
    """Run the kernel with another ``fs.protected_regular``; skip where it cannot be set."""
    try:
        switch = os.open(PROTECTED, os.O_RDWR)
    except OSError as error:
        pytest.skip(f"{PROTECTED} cannot be set here: {error.strerror}")
    try:
        fcntl.flock(switch, fcntl.LOCK_EX)  # another run of this test would restore the old value meanwhile
        before = os.pread(switch, 8, 0)
        try:
            os.pwrite(switch, b"%d\n" % value, 0)
        except OSError as error:
            pytest.skip(f"{PROTECTED} cannot be set here: {error.strerror}")
        try:
            yield
        finally:
            os.pwrite(switch, before, 0)
    finally:
        os.close(switch)


def as_nobody(path: Path, flags: str) -> subprocess.Popen[str]:
    """Have an account without rights open a file and hold its lock until it is told to end."""
    command = [sys.executable, "-c", OPEN, str(path), flags]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def let_others_in(path: Path) -> None:
    """Open the way to pytest's own folders, which are closed for others."""
    for folder in (path, *path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)


def test_one_holds_it_at_a_time(tmp_path: Path) -> None:
    assert not lock.held(tmp_path, "job-renew")
    with lock.hold(tmp_path, "job-renew"):
        assert lock.held(tmp_path, "job-renew")
        with pytest.raises(lock.BusyError, match=r"/run/labserver/job-renew\.lock"), lock.hold(tmp_path, "job-renew"):
            pass
        with lock.hold(tmp_path, "job-backup"):
            pass
    assert not lock.held(tmp_path, "job-renew")


def test_it_waits_as_long_as_it_was_told(tmp_path: Path) -> None:
    slept: list[float] = []
    with lock.hold(tmp_path, "a"), pytest.raises(lock.BusyError), lock.hold(tmp_path, "a", 0.1, sleep=slept.append):
        pass
    assert slept


def test_a_command_that_inherits_it_keeps_it(tmp_path: Path) -> None:
    with lock.hold(tmp_path, "job-slow") as descriptor:
        command = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[descriptor])
    assert lock.held(tmp_path, "job-slow")
    command.communicate(b"\n")
    assert not lock.held(tmp_path, "job-slow")


def test_a_folder_that_others_may_enter_is_closed(tmp_path: Path) -> None:
    (tmp_path / "run/labserver").mkdir(parents=True, mode=0o777)
    (tmp_path / "run/labserver").chmod(0o1777)
    with lock.hold(tmp_path, "job-renew"):
        assert stat.S_IMODE((tmp_path / "run/labserver").stat().st_mode) == 0o700


def test_a_link_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/labserver").symlink_to(tmp_path)
    with pytest.raises(OSError, match="not a folder of root"), lock.hold(tmp_path, "job-renew"):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    "value", [None, 0, 2], ids=lambda value: f"protected_regular={'as it is' if value is None else value}"
)
def test_an_account_without_rights_can_neither_open_nor_make_a_lock(value: int | None, tmp_path: Path) -> None:
    let_others_in(tmp_path)
    with contextlib.nullcontext() if value is None else protected_regular(value):
        with lock.hold(tmp_path, "job-renew"):
            pass
        folder = tmp_path / lock.FOLDER
        for name, flags in (
            ("job-renew", "os.O_RDONLY"),
            ("job-renew", "os.O_RDWR"),
            ("job-new", "os.O_RDWR|os.O_CREAT"),
        ):
            said = as_nobody(folder / f"{name}.lock", flags).communicate("\n", timeout=60)
            assert said[0] == ""
            assert "PermissionError" in said[1]
        for name in ("job-renew", "job-new"):
            with lock.hold(tmp_path, name):
                assert lock.held(tmp_path, name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_what_a_lock_in_a_folder_for_everybody_would_suffer(tmp_path: Path) -> None:
    """The reason for a folder of root's own, and proof that the test above would see it: both faults are real."""
    let_others_in(tmp_path)
    tmp_path.chmod(0o1777)
    path = tmp_path / "job-renew.lock"
    with as_nobody(path, "os.O_RDWR|os.O_CREAT") as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with protected_regular(0), lock.opened(path) as descriptor:
            assert not lock.acquire(descriptor), "held by an account without rights, for as long as it likes"
        with protected_regular(2), pytest.raises(PermissionError), lock.opened(path):
            pass
        other.communicate("\n", timeout=60)
