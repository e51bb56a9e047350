# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Docker answers is read to a bound: part of it is written by whoever made an image."""

from __future__ import annotations

import http.server
import socketserver
import threading
from pathlib import Path

from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import DockerEngine


class Talkative(http.server.BaseHTTPRequestHandler):
    """Answers everything with ten thousand letters."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "10000")
        self.end_headers()
        self.wfile.write(b"x" * 10_000)

    def address_string(self) -> str:
        return "here"

    def log_message(self, *_arguments: object) -> None:
        pass


def test_a_log_is_read_to_its_bound(tmp_path: Path) -> None:
    with socketserver.UnixStreamServer(str(tmp_path / "docker.sock"), Talkative) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        engine = DockerEngine(str(tmp_path / "docker.sock"))
        assert len(engine.raw("/log")) == 10_000
        assert engine.raw("/log", most_bytes=100) == b"x" * 100
        server.shutdown()
