# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner with real processes, a real web server and a real mail conversation."""

from __future__ import annotations

import dataclasses
import fcntl
import http.server
import json
import os
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import alert as jobs_alert
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import log as jobs_log
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import model as jobs_model
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import run as jobs_run
from ansible_collections.labserver.jupyter.plugins.module_utils._status import overview as jobs_overview
from ansible_collections.labserver.jupyter.plugins.module_utils._status import watch as jobs_watch

NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)


class Server:
    """A lab server below a folder, with a clock that the test moves."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.time = NOW
        self.slept: list[float] = []
        self.world = jobs_run.World(root=root, now=lambda: self.time, sleep=self.slept.append, host="server1")

    def job(self, name: str, *command: str, since: datetime = NOW - timedelta(days=30), **options: Any) -> None:
        folder = self.root / "etc/labserver/jobs.d"
        folder.mkdir(parents=True, exist_ok=True)
        item = {"name": name, "command": command, **options}
        path = folder / f"{name}.json"
        path.write_bytes(jobs_model.to_json(jobs_model.from_mapping(item, "server1")))
        os.utime(path, (since.timestamp(), since.timestamp()))

    def run(self, name: str, trigger: str = "manual") -> int:
        return jobs_run.run_job(self.world, name, trigger)

    def status(self, name: str) -> dict[str, Any]:
        return json.loads((self.root / f"var/lib/labserver/jobs/{name}.json").read_text())

    def log(self, name: str) -> str:
        return (self.root / f"var/log/labserver/{name}.log").read_text()

    def alerts(self, **ways: Any) -> None:
        (self.root / "etc/labserver").mkdir(parents=True, exist_ok=True)
        (self.root / "etc/labserver/alerts.json").write_text(json.dumps({"version": 1, **ways}))


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[dict[str, Any]], list[int]]]:
    """An address, what was posted to it, and the answers that it will give (200 when none is left)."""
    posted: list[dict[str, Any]] = []
    answers: list[int] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answers.pop(0) if answers else 200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listener.server_port}/", posted, answers
        listener.shutdown()


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
        assert jobs_alert.heartbeat({"heartbeat_url": url}).startswith("heartbeat: BadStatusLine")
        listener.shutdown()


def test_two_runs_at_once(server: Server) -> None:
    server.job("slow", "/bin/sleep", "2")
    before = threading.Thread(target=server.run, args=("slow",))
    before.start()
    time.sleep(0.5)
    assert server.run("slow") == jobs_run.BUSY
    before.join()
    assert server.status("slow")["level"] == "ok"


def test_a_killed_runner_leaves_the_lock_to_its_command(server: Server) -> None:
    server.job("slow", "/bin/sleep", "3")
    path = str(Path(jobs_run.__file__).parents[2])
    code = (
        f"import sys; from module_utils._schedule.run import main; sys.exit(main(['slow', '--root', '{server.root}']))"
    )
    runner = subprocess.Popen([sys.executable, "-c", code], cwd=path)
    time.sleep(1.2)
    runner.kill()
    runner.wait()
    assert server.run("slow") == jobs_run.BUSY
    time.sleep(2.5)
    server.job("slow", "/bin/true")
    assert server.run("slow") == 0


def test_a_runner_that_is_told_to_stop_ends_its_command_and_says_so(server: Server) -> None:
    server.job("slow", "/bin/sleep", "4321")
    path = str(Path(jobs_run.__file__).parents[2])
    code = (
        f"import sys; from module_utils._schedule.run import main; sys.exit(main(['slow', '--root', '{server.root}']))"
    )
    runner = subprocess.Popen([sys.executable, "-c", code], cwd=path)
    time.sleep(1.2)
    runner.send_signal(signal.SIGTERM)
    assert runner.wait(10) == 2
    assert "told to stop" in server.status("slow")["message"]
    assert subprocess.run(["pgrep", "-f", "^/bin/sleep 4321$"], check=False).returncode == 1


def test_the_time_limit_ends_children_that_left_the_process_group(server: Server) -> None:
    server.job("hangs", "/bin/sh", "-c", "setsid sleep 98765 & echo begun; wait", timeout_seconds=1)
    started = time.monotonic()
    assert server.run("hangs") == 2
    assert time.monotonic() - started < 8
    assert "did not end within 1 s" in server.status("hangs")["message"]
    assert "begun" in server.log("hangs")
    assert subprocess.run(["pgrep", "-f", "^sleep 98765$"], check=False).returncode == 1


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


def test_a_problem_that_nobody_heard_of_is_not_taken_back(server: Server, webhook: Any) -> None:
    address, posted, answers = webhook
    answers.append(500)
    server.alerts(webhook={"url": address})
    server.job("renew", "/bin/false")
    server.run("renew")
    server.job("renew", "/bin/true")
    server.run("renew")
    assert [item["level"] for item in posted] == ["warning"]


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


def test_levels_below_the_wanted_one_are_not_told(server: Server, webhook: Any) -> None:
    address, posted, _answers = webhook
    server.alerts(webhook={"url": address})
    server.job("renew", "/bin/false", alert="critical")
    server.run("renew")
    assert posted == []


def test_mail_is_handed_to_the_named_server(server: Server) -> None:
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
        alert = jobs_alert.Alert("server1", "renew", "critical", "it broke", "2026-11-20T10:30:00Z", "/x.log")
        config = {"mail": {"to": ["a@b.example"], "server": "127.0.0.1", "port": port}}
        assert jobs_alert.send(config, "mail", alert) == ""
    assert "Subject: [labserver] server1: renew critical" in heard
    assert any("rcpt to:<a@b.example>" in line.lower() for line in heard)
    assert "it broke" in heard


def test_a_command_hears_of_it(server: Server, tmp_path: Path) -> None:
    server.alerts(command=["/bin/sh", "-c", f"cat >{tmp_path}/heard"])
    server.job("renew", "/bin/false")
    server.run("renew")
    assert json.loads((tmp_path / "heard").read_text())["job"] == "renew"


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
    server.job("slow", "/bin/sleep", "2", schedule="0 4 * * *")
    run = threading.Thread(target=server.run, args=("slow",))
    run.start()
    time.sleep(0.5)
    assert jobs_watch.watch(server.world) == []
    run.join()


def test_a_run_that_lasts_beyond_the_next_due_time_is_not_missed(server: Server, webhook: Any) -> None:
    address, posted, _answers = webhook
    server.alerts(webhook={"url": address})
    server.job("backup", "/bin/sleep", "2", schedule="0 * * * *")
    (server.root / "proc").mkdir()
    (server.root / "proc/uptime").write_text("864000.0 1.0\n")
    run = threading.Thread(target=server.run, args=("backup",))
    run.start()  # at 10:30
    time.sleep(0.5)
    server.time += timedelta(minutes=45)
    assert jobs_overview.overview(server.root, server.time)[0]["level"] == "running"
    assert jobs_watch.watch(server.world) == []
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


def test_who_only_looks_does_not_keep_a_run_from_its_lock(server: Server) -> None:
    server.job("renew", "/bin/true")
    server.run("renew")
    looking = (server.root / "run/labserver/job-renew.lock").open()
    fcntl.flock(looking, fcntl.LOCK_SH)
    world = dataclasses.replace(server.world, sleep=lambda _seconds: looking.close())
    assert jobs_run.run_job(world, "renew", "manual") == 0


def test_a_run_that_goes_on_beyond_its_limit_is_critical_and_told_once(server: Server, webhook: Any) -> None:
    address, posted, _answers = webhook
    server.alerts(webhook={"url": address})
    server.job("expire", "/bin/sleep", "2", schedule="0 * * * *", timeout_seconds=3600)
    run = threading.Thread(target=server.run, args=("expire",))
    run.start()  # at 10:30
    time.sleep(0.5)
    server.time += timedelta(minutes=69)
    assert jobs_watch.watch(server.world) == []
    server.time += timedelta(minutes=2)
    words = "has been running since 2026-11-20T10:30:00Z, beyond its limit of 3600 s"
    shown = jobs_overview.overview(server.root, server.time)[0]
    assert (shown["level"], words in str(shown["message"])) == ("critical", True)
    for _hour in range(2):
        assert words in jobs_watch.watch(server.world)[0]
    run.join()
    assert [(item["level"], item["job"]) for item in posted] == [("critical", "expire"), ("ok", "expire")]
    assert words in posted[0]["message"]
    assert jobs_overview.overview(server.root, server.time)[0]["level"] == "ok"


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


def test_what_was_told_in_the_future_is_told_again() -> None:
    told = jobs_alert.Told("critical", "2028-11-20T10:30:00Z")
    assert jobs_alert.due(told, "critical", NOW)
    assert not jobs_alert.due(dataclasses.replace(told, time="2026-11-20T10:00:00Z"), "critical", NOW)


def test_a_damaged_status_file_starts_anew(server: Server) -> None:
    server.job("renew", "/bin/true")
    folder = server.root / "var/lib/labserver/jobs"
    folder.mkdir(parents=True)
    (folder / "renew.json").write_text('{"version": 1, "le')
    assert server.run("renew") == 0
    assert server.status("renew")["level"] == "ok"
