# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks are held by one process at a time, and by nobody who is not root."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import lock

OPEN = "import os, sys; os.setgid(65534); os.setuid(65534); os.open(sys.argv[1], os.O_RDONLY)"


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
def test_an_account_without_rights_cannot_open_it(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    with lock.hold(tmp_path, "job-renew"):
        pass
    path = tmp_path / lock.FOLDER / "job-renew.lock"
    done = subprocess.run([sys.executable, "-c", OPEN, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "PermissionError" in done.stderr
