# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a person's server asks its hub: as JupyterHub's own client does, which takes longer to read."""

from __future__ import annotations

import asyncio
import http.server
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from jupyterhub import httpclient
from paths import ROOT

sys.path.insert(0, str(ROOT / "roles/images/files/images/notebook/server"))
from labserver_notebook import hub_client

SERVER = ROOT / "roles/images/files/images/notebook/server"
TOKEN = {"Authorization": "token t"}
# What jupyterhub 6.1 asks: for its version, who somebody is, for a token, and that it tells of activity.
ASKED: dict[str, dict[str, Any]] = {
    "/hub/api": {},
    "/hub/api/user": {"headers": TOKEN, "raise_for_status": False},
    "/hub/api/oauth2/token": {"method": "POST", "data": b"code=a%20b", "headers": TOKEN, "raise_for_status": False},
    "/hub/api/users/zo%C3%AB/activity": {
        "method": "POST",
        "headers": {**TOKEN, "Content-Type": "application/json"},
        "data": json.dumps({"servers": {"": {"last_activity": "ö"}}}),
    },
    "/hub/api/nothing": {"method": "POST"},
    "/403": {"raise_for_status": False},
    "/500": {"raise_for_status": False},
    "/moved": {},
}
Fetch = Callable[..., Awaitable[Any]]


class Hub(http.server.BaseHTTPRequestHandler):
    """Notes what it is asked."""

    noted: list[tuple[str, str, bytes, str | None, str | None]]

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.noted.append((self.command, self.path, body, self.headers["Authorization"], self.headers["Content-Type"]))
        self.send_response({"403": 403, "500": 500, "moved": 302}.get(self.path[1:], 200))
        if self.path == "/moved":
            self.send_header("Location", "/hub/api")
        self.send_header("X-JupyterHub-Version", "6.1.1")
        self.end_headers()
        self.wfile.write(json.dumps({"name": "Zoë"}, ensure_ascii=False).encode())

    do_GET = do_POST = _answer  # noqa: N815

    def log_message(self, *_arguments: Any) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[tuple[str, list[Any]]]:
    """The address of a hub, and what it was asked."""
    noted: list[Any] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("_Hub", (Hub,), {"noted": noted}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", noted
    server.shutdown()
    server.server_close()


def run(fetch: Fetch, url: str, asked: dict[str, Any]) -> tuple[Any, ...]:
    """Return all that JupyterHub's package takes of an answer."""

    async def ask() -> tuple[Any, ...]:
        try:
            answer = await fetch(url, **asked)
            version = answer.headers.get("X-JupyterHub-Version")
            return (
                answer.status,
                answer.reason,
                answer.ok,
                version,
                await answer.text(),
                await answer.json(**({"content_type": None} if fetch is httpclient.fetch else {})),
            )
        finally:
            if fetch is httpclient.fetch:
                await httpclient.JupyterHubHTTPClient.loop_instance().close()

    return asyncio.run(ask())


@pytest.mark.parametrize("path", ASKED)
def test_hub_and_server_see_what_jupyterhubs_own_client_shows(hub: tuple[str, list[Any]], path: str) -> None:
    address, noted = hub
    theirs = run(httpclient.fetch, address + path, ASKED[path])
    by_theirs = [*noted]
    noted.clear()
    assert run(hub_client.fetch, address + path, ASKED[path]) == theirs
    # aiohttp says of a body of bytes that it is one ("application/octet-stream"), which the hub does not read.
    plain = [(*one[:4], one[4] if one[4] in {"application/json"} else None) for one in noted]
    assert plain == [(*one[:4], one[4] if one[4] in {"application/json"} else None) for one in by_theirs]
    assert plain


@pytest.mark.parametrize("path", ["/403", "/500"])
def test_a_refusal_is_an_error_where_that_is_asked_for(hub: tuple[str, list[Any]], path: str) -> None:
    with pytest.raises(Exception, match=path[1:]):
        run(hub_client.fetch, hub[0] + path, {})


def test_nobody_there_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(OSError, match="refused"):
            run(hub_client.fetch, f"http://127.0.0.1:{taken.getsockname()[1]}/hub/api", {"raise_for_status": False})


def test_what_it_does_not_know_is_asked_by_jupyterhubs_own_client(
    hub: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    async def theirs(url: str, **more: Any) -> str:
        asked.append((url, more))
        return "theirs"

    monkeypatch.setattr(httpclient, "fetch", theirs)
    one = {"method": "GET", "headers": None, "data": None, "raise_for_status": True}
    cases: dict[str, dict[str, Any]] = {
        "https://hub.example.org/hub/api": {},
        "http+unix://%2Frun%2Fhub/hub/api": {},
        hub[0]: {"ssl": "context"},
        f"{hub[0]}/form": {"data": {"a": "b"}},
    }
    for url, more in cases.items():
        assert asyncio.run(hub_client.fetch(url, **more)) == "theirs"
        assert asked.pop() == (url, {**one, **more})
    assert not hub[1]


def test_asking_reads_no_aiohttp(hub: tuple[str, list[Any]]) -> None:
    code = (
        "import asyncio, sys; from labserver_notebook import hub_client\n"
        f"print(asyncio.run(hub_client.fetch({hub[0]!r})).status, [name for name in sys.modules if 'aiohttp' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=SERVER, capture_output=True, text=True, check=False)
    assert done.stdout == "200 []\n", done.stderr
