# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against a small server that does what the registry at hand does not: tokens, pages of tags, redirects."""

from __future__ import annotations

import base64
import json
import threading
import typing as t
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import client, protocol

Answer = tuple[int, dict[str, str], bytes]
PASSWORD = "Basic " + base64.b64encode(b"mira:secret").decode()


class Server:
    """Answers by a function of method, path and headers; remembers what was asked."""

    def __init__(self) -> None:
        self.answer: t.Callable[[str, str, dict[str, str]], Answer] = lambda *_args: (404, {}, b"")
        self.seen: list[tuple[str, str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_args: object) -> None:
                pass

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                server.seen.append((self.command, self.path, headers.get("authorization", "")))
                status, extra, body = server.answer(self.command, self.path, headers)
                self.send_response(status)
                for name, value in extra.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_DELETE = do_GET  # noqa: N815

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server() -> t.Iterator[Server]:
    running = Server()
    yield running
    running.http.shutdown()
    running.http.server_close()


def no_sleep(_seconds: float) -> None:
    pass


def tokens(server: Server, realm: str) -> t.Callable[[str, str, dict[str, str]], Answer]:
    def answer(method: str, path: str, headers: dict[str, str]) -> Answer:
        if path.startswith("/token"):
            query = parse_qs(urlsplit(path).query)
            name = "mira" if headers.get("authorization") == PASSWORD else "anonymous"
            return 200, {}, json.dumps({"token": f"{name}/{query['service'][0]}/{query['scope'][0]}"}).encode()
        action = "delete" if method == "DELETE" else "pull"
        wanted = f"Bearer mira/lab/repository:a/b:{action}"
        if headers.get("authorization") != wanted:
            challenge = f'Bearer realm="{realm}",service="lab",scope="repository:a/b:{action}"'
            return 401, {"WWW-Authenticate": challenge}, b""
        return (202, {}, b"") if method == "DELETE" else (200, {}, b'{"tags": ["1", "2"]}')

    return answer


def test_bearer_tokens_are_fetched_once_for_each_kind_of_access(server: Server) -> None:
    server.answer = tokens(server, f"{server.url}/token")
    with client.RegistryClient(server.url, username="mira", password="secret") as registry:
        assert registry.tags("a/b") == registry.tags("a/b") == ["1", "2"]
        assert registry.delete_manifest("a/b", "1") and registry.delete_manifest("a/b", "2")
    assert len([path for _method, path, _sent in server.seen if path.startswith("/token")]) == 2


def test_password_goes_to_no_other_host(server: Server) -> None:
    server.answer = tokens(server, f"http://localhost:{server.port}/token")
    registry = client.RegistryClient(server.url, username="mira", password="secret")
    with registry, pytest.raises(protocol.RegistryError, match="401"):
        registry.tags("a/b")
    assert PASSWORD not in [sent for _method, _path, sent in server.seen]
    with client.RegistryClient(server.url, username="mira", password="secret", token_hosts=["localhost"]) as registry:
        assert registry.tags("a/b") == ["1", "2"]


def test_wrong_password_is_tried_once(server: Server) -> None:
    server.answer = lambda *_args: (401, {"WWW-Authenticate": 'Basic realm="lab"'}, b"")
    registry = client.RegistryClient(server.url, username="mira", password="wrong", sleep=no_sleep)
    with registry, pytest.raises(protocol.RegistryError, match="401") as caught:
        registry.tags("a/b")
    assert caught.value.status == 401 and len(server.seen) == 2


@pytest.mark.parametrize(
    "link", ['</v2/a/b/tags/list?last=2&n=2>; rel="next"', "<{url}/v2/a/b/tags/list?last=2>;rel=next"]
)
def test_pages_of_tags_are_followed(server: Server, link: str) -> None:
    def answer(_method: str, path: str, _headers: dict[str, str]) -> Answer:
        if "last=" in path:
            return 200, {}, b'{"tags": ["3"]}'
        return 200, {"Link": link.format(url="http://inner.example:5000")}, b'{"tags": ["1", "2"]}'

    server.answer = answer
    with client.RegistryClient(server.url) as registry:
        assert registry.tags("a/b") == ["1", "2", "3"]


def test_pages_in_a_circle_end(server: Server) -> None:
    server.answer = lambda *_args: (200, {"Link": '</v2/a/b/tags/list>; rel="next"'}, b'{"tags": ["1"]}')
    with client.RegistryClient(server.url) as registry, pytest.raises(protocol.RegistryError, match="in a circle"):
        registry.tags("a/b")


def test_empty_lists(server: Server) -> None:
    server.answer = lambda *_args: (200, {}, b'{"tags": null}')
    with client.RegistryClient(server.url) as registry:
        assert registry.tags("a/b") == []


def test_blobs_elsewhere_are_fetched_without_the_password(server: Server) -> None:
    blob = b'{"os": "linux"}'

    def answer(_method: str, path: str, headers: dict[str, str]) -> Answer:
        if path == "/storage":
            return 200, {}, blob
        if "authorization" not in headers:
            return 401, {"WWW-Authenticate": 'Basic realm="lab"'}, b""
        return 307, {"Location": f"http://localhost:{server.port}/storage"}, b""

    server.answer = answer
    with client.RegistryClient(server.url, username="mira", password="secret") as registry:
        assert registry.blob_json("a/b", protocol.digest_of(blob)) == {"os": "linux"}
    assert ("GET", "/storage", "") in server.seen


def test_body_with_another_digest_is_refused(server: Server) -> None:
    server.answer = lambda *_args: (200, {"Docker-Content-Digest": "sha256:" + 64 * "0"}, b"{}")
    with client.RegistryClient(server.url) as registry:
        with pytest.raises(protocol.RegistryError, match="the body has the digest sha256:44136fa3"):
            registry.manifest("a/b", "1")
        with pytest.raises(protocol.RegistryError, match="the body has the digest"):
            registry.blob("a/b", "sha256:" + 64 * "1")


def test_repeats_what_may_pass_and_keeps_the_pause_that_was_asked_for(server: Server) -> None:
    answers: list[Answer] = [(429, {"Retry-After": "7"}, b""), (503, {}, b""), (200, {}, b'{"tags": ["1"]}')]
    server.answer = lambda *_args: answers.pop(0)
    pauses: list[float] = []
    with client.RegistryClient(server.url, sleep=pauses.append) as registry:
        assert registry.tags("a/b") == ["1"]
    assert pauses == [7.0, pytest.approx(0.3)]


def test_lower_limit_of_the_catalogue(server: Server) -> None:
    def answer(_method: str, path: str, _headers: dict[str, str]) -> Answer:
        return (400, {}, b"") if "n=1000" in path else (200, {}, b'{"repositories": ["a"]}')

    server.answer = answer
    with client.RegistryClient(server.url) as registry:
        assert registry.repositories() == ["a"]


@pytest.mark.parametrize("url", ["ftp://x", "http://", "https://x:port"])
def test_url_that_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="is not a registry's URL"):
        client.RegistryClient(url)
