# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a webhook's receiver gets, in each form, as a real HTTP server hears it."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import alert

NEWS = alert.Alert("atlas", "backup", "critical", "the NAS <is> away @all", "2026-11-27T10:00:00Z", "/var/log/x.log")
Heard = list[tuple[str, str, bytes, dict[str, str]]]


@pytest.fixture
def receiver() -> Iterator[tuple[str, Heard]]:
    heard: Heard = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def take(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.command, self.path, body, {key.lower(): value for key, value in self.headers.items()}))
            self.send_response(200)
            self.end_headers()

        do_POST = do_PUT = take  # noqa: N815  # the names are those of http.server

        def log_message(self, *_words: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", heard
    server.shutdown()


def sent(receiver: tuple[str, Heard], form: str) -> tuple[str, str, bytes, dict[str, str]]:
    url, heard = receiver
    assert alert.send({"webhook": {"url": url, "form": form, "headers": {"X-Token": "t"}}}, "webhook", NEWS) == ""
    assert heard[-1][3]["x-token"] == "t"
    return heard[-1]


def test_each_receiver_gets_what_it_reads(receiver: tuple[str, Heard]) -> None:
    assert json.loads(sent(receiver, "json")[2])["job"] == "backup"
    method, path, body, _headers = sent(receiver, "matrix")
    assert (method, json.loads(body)["msgtype"]) == ("PUT", "m.text")
    assert path.startswith("/hook/") and path == sent(receiver, "matrix")[1], "sent again, it is shown once"
    method, path, body, headers = sent(receiver, "ntfy")
    assert (method, path, body.decode()) == ("POST", "/hook", NEWS.message)
    assert (headers["title"], headers["priority"]) == ("[labserver] atlas: backup critical", "high")
    for form in ("slack", "mattermost"):
        said = json.loads(sent(receiver, form)[2])
        assert list(said) == ["text"]
        assert "@all" not in said["text"] and "<is>" not in said["text"] and "&lt;is&gt;" in said["text"]


def test_another_form_is_told_as_a_failure() -> None:
    assert alert.send({"webhook": {"url": "http://127.0.0.1:1", "form": "pigeon"}}, "webhook", NEWS) == "ValueError"
