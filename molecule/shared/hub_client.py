# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person at a browser, in few lines: logs in to a hub over HTTP, starts a server and runs cells in a kernel."""

from __future__ import annotations

import json
import time
import typing as t
import uuid
from dataclasses import dataclass, field

import requests
import websocket


@dataclass
class HubClient:
    """One browser session. ``url`` is the hub's address without a slash at the end."""

    url: str
    name: str
    verify: str | bool = True
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.verify = self.verify

    def xsrf(self, path: str = "/hub/") -> str:
        """Return the token against cross-site requests whose cookie belongs to the longest part of ``path``."""
        cookies = [cookie for cookie in self.session.cookies if cookie.name == "_xsrf" and path.startswith(cookie.path)]
        return max(cookies, key=lambda cookie: len(cookie.path)).value or ""

    def login(self, password: str) -> requests.Response:
        """Post the login form and return the last answer; ``logged_in`` tells whether it worked."""
        self.session.get(f"{self.url}/hub/login", timeout=60)
        form = {"username": self.name, "password": password, "_xsrf": self.xsrf()}
        return self.session.post(f"{self.url}/hub/login", data=form, timeout=60)

    @property
    def logged_in(self) -> bool:
        answer = self.session.get(f"{self.url}/hub/home", timeout=60)
        return answer.status_code == 200 and "/hub/login" not in answer.url

    def change_password(self, old: str, new: str) -> requests.Response:
        page = f"{self.url}/hub/change-password"
        self.session.get(page, timeout=60)
        form = {"old": old, "new": new, "again": new, "next": "", "_xsrf": self.xsrf()}
        return self.session.post(page, data=form, timeout=60)

    def spawn(self, timeout_seconds: float = 90, **options: str) -> None:
        """Start the server and wait until it answers; raise AssertionError with the hub's words if it does not."""
        self.session.get(f"{self.url}/hub/home", timeout=60)
        headers = {"X-XSRFToken": self.xsrf(), "Referer": f"{self.url}/hub/home"}
        server = f"{self.url}/hub/api/users/{self.name}/server"
        answer = self.session.post(server, json=options, headers=headers, timeout=60)
        # With one image to choose from, the login itself has started the server already.
        assert answer.status_code in (201, 202) or "already" in answer.text, answer.text
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            answer = self.session.get(f"{self.url}/user/{self.name}/api/status", timeout=60)
            if answer.ok and "started" in answer.text:
                self.session.get(f"{self.url}/user/{self.name}/lab", timeout=60)  # sets the server's own cookies
                return
            time.sleep(0.5)
        raise AssertionError(
            f"no server of {self.name} after {timeout_seconds} s: {answer.status_code} {answer.text[-500:]}"
        )

    def stop(self) -> int:
        self.session.get(f"{self.url}/hub/home", timeout=60)
        headers = {"X-XSRFToken": self.xsrf(), "Referer": f"{self.url}/hub/home"}
        return self.session.delete(
            f"{self.url}/hub/api/users/{self.name}/server", headers=headers, timeout=60
        ).status_code

    def run(self, code: str, timeout_seconds: float = 60) -> str:
        """Run a cell in a new kernel and return what it printed; an exception in the cell raises AssertionError."""
        base = f"/user/{self.name}"
        headers = {"X-XSRFToken": self.xsrf(base + "/"), "Referer": f"{self.url}{base}/lab"}
        answer = self.session.post(
            f"{self.url}{base}/api/kernels", json={"name": "python3"}, headers=headers, timeout=60
        )
        assert answer.status_code == 201, f"{answer.status_code} {answer.text[:500]}"
        kernel = answer.json()["id"]
        try:
            return self._run_in(kernel, code, timeout_seconds)
        finally:
            self.session.delete(f"{self.url}{base}/api/kernels/{kernel}", headers=headers, timeout=60)

    def _run_in(self, kernel: str, code: str, timeout_seconds: float) -> str:
        cookies = "; ".join(
            f"{cookie.name}={cookie.value}"
            for cookie in self.session.cookies
            if f"/user/{self.name}/".startswith(cookie.path)
        )
        address = self.url.replace("http", "ws", 1) + f"/user/{self.name}/api/kernels/{kernel}/channels"
        options = {"ca_certs": self.verify} if isinstance(self.verify, str) else None
        connection = websocket.create_connection(
            address, timeout=timeout_seconds, cookie=cookies, origin=self.url, suppress_origin=False, sslopt=options
        )
        try:
            message = uuid.uuid4().hex
            header = {
                "msg_id": message,
                "username": "",
                "session": uuid.uuid4().hex,
                "msg_type": "execute_request",
                "version": "5.3",
            }
            content = {
                "code": code,
                "silent": False,
                "store_history": False,
                "user_expressions": {},
                "allow_stdin": False,
            }
            request = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
            connection.send(json.dumps(request))
            return self._collect(connection, message)
        finally:
            connection.close()

    @staticmethod
    def _collect(connection: t.Any, message: str) -> str:
        output = ""
        while True:
            answer = json.loads(connection.recv())
            if answer.get("parent_header", {}).get("msg_id") != message:
                continue
            content = answer["content"]
            match answer["header"]["msg_type"]:
                case "stream":
                    output += content["text"]
                case "error":
                    raise AssertionError(f"{content['ename']}: {content['evalue']}")
                case "status" if content["execution_state"] == "idle":
                    return output
