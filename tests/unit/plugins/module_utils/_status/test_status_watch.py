# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watch over the jobs: what was missed, what hangs, and who hears of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import job_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import run as jobs_run
from ansible_collections.labserver.jupyter.plugins.module_utils._status import overview as jobs_overview
from ansible_collections.labserver.jupyter.plugins.module_utils._status import watch as jobs_watch
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._schedule.schedule_server import (
    NOW,
    Server,
    server,
    until,
    webhook,
)

__all__ = ["server", "webhook"]  # fixtures


@pytest.mark.parametrize("first_line", ["echo no interpreter is named", "#!/nowhere/python3"])
def test_a_script_that_does_not_start_is_critical_and_the_watch_goes_on(
    server: Server, tmp_path: Path, first_line: str
) -> None:
    script = tmp_path / "script"
    script.write_text(f"{first_line}\n")
    script.chmod(0o755)
    server.job("a-script", str(script), schedule="0 10 * * *")
    server.job("b-other", "/bin/true", schedule="0 10 * * *")
    assert server.run("a-script") == 2
    assert "cannot be started" in server.status("a-script")["message"]
    server.time += timedelta(days=2)
    jobs_watch.watch(server.world)
    assert server.status("b-other")["level"] == "ok"


def test_the_watch_goes_on_when_no_status_can_be_written(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_root: Path, _status: object) -> None:
        raise OSError(28, "No space left on device")

    ran = server.root / "ran"
    server.job("a-first", "/bin/true", schedule="0 10 * * *")
    server.job("b-second", "/usr/bin/touch", str(ran), schedule="0 10 * * *")
    monkeypatch.setattr(jobs_run.status, "write", full)
    jobs_watch.watch(server.world)
    assert ran.exists()


def test_the_watch_goes_on_when_a_lock_cannot_be_taken(server: Server) -> None:
    ran = server.root / "ran"
    server.job("a-first", "/bin/true", schedule="0 10 * * *")
    server.job("b-second", "/usr/bin/touch", str(ran), schedule="0 10 * * *")
    (server.root / "run/labserver").mkdir(parents=True)
    (server.root / "run/labserver/job-a-first.lock").symlink_to("/nowhere")
    assert "a-first: could not be run: " in "\n".join(jobs_watch.watch(server.world))
    assert ran.exists()


def test_an_alert_that_nobody_got_is_tried_again_by_the_watch(server: Server, webhook: Any) -> None:
    address, posted, answers = webhook
    answers.append(500)
    server.alerts(webhook={"url": address + "secret-token"})
    server.job("renew", "/bin/false", schedule="0 4 1 1 *")
    server.run("renew")
    assert server.status("renew")["told"]["webhook"]["failed"] == "OSError"
    assert "secret-token" not in json.dumps(server.status("renew"))
    jobs_watch.watch(server.world)
    assert len(posted) == 2
    assert server.status("renew")["told"]["webhook"]["level"] == "warning"


def test_a_way_that_fails_repeats_none_of_the_others(server: Server, webhook: Any, tmp_path: Path) -> None:
    address, posted, answers = webhook
    answers.extend([500, 500, 200, 500, 200])
    server.alerts(webhook={"url": address}, command=["/bin/sh", "-c", f"echo told >>{tmp_path}/heard"])
    server.job("renew", "/bin/false", schedule="0 4 1 1 *")
    server.run("renew")
    # The watch tries the webhook again, and says so as long as it is in vain.
    assert "renew: could not be told by webhook (OSError)" in jobs_watch.watch(server.world)
    shown = jobs_overview.overview(server.root, server.time)
    assert shown[0]["message"] == "exit status 1; could not be told by webhook (OSError)"
    assert jobs_watch.watch(server.world) == ["renew: warning: exit status 1"]
    jobs_watch.watch(server.world)
    assert (len(posted), (tmp_path / "heard").read_text()) == (3, "told\n")
    # So is the way back, which the webhook hears at its second try.
    server.job("renew", "/bin/true", schedule="0 4 1 1 *")
    server.run("renew")
    jobs_watch.watch(server.world)
    jobs_watch.watch(server.world)
    assert [item["level"] for item in posted] == ["warning"] * 3 + ["ok"] * 2
    assert (tmp_path / "heard").read_text() == "told\n" * 2
    assert not server.status("renew")["told"]["webhook"]["failed"]


def test_damaged_alerts_are_told_when_they_are_well_again(server: Server, webhook: Any) -> None:
    address, posted, _answers = webhook
    server.alerts()
    (server.root / "etc/labserver/alerts.json").write_text("{")
    server.job("renew", "/bin/false", schedule="0 4 1 1 *")
    server.run("renew")
    assert "could not be told by alerts (/etc/labserver/alerts.json" in "".join(jobs_watch.watch(server.world))
    server.alerts(webhook={"url": address})
    jobs_watch.watch(server.world)
    assert [item["level"] for item in posted] == ["warning"]
    assert list(server.status("renew")["told"]) == ["webhook"]


def test_what_was_missed_while_the_host_was_off_is_run_without_alarm(server: Server, webhook: Any) -> None:
    address, posted, _answers = webhook
    server.alerts(webhook={"url": address})
    server.job("backup", "/bin/true", schedule="0 4 * * *")
    (server.root / "proc").mkdir()
    (server.root / "proc/uptime").write_text("3600.0 1.0\n")  # on since 09:30 UTC, due at 04:00 local
    assert len(jobs_watch.watch(server.world)) == 1
    assert server.status("backup")["trigger"] == "catch-up"
    assert posted == []
    assert jobs_watch.watch(server.world) == []


def test_what_cron_forgot_is_told_and_run(server: Server, webhook: Any) -> None:
    address, posted, _answers = webhook
    server.alerts(webhook={"url": address})
    server.job("backup", "/bin/true", schedule="0 4 * * *")
    (server.root / "proc").mkdir()
    (server.root / "proc/uptime").write_text("864000.0 1.0\n")
    jobs_watch.watch(server.world)
    assert [item["level"] for item in posted] == ["warning", "ok"]
    assert "was not run when due" in posted[0]["message"]


def test_a_job_that_is_new_or_running_is_not_missed(server: Server) -> None:
    server.job("new", "/bin/true", schedule="0 4 * * *", since=NOW)
    assert jobs_watch.watch(server.world) == []
    began, go = server.patient_job("slow", schedule="0 4 * * *")
    run = threading.Thread(target=server.run, args=("slow",))
    run.start()
    until("it begins", began.exists)
    assert jobs_watch.watch(server.world) == []
    go.touch()
    run.join()


def test_a_run_that_lasts_beyond_the_next_due_time_is_not_missed(server: Server, webhook: Any) -> None:
    address, posted, _answers = webhook
    server.alerts(webhook={"url": address})
    began, go = server.patient_job("backup", schedule="0 * * * *")
    (server.root / "proc").mkdir()
    (server.root / "proc/uptime").write_text("864000.0 1.0\n")
    run = threading.Thread(target=server.run, args=("backup",))
    run.start()  # at 10:30
    until("it begins", began.exists)
    server.time += timedelta(minutes=45)
    assert jobs_overview.overview(server.root, server.time)[0]["level"] == "running"
    assert jobs_watch.watch(server.world) == []
    go.touch()
    run.join()  # at 11:15, begun before it was due at 11:00
    assert jobs_overview.overview(server.root, server.time)[0]["level"] == "ok"
    assert jobs_watch.watch(server.world) == []
    server.time += timedelta(hours=1)
    server.job("backup", "/bin/true", schedule="0 * * * *")
    assert "was not run when due at 2026-11-20T12:00:00Z" in jobs_watch.watch(server.world)[0]
    assert [item["level"] for item in posted] == ["warning", "ok"]


def test_a_job_that_found_another_at_work_was_not_missed(server: Server, webhook: Any) -> None:
    address, posted, _answers = webhook
    server.alerts(webhook={"url": address})
    server.job("renew", "/bin/sh", "-c", f"exit {jobs_run.BUSY}", schedule="0 * * * *")
    assert server.run("renew", "schedule") == jobs_run.BUSY
    assert jobs_watch.watch(server.world) == []
    assert posted == []


def test_a_run_that_goes_on_beyond_its_limit_is_critical_and_told_once(server: Server, webhook: Any) -> None:
    address, posted, _answers = webhook
    server.alerts(webhook={"url": address})
    began, go = server.patient_job("expire", schedule="0 * * * *", timeout_seconds=3600)
    run = threading.Thread(target=server.run, args=("expire",))
    run.start()  # at 10:30
    until("it begins", began.exists)
    server.time += timedelta(minutes=69)
    assert jobs_watch.watch(server.world) == []
    server.time += timedelta(minutes=2)
    words = "has been running since 2026-11-20T10:30:00Z, beyond its limit of 3600 s"
    shown = jobs_overview.overview(server.root, server.time)[0]
    assert (shown["level"], words in str(shown["message"])) == ("critical", True)
    for _hour in range(2):
        assert words in jobs_watch.watch(server.world)[0]
    go.touch()
    run.join()
    assert [(item["level"], item["job"]) for item in posted] == [("critical", "expire"), ("ok", "expire")]
    assert words in posted[0]["message"]
    assert jobs_overview.overview(server.root, server.time)[0]["level"] == "ok"


def test_a_job_that_cron_forgot_after_another_kept_it_waiting_is_told(server: Server, webhook: Any) -> None:
    address, posted, _answers = webhook
    server.alerts(webhook={"url": address})
    server.job("registry-maintenance", "/bin/true", schedule="0 11 * * *")
    server.run("registry-maintenance")  # at 10:30
    (server.root / "proc").mkdir()
    (server.root / "proc/uptime").write_text("864000.0 1.0\n")
    with job_lock.hold(server.root, "registry-maintenance", server.time, time.sleep, "backup"):
        pass
    server.time += timedelta(hours=1)
    jobs_watch.watch(server.world)
    assert [item["level"] for item in posted] == ["warning", "ok"]


def test_a_job_for_every_few_minutes_that_cron_forgot_is_told(server: Server, webhook: Any) -> None:
    address, posted, _answers = webhook
    server.alerts(webhook={"url": address})
    server.job("hub-watch", "/bin/true", schedule="*/5 * * * *", catch_up=False)
    (server.root / "proc").mkdir()
    (server.root / "proc/uptime").write_text("864000.0 1.0\n")
    server.run("hub-watch")
    server.time += timedelta(minutes=11)
    assert jobs_watch.watch(server.world) == []
    server.time += timedelta(minutes=10)
    assert "hub-watch: was not run when due at 2026-11-20T10:35:00Z" in jobs_watch.watch(server.world)
    assert [item["level"] for item in posted] == ["warning"]


def test_what_nobody_catches_up_is_no_fault_after_the_host_was_off(server: Server) -> None:
    server.job("services", "/bin/true", schedule="*/5 * * * *", catch_up=False)
    server.time += timedelta(hours=5)
    (server.root / "proc").mkdir()
    (server.root / "proc/uptime").write_text("60.0 1.0\n")
    assert jobs_watch.watch(server.world) == []


def test_a_long_backup_that_keeps_the_maintenance_waiting_is_no_fault(server: Server, webhook: Any) -> None:
    address, posted, _answers = webhook
    server.alerts(webhook={"url": address})
    server.job("registry-maintenance", "/bin/true", schedule="0 11 * * *", timeout_seconds=3600)
    server.run("registry-maintenance")  # at 10:30
    (server.root / "proc").mkdir()
    (server.root / "proc/uptime").write_text("864000.0 1.0\n")
    server.time += timedelta(minutes=15)
    with job_lock.hold(server.root, "registry-maintenance", server.time, time.sleep, "backup"):
        server.time += timedelta(hours=5)
        assert server.run("registry-maintenance", "schedule") == jobs_run.BUSY
        assert jobs_watch.watch(server.world) == []
        shown = jobs_overview.overview(server.root, server.time)[0]
        assert (shown["level"], shown["message"]) == ("ok", "waits for backup")
        server.time += timedelta(days=2)
        assert server.run("registry-maintenance", "schedule") == jobs_run.BUSY
        assert "cannot run: backup has kept it waiting since" in jobs_watch.watch(server.world)[0]
    # What it could not do meanwhile is done now, and nobody is told that cron failed.
    jobs_watch.watch(server.world)
    assert server.status("registry-maintenance")["trigger"] == "catch-up"
    assert [item["level"] for item in posted] == ["critical", "ok"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_account_without_rights_stops_no_job(server: Server) -> None:
    """The lock of a job lay in /run/lock, where everybody may make its file first and hold it for ever.

    With fs.protected_regular=2 root may not even open such a file of somebody else in a folder like that.
    """
    for folder in (server.root, *server.root.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    everybody = server.root / "run/lock"
    everybody.mkdir(parents=True)
    everybody.chmod(0o1777)
    server.job("renew", "/bin/true")
    server.job("slow", "/bin/true")
    assert server.run("slow") == 0
    code = (
        "import fcntl, os, sys\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "held = []\n"
        "for folder in ('run/lock', 'run/labserver'):\n"
        "    for name in ('labserver-job-renew', 'labserver-job-slow', 'job-renew', 'job-slow'):\n"
        "        try:\n"
        "            held.append(os.open(f'{sys.argv[1]}/{folder}/{name}.lock', os.O_RDWR | os.O_CREAT, 0o666))\n"
        "            fcntl.flock(held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "        except OSError as error:\n"
        "            print(folder, name, type(error).__name__)\n"
        "print('ready', flush=True)\n"
        "input()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(server.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    said = []
    while (line := other.stdout.readline().strip()) not in ("ready", ""):
        said.append(line)
    try:
        assert len(said) == 4
        assert all(line.startswith("run/labserver ") and line.endswith(" PermissionError") for line in said)
        assert [server.run(name) for name in ("renew", "slow")] == [0, 0]
        assert [row["level"] for row in jobs_overview.overview(server.root, server.time)] == ["ok", "ok"]
    finally:
        other.communicate("\n")


@pytest.mark.parametrize("wrong", ["status", "job file"])
def test_a_time_from_the_future_hides_no_missed_run(server: Server, wrong: str) -> None:
    """The clock was two years ahead for a while."""
    ahead = timedelta(days=730)
    server.job("backup", "/bin/true", schedule="0 4 * * *", since=NOW + ahead if wrong == "job file" else NOW - ahead)
    if wrong == "status":
        server.time += ahead
        server.run("backup")
        server.time -= ahead
    assert jobs_overview.overview(server.root, server.time)[0]["level"] == "overdue"
    assert "was not run when due" in jobs_watch.watch(server.world)[0]
    assert jobs_overview.overview(server.root, server.time)[0]["level"] == "ok"


@pytest.mark.parametrize(("content", "why"), [(b"{", "Expecting property name"), (None, "it is that of the job other")])
def test_a_job_whose_file_is_damaged_is_named_and_told(
    server: Server, webhook: Any, content: bytes | None, why: str
) -> None:
    url, posted, _answers = webhook
    server.alerts(webhook={"url": url})
    for name in ("other", "renew"):
        server.job(name, "/bin/true", schedule="0 10 * * *")
        server.run(name)
    path = server.root / "etc/labserver/jobs.d/renew.json"
    path.write_bytes((path.parent / "other.json").read_bytes() if content is None else content)
    found = jobs_watch.watch(server.world)
    assert len(found) == 1
    assert found[0].startswith(
        "renew: critical: does not run: its file /etc/labserver/jobs.d/renew.json cannot be used"
    )
    assert why in found[0]
    jobs_watch.watch(server.world)
    assert [(alert["job"], alert["level"]) for alert in posted] == [("renew", "critical")], "once"
    rows = {str(row["job"]): row for row in jobs_overview.overview(server.root, server.time)}
    assert (rows["renew"]["level"], rows["other"]["level"]) == ("critical", "ok")
    assert set(rows["renew"]) == set(rows["other"])
    server.job("renew", "/bin/true", schedule="0 10 * * *")
    server.run("renew")
    assert posted[-1]["level"] == "ok"


@pytest.mark.parametrize(
    ("script", "options"), [("exit 2", {}), ("exec sleep 30", {"timeout_seconds": 1}), ("kill -9 $$", {})],
    ids=["broken", "too long", "killed"],
)  # fmt: skip
def test_looks_at_the_services_that_break_off_are_told(
    server: Server, webhook: Any, script: str, options: dict[str, Any]
) -> None:
    """Nobody hears of the job's own level: it tells of each service, but not when it does not get there."""
    address, posted, _answers = webhook
    server.alerts(webhook={"url": address})

    def look(script: str, **more: Any) -> list[str]:
        server.job("services", "/bin/sh", "-c", script, schedule="*/5 * * * *", catch_up=False, alert="never", **more)
        server.run("services")
        return [line for line in jobs_watch.watch(server.world) if line.startswith("looks.")]

    assert look(script, **options) == [] and posted == [], "once may happen"
    (line,) = look(script, **options)
    assert line.startswith("looks.services: critical: do not come to their end (")
    assert [(one["job"], one["level"]) for one in posted] == [("looks.services", "critical")]
    assert posted[0]["log"] == "/var/log/labserver/services.log"
    look("echo hub: no answer >$LABSERVER_SUMMARY; exit 2")
    assert [one["level"] for one in posted] == ["critical", "ok"]


def test_looks_that_find_something_come_to_their_end(server: Server, webhook: Any) -> None:
    address, posted, _answers = webhook
    server.alerts(webhook={"url": address})
    found = "echo hub: no answer >$LABSERVER_SUMMARY; exit 2"
    server.job("services", "/bin/sh", "-c", found, schedule="*/5 * * * *", catch_up=False, alert="never")
    for _run in range(3):
        server.run("services")
        jobs_watch.watch(server.world)
    assert posted == []
