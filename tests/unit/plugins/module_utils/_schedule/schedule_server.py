# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab server below a folder for the tests of the runner and of the watch, and a web server that hears alerts."""

from __future__ import annotations

import http.server
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import model as jobs_model
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import run as jobs_run

NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)


def until(what: str, holds: Callable[[], bool]) -> None:
    """Wait for something as long as a busy machine may need for it."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.02)


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

    def patient_job(self, name: str, **options: Any) -> tuple[Path, Path]:
        """Make a job that says when it has begun, and goes on until it is let go; returns both files."""
        began, go = self.root / "began", self.root / "go"
        self.job(name, "/bin/sh", "-c", f"touch {began}; while [ ! -e {go} ]; do sleep 0.05; done", **options)
        return began, go

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
