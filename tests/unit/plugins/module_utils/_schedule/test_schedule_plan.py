# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the input of schedule to files: refused inputs, cron's traps, and a second plan that is empty."""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import clock, job_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import files as jobs_files
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import model as jobs_model
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import plan as jobs_plan

JOB: dict[str, Any] = {"name": "renew", "command": ["/usr/local/sbin/labserver", "renew"], "schedule": "twice-daily"}


def test_all_problems_of_all_jobs_are_told_at_once() -> None:
    found = jobs_model.problems(
        [
            {"name": "lab.cert", "command": ["/bin/true"]},
            {"name": "ok", "command": "certbot renew", "schedule": "61 * * * *", "timeout_seconds": 0},
            {"name": "ok", "command": ["certbot"], "environment": {"A B": "1"}, "schedule": "0 0 30 2 *"},
            {"name": "gone", "state": "absent"},
        ],
        "schedule_jobs",
    )
    text = "\n".join(found)
    assert "schedule_jobs[0] (name=lab.cert): the name" in text
    assert "schedule_jobs[1] (name=ok): command is not a list" in text
    assert "minute 61" in text
    assert "timeout_seconds is 0" in text
    assert "schedule_jobs[2] (name=ok): the name is also that of schedule_jobs[1]" in text
    assert "full path" in text
    assert 'environment variable "A B"' in text
    assert "never comes" in text
    assert "gone" not in text


@pytest.mark.parametrize(
    ("name", "content", "mode", "owner", "words"),
    [
        ("lab.cert", b"* * * * * root x\n", 0o644, 0, "skips the name"),
        ("lab", b"* * * * * root x", 0o644, 0, "newline at its end"),
        ("lab", b"* * * * * root x\n", 0o664, 0, "others may write"),
        ("lab", b"* * * * * root x\n", 0o644, 1000, "root does not own"),
        ("lab", b"* * * * * root sleep 5%3\n", 0o644, 0, "cuts the command"),
        ("lab", b"* * * * * /usr/bin/certbot renew\n", 0o644, 0, "is not a user"),
        ("lab", b"* * * * * certbot\n", 0o644, 0, "neither five|neither a time"),
        ("lab", b"61 * * * * root x\n", 0o644, 0, "minute 61"),
        ("lab", b"@never root x\n", 0o644, 0, "not a time that cron knows"),
        ("lab", b"* * * * * root x\r\n", 0o644, 0, "carriage returns"),
    ],
)
def test_what_cron_would_skip_is_found(name: str, content: bytes, mode: int, owner: int, words: str) -> None:
    found = jobs_files.cron_problems(name, content, mode, owner)
    assert any(re.search(words, problem) for problem in found), found


def test_what_is_written_is_read_by_cron() -> None:
    job = jobs_model.from_mapping({**JOB, "at_boot": True}, "server1")
    content = jobs_files.cron_file(job)
    assert jobs_files.cron_problems(jobs_files.cron_name(job.name), content) == []
    assert b" root /usr/local/sbin/labserver run renew --trigger schedule\n" in content
    assert b"\n@reboot root " in content


def test_plan_apply_and_nothing_more_to_do(tmp_path: Path) -> None:
    ran: list[list[str]] = []

    def run(argv: Any) -> tuple[int, str]:
        ran.append(list(argv))
        return 0, ""

    def steps(item: dict[str, Any], backend: str) -> jobs_plan.Plan:
        wanted = jobs_plan.desired([item], backend, "server1")
        existing = jobs_plan.read(tmp_path, [path for files in wanted.values() for path in files])
        # The tests may run as somebody else than root.
        owned = {path: jobs_plan.File(f.path, f.content, f.mode, f.owner - os.getuid()) for path, f in existing.items()}
        return jobs_plan.compare(wanted, owned)

    secret = {**JOB, "environment": {"TOKEN": "s3cret"}}
    first = steps(secret, "cron")
    assert {action.name for action in first.actions} == {
        "/etc/cron.d/labserver-renew",
        "/etc/labserver/jobs.d/renew.json",
    }
    assert "s3cret" not in "".join(first.after.values())
    jobs_plan.apply(tmp_path, first, run)
    assert ran == []
    assert (tmp_path / "etc/labserver/jobs.d/renew.json").stat().st_mode & 0o777 == 0o600
    assert not steps(secret, "cron").changed

    (tmp_path / "etc/cron.d/labserver-renew").chmod(0o664)  # cron would skip it now
    repaired = steps(secret, "cron")
    assert [action.name for action in repaired.actions] == ["/etc/cron.d/labserver-renew"]
    jobs_plan.apply(tmp_path, repaired, run)

    jobs_plan.apply(tmp_path, steps(secret, "systemd"), run)
    assert not (tmp_path / "etc/cron.d/labserver-renew").exists()
    assert ["systemctl", "enable", "--now", "labserver-renew.timer"] in ran
    assert not steps(secret, "systemd").changed

    jobs_plan.apply(tmp_path, steps({"name": "renew", "state": "absent"}, "systemd"), run)
    assert ["systemctl", "disable", "--now", "labserver-renew.timer"] in ran
    assert not [path for path in tmp_path.rglob("*renew*") if path.is_file()]


def test_a_run_that_is_going_on_leaves_no_status_of_a_job_that_is_gone(tmp_path: Path) -> None:
    """It writes its status at its end, which may come after the job's files were removed."""
    wanted = jobs_plan.desired([JOB], "cron", "server1")
    jobs_plan.apply(tmp_path, jobs_plan.compare(wanted, {}), lambda argv: (0, ""))
    status = tmp_path / jobs_plan.STATUS / "renew.json"
    status.parent.mkdir(parents=True)
    begun = threading.Event()

    def going_on() -> None:
        with job_lock.hold(tmp_path, "renew", clock.utc_now(), time.sleep):
            begun.set()
            time.sleep(0.5)
            status.write_text("{}")

    runner = threading.Thread(target=going_on)
    runner.start()
    begun.wait()
    gone = jobs_plan.desired([{"name": "renew", "state": "absent"}], "cron", "server1")
    there = jobs_plan.read(tmp_path, list(gone["renew"]))
    jobs_plan.apply(tmp_path, jobs_plan.compare(gone, there), lambda argv: (0, ""))
    runner.join()
    assert not status.exists()


def test_a_refusing_systemd_is_an_error(tmp_path: Path) -> None:
    wanted = jobs_plan.desired([JOB, {**JOB, "name": "second"}], "systemd", "server1")
    with pytest.raises(RuntimeError, match=r"labserver-renew.timer: bad"):
        jobs_plan.apply(
            tmp_path, jobs_plan.compare(wanted, {}), lambda argv: (1, "bad") if "enable" in argv else (0, "")
        )
    # The next run sees that both timers are still to be switched on.
    there = jobs_plan.read(tmp_path, [path for files in wanted.values() for path in files])
    timers = [action.name for action in jobs_plan.compare(wanted, there).actions if action.what == "timer"]
    assert timers == ["labserver-renew.timer", "labserver-second.timer"]
