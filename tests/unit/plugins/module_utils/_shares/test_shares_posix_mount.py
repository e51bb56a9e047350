# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured to go wrong with ansible.posix.mount 2.1 and 2.2 and CIFS shares: each defect is a test of ours.

The docstring of a test says what that module does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import converge as core
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import input as input_core
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import world as host_core
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._shares.shares_machine import Machine

ROOT = "/srv/labserver/shares"
DATA = f"{ROOT}/data/files"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def run(machine: Machine, check: bool = False, **share: Any) -> dict[str, Any]:
    """Run with one share, ``data``; without any when ``source`` is None."""
    entry = {"name": "data", "source": "//nas/data", "credentials": "r", "access": {"leem": "rw"}} | share
    inputs = {
        "shares_root": ROOT,
        "shares_credentials": {"r": {"username": "reader", "password": "one"}},
        "shares_list": [entry] if entry["source"] else [],
    }
    return core.converge(machine, inputs, check=check, stamp="now")


def whats(result: dict[str, Any]) -> list[str]:
    return [action["what"] for action in result["actions"] if action["what"] in ("mount", "unmount")]


@pytest.mark.parametrize("option", [{"seal": True}, {"vers": "3.0"}])
def test_01_options_that_a_remount_does_not_apply(machine: Machine, option: dict[str, Any]) -> None:
    """`seal` and `vers`: "changed", remounted, and not in effect."""
    run(machine)
    assert whats(run(machine, options=option)) == ["unmount", "mount"]
    key, value = next(iter(option.items()))
    live = next(options for target, _source, fstype, options in machine.stack if target == DATA and fstype == "cifs")
    assert (key if value is True else f"{key}={value}") in live.split(",")


def test_02_another_source(machine: Machine) -> None:
    """fstab is changed, the old share stays mounted, and the next run says "ok"."""
    run(machine)
    run(machine, source="//nas/other")
    assert machine.live() == [(DATA, "//nas/other")]


def test_03_nofail_and_a_server_that_is_away(machine: Machine) -> None:
    """ "changed" in every run, "mounted", and nothing is mounted."""
    machine.away = {"//nas/data"}
    assert not run(machine)["shares"]["data"]["mounted"]
    again = run(machine)
    assert (again["changed"], again["shares"]["data"]["mounted"]) == (False, False)


def test_04_an_automount_that_waits_is_not_a_mount(machine: Machine) -> None:
    """The trap counts as the mounted share."""
    machine.away = {"//nas/data"}
    run(machine)
    assert [fstype for target, _source, fstype, _options in machine.stack if target == DATA] == ["autofs"]
    assert run(machine, check=True)["shares"]["data"]["mounted"] is False
    assert "cannot be reached" in run(machine)["shares"]["data"]["reason"]


def test_05_systemd_reads_the_new_fstab(machine: Machine) -> None:
    """No `daemon-reload`: the automount unit does not exist (posix#378)."""
    run(machine)
    assert machine.commands.index(["systemctl", "daemon-reload"]) < machine.commands.index(
        ["systemctl", "start", "srv-labserver-shares-data-files.automount"]
    )


@pytest.mark.parametrize("path", ["/mnt/data/", "//mnt/data", "/mnt/./data"])
def test_06_one_mount_point_spelt_in_two_ways(machine: Machine, path: str) -> None:
    """A second line for the same mount point (ansible#43855)."""
    machine.file("/etc/fstab", f"//old/data {path} cifs ro 0 0\n")
    run(machine)
    assert "//old" not in machine.fstab and len(machine.fstab.splitlines()) == 1


def test_07_a_number_sign_in_the_name(machine: Machine) -> None:
    """One more duplicate line with every run (posix#743)."""
    for _run in range(3):
        result = run(machine, source="//nas/data#1")
    assert machine.fstab.count("#1") == 1 and not result["changed"]


def test_08_a_dollar_sign_in_the_name_is_not_expanded(tmp_path: Path) -> None:
    """`//nas/backup$HOME` becomes `//nas/backup/root`, since the source is taken for a path of this machine."""
    share = {"name": "backup", "source": "//nas/backup$HOME", "access": {"root": "ro"}, "options": {"guest": True}}
    arguments = {
        "shares": [share],
        "_ansible_check_mode": True,
        "_ansible_diff": True,
        "_ansible_remote_tmp": str(tmp_path),
    }
    module = "ansible_collections.labserver.jupyter.plugins.modules.shares"
    code = (
        "import importlib, pathlib, runpy, sys\n"
        "from ansible.module_utils import basic\n"
        "basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = sys.argv[1].encode(), 'legacy'\n"
        # Under pytest alone the collection lies on no path: the tests know it by a loader.
        "here = 'ansible_collections/labserver/jupyter'\n"
        "any(pathlib.Path(path, here).is_dir() for path in sys.path) or runpy.run_path(sys.argv[2])\n"
        f"module = importlib.import_module('{module}')\n"
        "module.main()\n"
    )
    conftest = Path(__file__).resolve().parents[3] / "conftest.py"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HOME": "/root"}
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps({"ANSIBLE_MODULE_ARGS": arguments}), str(conftest)],
        capture_output=True,
        text=True,
        check=False,
        env=env,
    )
    assert done.stdout, done.stderr
    result = json.loads(done.stdout)
    assert "+//nas/backup$HOME /srv/labserver/shares/backup/files cifs " in result["diff"][0]["prepared"], done


def test_09_blanks_and_what_looks_like_an_escape(machine: Machine) -> None:
    r"""A source that was given as `a\040b` becomes `a\134040b`, which is no share at all."""
    result = run(machine, source="//nas/a b")
    assert "//nas/a\\040b " in machine.fstab and result["shares"]["data"]["mounted"]
    share = {"name": "x", "source": "//nas/a\\040b", "access": {"leem": "rw"}, "options": {"guest": True}}
    assert "is not valid for type cifs" in input_core.problems({"shares_list": [share]})[0]


@pytest.mark.parametrize(
    "line", ["//old/data /mnt/data cifs", "//old/data /mnt/data cifs ro", "//old/data /mnt/data cifs ro 0"]
)
def test_10a_short_lines_are_lines(machine: Machine, line: str) -> None:
    """Lines of four or five fields are not removed, "changed: false"."""
    machine.file("/etc/fstab", f"# keep\n{line}\n")
    run(machine)
    run(machine, source=None)
    assert machine.fstab == "# keep\n"


def test_10b_an_automount_that_waits_and_files_beneath_do_not_stop_a_removal(machine: Machine) -> None:
    """The line is gone, then it fails: the trap is busy, or the folder has files."""
    machine.away = {"//nas/data"}
    run(machine)
    machine.file(f"{DATA}/forgotten", "")
    result = run(machine, source=None)
    assert machine.stack == [] and ROOT not in machine.fstab and "Directory not empty" in result["warnings"][0]


def test_11_fstab_is_replaced_whole(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is opened for writing in its place: a full disk or a power cut leaves half a file."""
    run(machine)
    before, inode = machine.fstab, (machine.base / "etc/fstab").stat().st_ino
    with monkeypatch.context() as patch:
        patch.setattr(host_core.files.os, "fsync", _no_space)
        with pytest.raises(OSError, match="No space"):
            run(machine, source="//nas/other")
    assert machine.fstab == before and not list((machine.base / "etc").glob(".fstab*"))
    run(machine, source="//nas/other")
    assert (machine.base / "etc/fstab").stat().st_ino != inode
    assert (machine.base / "etc/fstab.now").read_text() == before


def _no_space(_descriptor: int) -> None:
    raise OSError(28, "No space left on device")


def test_12_a_server_that_is_away_does_not_stop_the_setup(machine: Machine) -> None:
    """Without `nofail` it fails and takes the line back: no server can be set up while the NAS is off."""
    machine.away = {"//nas/data"}
    run(machine, options={"nofail": False})
    assert "//nas/data" in machine.fstab
    machine.away.clear()
    assert run(machine, options={"nofail": False})["shares"]["data"]["mounted"]


def test_13_options_in_another_order_are_no_change(machine: Machine) -> None:
    """ "changed", then a remount."""
    run(machine)
    line = next(line for line in machine.fstab.splitlines() if ROOT in line)
    options = line.split()[3]
    machine.file("/etc/fstab", machine.fstab.replace(options, ",".join(reversed(options.split(",")))))
    assert run(machine)["changed"] is False


def test_14_fields_left_out_are_no_change(machine: Machine) -> None:
    """ "changed", since 0 is not "0"."""
    run(machine)
    machine.file("/etc/fstab", machine.fstab.replace(" 0 0\n", "\n"))
    assert run(machine)["changed"] is False


def test_15_a_tab_cannot_break_a_line() -> None:
    """It is written raw: a corrupt line (as are line breaks)."""
    for character in "\t\n\r":
        share = {"name": "x", "source": f"//nas/a{character}b", "access": {"leem": "rw"}, "options": {"guest": True}}
        assert "is not valid" in input_core.problems({"shares_list": [share]})[0]


def test_16_the_diff_shows_the_lines(machine: Machine) -> None:
    """There is none."""
    shown = "".join(part["prepared"] for part in run(machine, check=True)["diff"])
    assert f"+//nas/data {DATA} cifs " in shown


def test_17_options_of_the_live_mount_count(machine: Machine) -> None:
    """Only fstab is compared (ansible#30848)."""
    run(machine)
    target, source, fstype, options = machine.stack.pop()
    machine.put(target, source, fstype, options.replace("gid=30001", "gid=0"))
    assert whats(run(machine)) == ["unmount", "mount"]


def test_18_every_command_has_a_limit(machine: Machine) -> None:
    """`mount` and `ismount` have none: a dead server hangs the play."""
    begun: list[float] = []
    plain = machine.run

    def limited(command: Any, seconds: float) -> host_core.Done:
        begun.append(seconds)
        return plain(command, seconds)

    machine.run = limited
    run(machine)
    run(machine, source="//nas/other")
    assert begun and max(begun) <= 40
