# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels that count, watched over websockets as JupyterLab does it: whoever loses the connection comes back to it."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import uuid

import websocket
from hub_client import HubClient, execute_request

CODE = "import time\nfor number in range(10**6):\n    print(number, flush=True)\n    time.sleep(0.1)"
RETRY_SECONDS = 0.5


class Counter:
    """One kernel that counts. Its messages are read until it is ended, over as many connections as that takes."""

    def __init__(self, client: HubClient) -> None:
        """``client`` is logged in and has a server that is ready."""
        self.client = client
        answer = client.api("POST", f"/user/{client.name}/api/kernels", json={"name": "python3"})
        assert answer.status_code == 201, answer.text
        self.identity = answer.json()["id"]
        # The server keeps for a session what its kernel says while nobody listens.
        self.path = f"/user/{client.name}/api/kernels/{self.identity}/channels?session_id={uuid.uuid4().hex}"
        self.connections, self.longest_pause, self.idle = 0, 0.0, False
        self.text = ""
        self._heard = time.monotonic()
        self._over = threading.Event()
        self._socket = self._connect()
        self._sent = self._send()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _connect(self) -> websocket.WebSocket:
        socket = self.client.socket(self.path)
        self.connections += 1
        return socket

    def _send(self) -> str:
        identity, text = execute_request(CODE)
        self._socket.send(text)
        return identity

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                message = json.loads(self._socket.recv())
            except (OSError, ValueError, websocket.WebSocketException):
                self._reconnect()
                continue
            if message["parent_header"].get("msg_id") != self._sent:
                continue
            if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
                now = time.monotonic()
                self.longest_pause, self._heard = max(self.longest_pause, now - self._heard), now
                self.text += message["content"]["text"]
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                self.idle = True
                return

    def _reconnect(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(OSError, websocket.WebSocketException):
                self._socket.close()
            try:
                self._socket = self._connect()
            except (OSError, websocket.WebSocketException):
                time.sleep(RETRY_SECONDS)
            else:
                return

    def end(self, seconds: float = 60) -> list[int]:
        """Interrupt the kernel, wait for its last message, and return the numbers that came, in their order."""
        deadline = time.monotonic() + seconds
        self.client.api("POST", f"/user/{self.client.name}/api/kernels/{self.identity}/interrupt")
        self._thread.join(max(0.0, deadline - time.monotonic()))
        assert self.idle, "the kernel's last message did not come"
        self._over.set()
        self._socket.close()
        self.client.api("DELETE", f"/user/{self.client.name}/api/kernels/{self.identity}")
        return [int(line) for line in self.text.split()]
