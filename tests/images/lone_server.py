# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One person's server of an image, as a hub would start it, with a home on the host."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import image_builds
import requests
import websocket
from image_builds import docker
from paths import CHECKOUT

TOKEN = "token-of-a-test"
UID = 5001
READY_SECONDS = 180


def image() -> str:
    """Return the name of the notebook image, which is built when it is not here."""
    return os.environ.get("LABSERVER_NOTEBOOK_IMAGE") or image_builds.image("notebook")


class _Hub(http.server.BaseHTTPRequestHandler):
    """Answers what a server asks its hub."""

    protocol_version = "HTTP/1.1"
    people: Mapping[str, tuple[str, str]] = {}
    """Login and full names by tokens; whoever has another is alice."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body: dict[str, Any] = {"version": "6.1.1"}
        if self.path.startswith("/hub/api/user"):
            scopes = ["access:servers!user=alice", "access:servers"]
            token = self.headers.get("Authorization", "").partition(" ")[2]
            name, full_name = self.people.get(token, ("alice", "Alice"))
            body = {"kind": "user", "name": name, "admin": False, "groups": [], "scopes": scopes}
            body["user_info"] = {"name": full_name, "display_name": full_name}
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("X-JupyterHub-Version", "6.1.1")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _answer  # noqa: N815

    def log_message(self, *_arguments: Any) -> None:
        pass


@contextmanager
def hub(people: Mapping[str, tuple[str, str]] | None = None) -> Iterator[str]:
    """Stand in for the hub; gives its address as containers see it. ``people``: who has which token."""
    handler = type("_Hub", (_Hub,), {"people": people or {}})
    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    gateway = docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    try:
        yield f"http://{gateway}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Server:
    """One person's server. Its home is a folder of the host."""

    def __init__(self, image: str, home: Path, hub_address: str, *more: str, runtime: str = "/dev/shm/jupyter"):
        self.name = f"labserver-test-notebook-{CHECKOUT}-{uuid.uuid4().hex[:8]}"
        scopes = '["access:servers!user=alice"]'
        environment = {
            "HOME": "/home/alice",
            "JUPYTER_RUNTIME_DIR": runtime,
            "JUPYTERHUB_API_TOKEN": TOKEN,
            "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-alice",
            "JUPYTERHUB_API_URL": f"{hub_address}/hub/api",
            "JUPYTERHUB_ACTIVITY_URL": f"{hub_address}/hub/api/users/alice/activity",
            "JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:8888/user/alice/",
            "JUPYTERHUB_SERVICE_PREFIX": "/user/alice/",
            "JUPYTERHUB_USER": "alice",
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_OAUTH_CALLBACK_URL": "/user/alice/oauth_callback",
            "JUPYTERHUB_OAUTH_SCOPES": scopes,
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES": scopes,
            "JUPYTERHUB_DISABLE_USER_CONFIG": "1",
        }
        options = [option for key, value in environment.items() for option in ("-e", f"{key}={value}")]
        docker("run", "-d", "--init", "--name", self.name, "--user", f"{UID}:{UID}", "--cap-drop", "ALL", *options,
               "-v", f"{home}:/home/alice", "-w", "/home/alice", *more, image, "jupyterhub-singleuser")  # fmt: skip
        address = docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", self.name)
        self.address = f"{address}:8888/user/alice"
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"token {TOKEN}"

    def __enter__(self) -> Server:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                self.ask("GET", "/api").raise_for_status()
                return self
            except requests.RequestException:
                running = docker("inspect", "-f", "{{.State.Running}}", self.name) == "true"
                log = self.log()
                if not running or time.monotonic() > deadline:
                    self.__exit__()
                    raise AssertionError(f"the server did not start:\n{log}") from None
                time.sleep(0.2)

    def __exit__(self, *_error: object) -> None:
        docker("rm", "-f", self.name)

    def log(self) -> str:
        """Return what the server has written."""
        done = subprocess.run(["docker", "logs", self.name], capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    def ask(self, method: str, path: str, body: object = None) -> requests.Response:
        """Ask the server's API."""
        return self._session.request(method, f"http://{self.address}{path}", json=body, timeout=60)

    def run(self, code: str) -> str:
        """Run code in a new kernel; returns what it prints. An error of the code is printed."""
        answer = self.ask("POST", "/api/kernels", {"name": "python3"})
        assert answer.status_code == 201, answer.text
        channel = f"ws://{self.address}/api/kernels/{answer.json()['id']}/channels"
        socket = websocket.create_connection(channel, header=[f"Authorization: token {TOKEN}"], timeout=120)
        try:
            header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": "s",
                      "date": "2026-01-01T00:00:00Z", "version": "5.3"}  # fmt: skip
            content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
            socket.send(json.dumps({"channel": "shell", "header": header, "parent_header": {}, "metadata": {},
                                    "content": content, "buffers": []}))  # fmt: skip
            printed = ""
            while True:
                message = json.loads(socket.recv())
                if message["parent_header"].get("msg_id") != header["msg_id"]:
                    continue
                if message["msg_type"] == "stream":
                    printed += message["content"]["text"]
                elif message["msg_type"] == "error":
                    printed += "\n".join(message["content"]["traceback"])
                elif message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                    return printed
        finally:
            socket.close()
