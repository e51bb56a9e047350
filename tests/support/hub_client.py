# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person at the hub, by HTTP and websocket alone: what tests and benchmarks do with a server that runs.

It knows nothing of the roles and of the hub's package, so that it can prove what they made.
"""

from __future__ import annotations

import base64
import contextlib
import html
import json
import queue
import re
import ssl
import threading
import time
import urllib.parse
import uuid
from typing import Any

import requests
import websocket


class HubClient:
    """One browser session of one person. ``base`` is the hub's address, such as ``http://127.0.0.1:8000``."""

    def __init__(self, base: str, name: str, verify: bool | str = True):
        self.base, self.name = base.rstrip("/"), name
        self.session = requests.Session()
        self.session.verify = verify
        # REQUESTS_CA_BUNDLE in the environment would win over `verify`.
        self.session.trust_env = False
        # Browsers say so; JupyterHub keeps its checks against forged requests for those.
        self.session.headers["Sec-Fetch-Mode"] = "navigate"

    def _xsrf(self, path: str) -> str:
        wanted = urllib.parse.urlsplit(self.base + path).path
        fitting = [c for c in self.session.cookies if c.name == "_xsrf" and wanted.startswith(c.path)]
        return max(fitting, key=lambda cookie: len(cookie.path)).value or "" if fitting else ""

    def get(self, path: str, **options: Any) -> requests.Response:
        """Get a page of the hub, following redirects unless told otherwise."""
        return self.session.get(self.base + path, timeout=60, **options)

    def post(self, path: str, data: dict[str, str], **options: Any) -> requests.Response:
        """Send a form with the token against forged requests."""
        body = {"_xsrf": self._xsrf(path), **data}
        return self.session.post(self.base + path, data=body, timeout=120, **options)

    def login(self, password: str) -> requests.Response:
        """Log in; the answer is the first redirect (302) or the login page with the refusal (403)."""
        self.get("/hub/login")
        return self.post("/hub/login", {"username": self.name, "password": password}, allow_redirects=False)

    def change_password(self, old: str, new: str, again: str | None = None) -> str:
        """Change the password; returns the page's objection, or an empty string."""
        assert self.get("/hub/change-password").status_code == 200
        answer = self.post(
            "/hub/change-password",
            {"old": old, "new": new, "again": new if again is None else again},
            allow_redirects=False,
        )
        if answer.status_code == 302:
            return ""
        found = re.search(r'id="password-message">(.*?)</div>', answer.text, re.DOTALL)
        return html.unescape(found.group(1)).strip() if found else f"HTTP {answer.status_code}"

    def images(self) -> list[str]:
        """Return the images on the page that starts a server (empty: there is no form)."""
        page = self.get("/hub/spawn", allow_redirects=False).text
        return [html.unescape(value) for value in re.findall(r"name='image' id='[^']*' value='([^']*)'", page)]

    def start(self, image: str | None = None) -> requests.Response:
        """Ask for a server; with no image the form is not used. Does not wait for it."""
        if image is None:
            return self.get("/hub/spawn", allow_redirects=False)
        self.get("/hub/spawn", allow_redirects=False)
        return self.post("/hub/spawn", {"image": image}, allow_redirects=False)

    def server(self) -> dict[str, Any] | None:
        """Return what the hub's API says about the person's server, None when there is none."""
        answer = self.api("GET", f"/hub/api/users/{self.name}")
        servers = answer.json().get("servers") or {}
        found: dict[str, Any] | None = servers.get("")
        return found

    def api(self, method: str, path: str, **options: Any) -> requests.Response:
        """Call the REST API of hub or server with the session's cookies, as a page does."""
        headers = {"X-XSRFToken": self._xsrf(path), "Sec-Fetch-Mode": "cors", "Referer": self.base + "/hub/home"}
        return self.session.request(method, self.base + path, headers=headers, timeout=120, **options)

    def wait_ready(self, seconds: float = 60) -> float:
        """Wait until the server answers its owner; returns how long, raises AssertionError with the hub's words."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            state = self.server()
            if state and state["ready"]:
                # The first visit brings the cookie of the server (OAuth).
                assert self.get(f"/user/{self.name}/lab").status_code == 200
                return time.monotonic() - began
            if state is None:
                raise AssertionError(self.failure())
            time.sleep(0.1)
        raise AssertionError(f"the server of {self.name} is not ready after {seconds} s: {self.server()}")

    def failure(self) -> str:
        """Return the text of the page about a server that did not start."""
        page = self.get(f"/hub/spawn-pending/{self.name}").text
        text = re.sub(r"<script.*?</script>|<style.*?</style>", " ", page, flags=re.DOTALL)
        text = html.unescape(re.sub(r"<[^>]+>", " ", text))
        return re.sub(r"\s+", " ", text).strip()

    def stop(self) -> None:
        """Stop the server and wait until it is gone."""
        self.api("DELETE", f"/hub/api/users/{self.name}/server")
        for _ in range(200):
            if self.server() is None:
                return
            time.sleep(0.1)
        raise AssertionError(f"the server of {self.name} does not stop")

    def announcements(self) -> list[dict[str, Any]]:
        """Return what is announced to the person now."""
        found: list[dict[str, Any]] = self.get("/hub/announcements").json()["announcements"]
        return found

    def socket(self, path: str) -> websocket.WebSocket:
        """Open a websocket of the person's server, as a page does."""
        cookies = requests.cookies.get_cookie_header(self.session.cookies, requests.Request("GET", self.base + path))
        verify = self.session.verify
        trust = {"cert_reqs": ssl.CERT_NONE} if verify is False else {} if verify is True else {"ca_certs": verify}
        return websocket.create_connection(
            re.sub("^http", "ws", self.base) + path,
            timeout=60,
            origin=self.base,
            cookie=cookies,
            header=[f"X-XSRFToken: {self._xsrf(path)}"],
            sslopt=trust,
        )

    def terminal(self, command: str) -> websocket.WebSocket:
        """Run a command in a new terminal; the socket may be closed, the command goes on."""
        answer = self.api("POST", f"/user/{self.name}/api/terminals")
        assert answer.status_code == 200, answer.text
        socket = self.socket(f"/user/{self.name}/terminals/websocket/{answer.json()['name']}")
        socket.send(json.dumps(["stdin", command + "\r"]))
        return socket

    def kernel(self, spec: str = "python3") -> Kernel:
        """Start a kernel on the person's server."""
        answer = self.api("POST", f"/user/{self.name}/api/kernels", json={"name": spec})
        assert answer.status_code == 201, answer.text
        return Kernel(self, answer.json()["id"])


def execute_request(code: str) -> tuple[str, str]:
    """Return identity and text of the message that asks a kernel to run code."""
    identity = uuid.uuid4().hex
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    message = {
        "header": {"msg_id": identity, "msg_type": "execute_request", "username": "", "session": identity,
                   "version": "5.3", "date": ""},
        "parent_header": {}, "metadata": {}, "content": content, "channel": "shell",
    }  # fmt: skip
    return identity, json.dumps(message)


class Kernel:
    """A kernel with an open websocket.

    A thread reads it all the time, as a browser does: Jupyter Server closes a socket that has not answered its pings
    for 90 seconds, and a test may wait longer than that between two runs.
    """

    def __init__(self, client: HubClient, identity: str):
        self.client, self.identity = client, identity
        self.socket = client.socket(f"/user/{client.name}/api/kernels/{identity}/channels")
        self._answers: queue.SimpleQueue[str | bytes] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(websocket.WebSocketException, OSError):
            while self.socket.connected:
                with contextlib.suppress(websocket.WebSocketTimeoutException):
                    self._answers.put(self.socket.recv())
        self._answers.put("")

    def send(self, code: str) -> str:
        """Send code to be run and do not wait; returns the message's identity."""
        identity, text = execute_request(code)
        self.socket.send(text)
        return identity

    def run(self, code: str, seconds: float = 60) -> str:
        """Run code and return what it printed; an exception of the code becomes an AssertionError."""
        return self._run(code, seconds)[0]

    def pictures(self, code: str, seconds: float = 60) -> list[bytes]:
        """Run code and return the PNG pictures that it showed."""
        return self._run(code, seconds)[1]

    def _run(self, code: str, seconds: float) -> tuple[str, list[bytes]]:
        identity = self.send(code)
        printed: list[str] = []
        pictures: list[bytes] = []
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                text = self._answers.get(timeout=left)
            except queue.Empty:
                break
            if not text:
                raise AssertionError("the websocket of the kernel was closed")
            answer = json.loads(text)
            if answer["parent_header"].get("msg_id") != identity:
                continue
            if answer["msg_type"] == "stream":
                printed.append(answer["content"]["text"])
            elif answer["msg_type"] in ("display_data", "execute_result"):
                pictures += [base64.b64decode(data) for data in [answer["content"]["data"].get("image/png")] if data]
            elif answer["msg_type"] == "error":
                raise AssertionError("\n".join(answer["content"]["traceback"]))
            elif answer["msg_type"] == "status" and answer["content"]["execution_state"] == "idle":
                return "".join(printed), pictures
        raise AssertionError(f"no answer of the kernel within {seconds} s")

    def end(self) -> None:
        """End the kernel: many of them would fill the memory of a small server."""
        self.socket.close()
        self.client.api("DELETE", f"/user/{self.client.name}/api/kernels/{self.identity}")
