# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The job from the first sign of a restart to the start after it, on a host of files with a clock that is moved."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import clock, job_lock, lock, run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._status import host as status_host
from ansible_collections.labserver.jupyter.plugins.module_utils._updates import cli
from ansible_collections.labserver.jupyter.plugins.module_utils._updates.job import attend
from ansible_collections.labserver.jupyter.plugins.module_utils._updates.policy import Policy
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._updates.updates_host import (
    ENGINE_WAITS,
    FRIDAY,
    OPENS,
    SUNDAYS,
    Host,
    berlin,
)

__all__ = ["berlin"]
pytestmark = pytest.mark.usefixtures("berlin")
RUN = run_lock.Run("laptop (0123)", "anna", 4711, "then")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def told(host: Host) -> Host:
    """A host of which people were told on Friday, at the begin of its window on Sunday."""
    host.due("linux-image-6.12.2-amd64")
    attend(host.world, SUNDAYS)
    host.moment = OPENS
    return host


def test_a_host_without_a_reason_is_left_alone(host: Host) -> None:
    status, line = attend(host.world, SUNDAYS)
    assert (status, host.announced, host.orders("shutdown")) == (0, [], [])
    assert line == "nothing waits for a restart; the next window begins 2026-11-22 04:00 CET"


def test_from_the_first_sign_to_the_start_after_it(host: Host) -> None:
    host.due("linux-image-6.12.2-amd64", "linux-image-6.12.2-amd64", "libc6")
    host.engine.people = ["mira"]
    status, line = attend(host.world, SUNDAYS)
    assert (status, line) == (0, "restart announced for 2026-11-22 04:00 CET: libc6, linux-image-6.12.2-amd64")
    shown = [(one["severity"], one["from"], one["until"]) for one in host.announced]
    assert shown == [
        ("warning", "2026-11-21T04:00:00+01:00", "2026-11-22T03:00:00+01:00"),
        ("danger", "2026-11-22T03:00:00+01:00", "2026-11-22T06:00:00+01:00"),
    ]
    assert host.announced[0]["values"] == {"begins": "2026-11-22 04:00", "ends": "06:00 CET"}
    for _hour in range(0, 40, 4):
        host.moment += timedelta(hours=3)
        assert attend(host.world, SUNDAYS)[0] == 0
        assert host.orders("shutdown") == [], host.moment

    host.moment = OPENS
    status, line = attend(host.world, SUNDAYS)
    assert (status, line) == (0, "restarts: libc6, linux-image-6.12.2-amd64; 1 server of a person was stopped")
    ((_shutdown, reboot, minutes, message),) = host.orders("shutdown")
    assert (reboot, minutes) == ("-r", "+5") and "linux-image-6.12.2-amd64" in message
    assert host.engine.stopped == ["/containers/c-mira/stop"]
    assert host.slept == 240, "a minute before the end"
    (red,) = host.announced
    assert (red["severity"], red["until"]) == ("danger", "2026-11-22T04:15:00+01:00")
    # Cron calls again before the host is down.
    assert attend(host.world, SUNDAYS)[1].startswith("restarts: ")
    assert len(host.orders("shutdown")) == 1

    host.moment += timedelta(minutes=3)
    host.start("second")
    status, line = attend(host.world, SUNDAYS)
    assert (status, host.announced) == (0, [])
    assert "last restarted 2026-11-22T03:06:00Z for libc6, linux-image-6.12.2-amd64" in line
    document = cli.report(host.world, SUNDAYS)
    assert document["last_restart"] == {"at": "2026-11-22T03:06:00Z", "why": "libc6, linux-image-6.12.2-amd64"}


def test_somebody_who_restarts_by_hand_before_takes_the_announcement_back(told: Host) -> None:
    told.moment = OPENS - timedelta(hours=3)
    told.start("second")
    assert attend(told.world, SUNDAYS)[0] == 0
    assert told.announced == []
    told.moment = OPENS
    attend(told.world, SUNDAYS)
    assert told.orders("shutdown") == []


@pytest.fixture
def dpkg(told: Host) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds dpkg's lock, as dpkg itself does."""
    path = told.root / "var/lib/dpkg/lock-frontend"
    path.parent.mkdir(parents=True)
    path.touch()
    program = (
        "import fcntl,sys; f=open(sys.argv[1],'w'); fcntl.lockf(f,fcntl.LOCK_EX); print('held',flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_apt_at_work_is_waited_for(told: Host, dpkg: subprocess.Popen[str]) -> None:
    def ended() -> None:
        if dpkg.poll() is None and told.slept >= 120:
            assert told.orders("shutdown") == []
            dpkg.kill()
            dpkg.wait()

    told.awake.append(ended)
    assert attend(told.world, SUNDAYS)[0] == 0
    assert told.slept >= 120 + 240 and len(told.orders("shutdown")) == 1


def test_a_backup_at_work_is_waited_for_and_none_begins_meanwhile(told: Host) -> None:
    told.job("backup")
    told.job("services")
    holding = job_lock.hold(told.root, "backup", FRIDAY, told.sleep)
    holding.__enter__()
    seen: list[str] = []

    def looks() -> None:
        if told.slept == 600:
            holding.__exit__(None, None, None)
        if told.orders("shutdown"):
            seen.append(job_lock.last_held(told.root, "backup")[1])
            assert lock.held(told.root, "job-backup"), "until a minute before the end"
            assert run_lock.take(told.root, RUN, told.moment) is not None, "a run of the playbook is refused"

    told.awake.append(looks)
    with job_lock.hold(told.root, "services", FRIDAY, lambda _seconds: None):
        assert attend(told.world, SUNDAYS)[0] == 0
    assert run_lock.take(told.root, RUN, told.moment) is not None, "also in the last minute"
    assert seen == ["updates"], "the status names who keeps the backup waiting"
    assert told.slept == 600 + 240


def test_a_run_of_the_playbook_keeps_the_host_from_being_restarted_and_is_named(told: Host) -> None:
    run_lock.take(told.root, RUN, OPENS)

    def works() -> None:
        run_lock.take(told.root, RUN, told.moment)

    told.awake.append(works)
    status, line = attend(told.world, SUNDAYS)
    assert status == 1 and told.orders("shutdown") == []
    assert told.moment >= OPENS + timedelta(hours=2), "the whole window"
    assert "passed without a restart: a run of the playbook from laptop was at work" in line
    assert "restart announced for 2026-11-29 04:00 CET" in line
    assert told.announced[0]["values"]["begins"] == "2026-11-29 04:00"
    # It stays a warning until the host was restarted.
    told.moment += timedelta(days=1)
    assert attend(told.world, SUNDAYS)[0] == 1


def test_a_run_that_died_does_not_hold_the_window(told: Host) -> None:
    run_lock.take(told.root, RUN, OPENS - timedelta(hours=1))
    assert attend(told.world, SUNDAYS)[0] == 0
    assert len(told.orders("shutdown")) == 1


def test_the_engine_is_updated_before_the_restart(told: Host) -> None:
    told.apt = ENGINE_WAITS
    attend(told.world, SUNDAYS)
    (install,) = told.orders("apt-get")
    assert install[-3:] == ["install", "--only-upgrade", "docker.io"]
    names = [argv[0] for argv in told.commands if "-s" not in argv]
    assert names == ["apt-get", "shutdown"]


def test_the_engine_alone_is_a_reason(host: Host) -> None:
    host.apt = ENGINE_WAITS
    assert "the engine (docker.io)" in attend(host.world, SUNDAYS)[1]
    assert host.announced != []


def test_what_cannot_be_installed_is_critical_and_nothing_is_restarted(told: Host) -> None:
    told.apt, told.fails = ENGINE_WAITS, {"apt-get": "Reading...\nE: Failed to fetch docker.io\n"}
    status, line = attend(told.world, SUNDAYS)
    assert status == 2 and "E: Failed to fetch docker.io" in line
    assert told.orders("shutdown") == []
    assert run_lock.read(told.root) is None, "the playbook may run again"


def test_an_order_that_fails_is_critical(told: Host) -> None:
    told.fails = {"shutdown": "Failed to connect to bus"}
    status, line = attend(told.world, SUNDAYS)
    assert (status, "Failed to connect to bus" in line) == (2, True)
    assert told.engine.stopped == [] and told.state.ordered is None


def test_a_restart_that_somebody_called_off_is_told_and_comes_in_the_next_window(told: Host) -> None:
    attend(told.world, SUNDAYS)
    told.moment += timedelta(minutes=40)
    status, line = attend(told.world, SUNDAYS)
    assert status == 1 and "did not happen (shutdown -c?)" in line
    assert "2026-11-29" in line and len(told.orders("shutdown")) == 1


def test_a_newer_kernel_is_a_reason_once(host: Host) -> None:
    host.kernel("6.12.2-amd64")
    assert "the kernel 6.12.2-amd64" in attend(host.world, SUNDAYS)[1]
    host.moment = OPENS
    attend(host.world, SUNDAYS)
    host.moment += timedelta(minutes=10)
    host.start("second")
    assert attend(host.world, SUNDAYS)[1].startswith("nothing waits"), (
        "the boot loader takes another one: no second try"
    )
    (host.root / ".dockerenv").touch()
    host.kernel("6.12.3-amd64")
    assert attend(host.world, SUNDAYS)[1].startswith("nothing waits"), "in a container the kernel is another's"


def test_a_kernel_without_the_loaded_driver_is_not_started(told: Host) -> None:
    told.kernel("6.12.2-amd64")
    (told.root / "proc/modules").write_text("nvidia 56569856 2 nvidia_uvm,nvidia_modeset, Live 0x0 (POE)\n")
    status, line = attend(told.world, SUNDAYS)
    assert status == 1 and "6.12.2-amd64 has no module of NVIDIA's driver" in line
    assert told.orders("shutdown") == []
    module = told.root / "lib/modules/6.12.2-amd64/updates/dkms/nvidia.ko.xz"
    module.parent.mkdir(parents=True)
    module.touch()
    assert attend(told.world, SUNDAYS)[0] == 0
    assert len(told.orders("shutdown")) == 1


@pytest.mark.parametrize("brings", [True, False])
def test_an_update_of_the_driver_may_bring_what_the_next_kernel_lacks(told: Host, brings: bool) -> None:
    """On Ubuntu the kernel is updated every day, and the modules of the driver for it are left to the window."""
    told.kernel("6.12.2-amd64")
    (told.root / "proc/modules").write_text("nvidia 56569856 2 - Live 0x0 (POE)\n")
    name = "linux-modules-nvidia-550-server-generic"
    told.apt = f"Inst {name} [6.12.1] (6.12.2 Ubuntu:24.04/noble-updates, Ubuntu:24.04/noble-security [amd64])\n"
    folder = told.root / "lib/modules/6.12.2-amd64/kernel/nvidia-550srv"
    folder.mkdir(parents=True)
    told.installs = [folder / "nvidia.ko"] if brings else []
    status, line = attend(told.world, SUNDAYS)
    assert told.orders("apt-get")[0][-1] == name
    assert (len(told.orders("shutdown")), status) == ((1, 0) if brings else (0, 1)), line


def test_when_idle_the_engine_is_updated_without_a_restart(host: Host) -> None:
    host.apt, host.engine.people = ENGINE_WAITS, ["mira"]
    policy = Policy(True, "when_idle", None)
    assert "servers of mira" in attend(host.world, policy)[1]
    assert host.orders("apt-get") == []
    host.engine.people = []
    attend(host.world, policy)
    assert len(host.orders("apt-get")) == 1 and host.orders("shutdown") == []
    host.engine.answers = False
    attend(host.world, policy)
    assert len(host.orders("apt-get")) == 1, "nobody knows whose servers run"


def test_apt_is_asked_a_few_times_a_day_and_once_more_in_the_window(told: Host) -> None:
    told.commands.clear()
    told.moment = OPENS - timedelta(hours=5)
    for _round in range(12):
        attend(told.world, SUNDAYS)
        told.moment += timedelta(minutes=10)
    assert len(told.commands) == 1
    told.moment = OPENS
    told.commands.clear()
    attend(told.world, SUNDAYS)
    assert len([argv for argv in told.commands if "-s" in argv]) == 1


def test_a_damaged_memory_tells_people_anew(told: Host) -> None:
    (told.root / "var/lib/labserver/updates.json").write_text("{")
    attend(told.world, SUNDAYS)
    assert told.orders("shutdown") == [] and told.announced[0]["values"]["begins"] == "2026-11-29 04:00"


def test_the_watch_over_the_host_is_quiet_while_a_restart_is_announced(host: Host) -> None:
    host.due("libc6")
    world = status_host.World(host.root, now=(host.moment + timedelta(days=8)).timestamp)
    assert status_host.restart(world)[0] == "warning"
    host.moment += timedelta(days=8)
    attend(host.world, SUNDAYS)
    world = status_host.World(host.root, now=host.moment.timestamp)
    level, said = status_host.restart(world)
    assert level == "ok" and "restarted at 2026-12-06 04:00 CET" in said


def test_the_report_changes_nothing_and_names_what_waits(told: Host) -> None:
    told.apt = ENGINE_WAITS
    before = (told.state, told.announced)
    document = cli.report(told.world, SUNDAYS)
    assert (told.state, told.announced) == before
    assert told.orders("apt-get") == told.orders("shutdown") == []
    assert document["next_window"] == {"begins": clock.stamp(OPENS), "ends": clock.stamp(OPENS + timedelta(hours=2))}
    text = cli.text(document)
    for part in ("docker.io", "waits for the window", "linux-image-6.12.2-amd64", "now: restart"):
        assert part in text
    assert cli.report(told.world, None)["does"].startswith("nothing")


def test_without_a_hub_there_is_nobody_to_tell_and_the_window_holds(host: Host) -> None:
    (host.root / "etc/labserver/public").rmdir()
    host.due("libc6")
    attend(host.world, SUNDAYS)
    host.moment = OPENS
    attend(host.world, SUNDAYS)
    assert len(host.orders("shutdown")) == 1
