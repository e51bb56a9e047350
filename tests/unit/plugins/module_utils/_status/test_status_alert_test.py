# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test message, sent to a real HTTP server and by a real command; and what the program says of itself."""

from __future__ import annotations

import http.server
import json
import threading
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import alert
from ansible_collections.labserver.jupyter.plugins.module_utils._status import alert_test


def configured(root: Path, **ways: object) -> list[str]:
    path = root / alert.CONFIG
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"version": 1, **ways}))
    return ["--json", "--root", str(root)]


def test_each_way_says_whether_it_got_through(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[bytes] = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hook = {"url": f"http://127.0.0.1:{server.server_port}/hook"}
    argv = configured(tmp_path, webhook=hook, command=["/bin/sh", "-c", f"cat > {tmp_path}/told; exit 1"])
    assert alert_test.main(argv) == 2
    server.shutdown()
    ways = json.loads(capsys.readouterr().out)["ways"]
    assert ways == {"webhook": {"sent": True, "failed": ""}, "command": {"sent": False, "failed": "OSError"}}
    assert "test that somebody asked for" in json.loads(heard[0])["message"]
    assert json.loads((tmp_path / "told").read_text())["job"] == "alert-test"


def test_no_way_is_a_warning_and_damaged_settings_are_critical(tmp_path: Path) -> None:
    assert alert_test.main(["--root", str(tmp_path)]) == 1
    configured(tmp_path)
    (tmp_path / alert.CONFIG).write_text("{}")
    assert alert_test.main(["--root", str(tmp_path)]) == 2
