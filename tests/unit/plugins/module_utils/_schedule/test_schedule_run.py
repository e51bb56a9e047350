# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner with real processes, a real web server and a real mail conversation."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import re
import signal
import socketserver
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import job_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import alert as jobs_alert
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import heartbeat
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import log as jobs_log
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import run as jobs_run
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._schedule.schedule_server import (
    NOW,
    Server,
    server,
    until,
    webhook,
)

__all__ = ["server", "webhook"]  # fixtures
SECONDS = 100_000 + os.getpid()
"""Another number than that of other tests on this machine, by which processes are looked for."""


@pytest.mark.parametrize(
    ("status", "exit_status", "level"), [(0, 0, "ok"), (1, 1, "warning"), (2, 2, "critical"), (7, 2, "critical")]
)
def test_exit_status_and_level(server: Server, status: int, exit_status: int, level: str) -> None:
    server.job("renew", "/bin/sh", "-c", f"echo s3cret output; echo well >$LABSERVER_SUMMARY; exit {status}")
    assert server.run("renew") == exit_status
    assert server.status("renew")["level"] == level
    assert server.status("renew")["message"] == "well"
    assert "s3cret" in server.log("renew")
    assert "s3cret" not in json.dumps(server.status("renew"))
    modes = [server.root / f"var/{path}" for path in ("lib/labserver/jobs/renew.json", "log/labserver/renew.log")]
    assert [path.stat().st_mode & 0o777 for path in modes] == [0o644, 0o640]


def test_a_missing_program_is_critical(server: Server) -> None:
    server.job("renew", "/nowhere/program")
    assert server.run("renew") == 2
    assert "/nowhere/program is not installed" in server.status("renew")["message"]


def test_an_address_that_speaks_no_http_is_a_failed_alert(server: Server) -> None:
    class Garbage(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.wfile.write(b"\x15\x03\x01\x00\x02\x02\x50")  # what a TLS server says to plain HTTP

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Garbage) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{listener.server_address[1]}/"
        server.alerts(webhook={"url": url}, heartbeat_url=url)
        server.job("renew", "/bin/false")
        assert server.run("renew") == 1
        assert server.status("renew")["told"]["webhook"]["failed"] == "BadStatusLine"
        assert heartbeat.send({"heartbeat_url": url}).startswith("heartbeat: BadStatusLine")
        listener.shutdown()


def test_a_job_that_is_taken_off_while_it_waits_is_not_run(server: Server) -> None:
    """Cron's call waits for the job's jitter; what ran afterwards would leave the status of a job that is gone."""
    server.job("renew", "/bin/touch", str(server.root / "ran"), jitter_seconds=60)
    job = server.root / "etc/labserver/jobs.d/renew.json"
    world = jobs_run.World(root=server.root, sleep=lambda seconds: job.unlink())
    assert jobs_run.run_job(world, "renew", "schedule") == 0
    assert not (server.root / "ran").exists()
    assert not (server.root / "var/lib/labserver/jobs/renew.json").exists()


def test_two_runs_at_once(server: Server) -> None:
    began, go = server.patient_job("slow")
    before = threading.Thread(target=server.run, args=("slow",))
    before.start()
    until("it begins", began.exists)
    assert server.run("slow") == jobs_run.BUSY
    go.touch()
    before.join()
    assert server.status("slow")["level"] == "ok"


def test_a_killed_runner_leaves_the_lock_to_its_command(server: Server) -> None:
    began, go = server.patient_job("slow")
    path = str(Path(jobs_run.__file__).parents[2])
    code = (
        f"import sys; from module_utils._schedule.run import main; sys.exit(main(['slow', '--root', '{server.root}']))"
    )
    runner = subprocess.Popen([sys.executable, "-c", code], cwd=path)
    until("it begins", began.exists)
    runner.kill()
    runner.wait()
    assert server.run("slow") == jobs_run.BUSY
    go.touch()
    until("the command ends", lambda: job_lock.running_since(server.root, "slow") is None)
    server.job("slow", "/bin/true")
    assert server.run("slow") == 0


def test_a_runner_that_is_told_to_stop_ends_its_command_and_says_so(server: Server) -> None:
    began = server.root / "began"
    server.job("slow", "/bin/sh", "-c", f"touch {began}; exec /bin/sleep {SECONDS}")
    path = str(Path(jobs_run.__file__).parents[2])
    code = (
        f"import sys; from module_utils._schedule.run import main; sys.exit(main(['slow', '--root', '{server.root}']))"
    )
    runner = subprocess.Popen([sys.executable, "-c", code], cwd=path)
    until("it begins", began.exists)
    runner.send_signal(signal.SIGTERM)
    assert runner.wait(60) == 2
    assert "told to stop" in server.status("slow")["message"]
    assert subprocess.run(["pgrep", "-f", f"^/bin/sleep {SECONDS}$"], check=False).returncode == 1


def test_the_time_limit_ends_children_that_left_the_process_group(server: Server) -> None:
    server.job("hangs", "/bin/sh", "-c", f"setsid sleep {SECONDS} & echo begun; wait", timeout_seconds=1)
    assert server.run("hangs") == 2
    assert "did not end within 1 s" in server.status("hangs")["message"]
    assert "begun" in server.log("hangs")
    assert subprocess.run(["pgrep", "-f", f"^sleep {SECONDS}$"], check=False).returncode == 1


def test_scheduled_runs_wait_and_manual_ones_do_not(server: Server) -> None:
    server.job("renew", "/bin/true", jitter_seconds=600)
    server.run("renew")
    assert server.slept == []
    server.run("renew", "schedule")
    assert len(server.slept) == 1
    assert 0 <= server.slept[0] <= 600


def test_a_run_at_boot_waits_for_the_services_of_the_host(server: Server) -> None:
    up = server.root / "up"
    server.job("renew", "/bin/test", "-e", str(up), jitter_seconds=0)
    world = dataclasses.replace(server.world, boot=up.touch)
    assert jobs_run.run_job(world, "renew", "schedule") == 1
    assert jobs_run.run_job(world, "renew", "boot") == 0


def test_the_log_is_rotated_and_one_run_cannot_fill_the_disk(tmp_path: Path) -> None:
    for number in range(8):
        log = jobs_log.JobLog(tmp_path, "noisy", run_bytes=1_200_000)
        log.line(f"run {number}")
        for _piece in range(30):
            log.output(b"x" * 100_000)
        log.close()
    names = sorted(path.name for path in (tmp_path / "var/log/labserver").iterdir())
    assert names == ["noisy.log", "noisy.log.1", "noisy.log.2", "noisy.log.3", "noisy.log.4"]
    assert "run 7" in (tmp_path / "var/log/labserver/noisy.log").read_text()
    assert all(path.stat().st_size < 1_400_000 for path in (tmp_path / "var/log/labserver").iterdir())


def test_a_failure_is_told_once_a_day_and_the_way_back_once(server: Server, webhook: Any) -> None:
    address, posted, _answers = webhook
    server.alerts(webhook={"url": address})
    server.job("renew", "/bin/false", description="Renew")
    for _run in range(3):
        server.run("renew")
    assert [(item["job"], item["level"], item["host"]) for item in posted] == [("renew", "warning", "server1")]
    server.time += timedelta(hours=25)
    server.run("renew")
    assert len(posted) == 2
    server.job("renew", "/bin/true")
    server.run("renew")
    server.run("renew")
    assert [item["level"] for item in posted] == ["warning", "warning", "ok"]


def test_a_problem_that_nobody_heard_of_is_not_taken_back(server: Server, webhook: Any) -> None:
    address, posted, answers = webhook
    answers.append(500)
    server.alerts(webhook={"url": address})
    server.job("renew", "/bin/false")
    server.run("renew")
    server.job("renew", "/bin/true")
    server.run("renew")
    assert [item["level"] for item in posted] == ["warning"]


def test_levels_below_the_wanted_one_are_not_told(server: Server, webhook: Any) -> None:
    address, posted, _answers = webhook
    server.alerts(webhook={"url": address})
    server.job("renew", "/bin/false", alert="critical")
    server.run("renew")
    assert posted == []


def mailed(alert: jobs_alert.Alert) -> list[str]:
    """Return what a mail server hears."""
    heard: list[str] = []

    class Smtp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 test\r\n")
            while line := self.rfile.readline().decode().rstrip("\r\n"):
                heard.append(line)
                if line.upper() == "DATA":
                    self.wfile.write(b"354 go\r\n")
                    while (text := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                        heard.append(text)
                self.wfile.write(b"221 bye\r\n" if line.upper() == "QUIT" else b"250 ok\r\n")

    with socketserver.TCPServer(("127.0.0.1", 0), Smtp) as listener:
        threading.Thread(target=listener.handle_request, daemon=True).start()
        port = listener.server_address[1]
        config = {"mail": {"to": ["a@b.example"], "server": "127.0.0.1", "port": port}}
        assert jobs_alert.send(config, "mail", alert) == ""
    return heard


def test_mail_is_handed_to_the_named_server() -> None:
    heard = mailed(jobs_alert.Alert("server1", "renew", "critical", "it broke", "2026-11-20T10:30:00Z", "/x.log"))
    assert "Subject: [labserver] server1: renew critical" in heard
    assert any("rcpt to:<a@b.example>" in line.lower() for line in heard)
    assert "it broke" in heard


def test_names_of_others_do_no_harm_in_mail_webhook_and_command(webhook: Any, tmp_path: Path) -> None:
    evil = "/mnt/\x1b[2J\x1b]0;x\x07<b>\nBcc: eve@evil.example\u202e"
    alert = jobs_alert.Alert("server1", f"service.{evil}", "critical", evil, "2026-11-20T10:30:00Z", "/x.log")
    heard = mailed(alert)
    assert not [line for line in heard if line.startswith("Bcc")] and not any("rcpt to:<eve" in line for line in heard)
    subject = next(line for line in heard if line.startswith("Subject: "))
    assert subject.startswith("Subject: [labserver] server1: service./mnt/")
    assert "Content-Type: text/plain" in "".join(heard), "a mail program shows it as it is"
    address, posted, _answers = webhook
    assert jobs_alert.send({"webhook": {"url": address}}, "webhook", alert) == ""
    assert jobs_alert.send({"command": ["/bin/sh", "-c", f"cat >{tmp_path}/heard"]}, "command", alert) == ""
    told = [*posted, json.loads((tmp_path / "heard").read_text())]
    for text in ["\n".join(heard), *(value for item in told for value in item.values())]:
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", text), text
    assert all("\n" not in value for item in told for value in item.values())


def test_a_command_hears_of_it(server: Server, tmp_path: Path) -> None:
    server.alerts(command=["/bin/sh", "-c", f"cat >{tmp_path}/heard"])
    server.job("renew", "/bin/false")
    server.run("renew")
    assert json.loads((tmp_path / "heard").read_text())["job"] == "renew"


def test_who_only_looks_does_not_keep_a_run_from_its_lock(server: Server) -> None:
    server.job("renew", "/bin/true")
    server.run("renew")
    looking = (server.root / "run/labserver/job-renew.lock").open()
    fcntl.flock(looking, fcntl.LOCK_SH)
    world = dataclasses.replace(server.world, sleep=lambda _seconds: looking.close())
    assert jobs_run.run_job(world, "renew", "manual") == 0


def test_output_cannot_order_a_terminal_about_and_a_summary_is_one_line(server: Server, webhook: Any) -> None:
    address, posted, _answers = webhook
    server.alerts(webhook={"url": address})
    shown: list[bytes] = []
    words = r"printf 'gr\303\274n\ttab \033[2J \302\233 10%%\r20%%\n'; printf 'a\n\033]0;b' >$LABSERVER_SUMMARY; exit 2"
    server.job("renew", "/bin/sh", "-c", words, description="Re\x1bnew")
    assert jobs_run.run_job(server.world, "renew", "manual", shown.append) == 2
    for text in (server.log("renew"), b"".join(shown).decode()):
        assert "grün\ttab ?[2J ? 10%\n20%\n" in text
    assert server.status("renew")["message"] == "a ]0;b"
    assert "\x1b" not in posted[0]["message"] + posted[0]["text"]


def test_what_was_told_in_the_future_is_told_again() -> None:
    told = jobs_alert.Told("critical", "2028-11-20T10:30:00Z")
    assert jobs_alert.decide(told, "critical", NOW)[0]
    assert not jobs_alert.decide(dataclasses.replace(told, time="2026-11-20T10:00:00Z"), "critical", NOW)[0]


def test_a_damaged_status_file_starts_anew(server: Server) -> None:
    server.job("renew", "/bin/true")
    folder = server.root / "var/lib/labserver/jobs"
    folder.mkdir(parents=True)
    (folder / "renew.json").write_text('{"version": 1, "le')
    assert server.run("renew") == 0
    assert server.status("renew")["level"] == "ok"


def test_a_job_that_always_finds_somebody_else_at_work_is_told_after_a_day(server: Server, webhook: Any) -> None:
    url, posted, _answers = webhook
    server.alerts(webhook={"url": url})
    server.job("renew", "/bin/sh", "-c", "exit 3", schedule="daily")
    for day, told in enumerate((0, 1, 2)):
        server.time = NOW + timedelta(days=day)
        assert server.run("renew") == jobs_run.BUSY
        assert len(posted) == told, "the first time may be a run by hand; later it is told once a day"
    assert server.status("renew")["level"] == "warning"
    assert "found somebody else at its work each time since 2026-11-20T10:30:00Z (3 times)" in posted[-1]["message"]
    server.job("renew", "/bin/true")
    assert server.run("renew") == 0
    assert posted[-1]["level"] == "ok", "it works again"
    server.job("renew", "/bin/sh", "-c", "exit 3")
    assert server.run("renew") == jobs_run.BUSY
    assert server.status("renew")["busy"] == 1, "the count begins anew"


def test_a_job_of_every_few_minutes_may_be_busy_for_some_hours(server: Server, webhook: Any) -> None:
    url, posted, _answers = webhook
    server.alerts(webhook={"url": url})
    server.job("often", "/bin/sh", "-c", "exit 3", schedule="*/5 * * * *")
    for hour in range(20):
        server.time = NOW + timedelta(hours=hour)
        server.run("often")
    assert posted == []


def test_a_command_knows_of_which_job_it_is_a_run(server: Server) -> None:
    server.job("renew", "/bin/sh", "-c", "echo $LABSERVER_JOB >$LABSERVER_SUMMARY")
    server.run("renew")
    assert server.status("renew")["message"] == "renew"
