# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tries an image: its notebook server is started as a spawner starts it, and has to answer.

The container has no network at all. What a server asks of its hub is answered from inside of the container's own
network by this program, so the trial needs neither the lab's hub nor anything of the image but the server.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import http.server
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from .._common import labels, probe, words

T = TypeVar("T")
NAME = "labserver-trial"
HOME = f"/home/{NAME}"
PREFIX = f"/user/{NAME}/"
PORT = 8888
HUB_PORT = 8081
USER = 64999
MEMORY_BYTES = 1 << 30
SECONDS = 60.0
PAUSE_SECONDS = 0.2
ANSWER_SECONDS = 2.0
OLDEST_VERSION = 5
VERSION_HEADER = "X-JupyterHub-Version"
CLONE_NEWNET = 0x40000000
LOG_OPTIONS = {"max-size": "16m", "max-file": "1"}
"""What an image writes lies on the host's disk until its trial ends; this is twice what is ever read of it."""
TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108


TROUBLE = (
    ("no matching manifest", "there is none for this server's processor; build it on this server or for its processor"),
    ("no space left on device", "it could not be fetched: the server's disk is full"),
    ("manifest unknown|blob unknown|not found", "it is no longer complete in the registry; push it again"),
    ("unauthorized|authentication required|denied", "it could not be fetched: the registry refuses the password"),
    ("no answer from the Docker engine", "it could not be fetched: Docker does not answer"),
    ("connection refused|no such host|timeout|timed out", "it could not be fetched: the registry does not answer"),
)
# What a server that does not start says, and what is wrong with its image, for whoever made it.
CAUSES = (
    (
        "exec format error",
        "it is made for another processor than this server's; build it on this server or for its processor",
    ),
    (
        "jupyterhub-singleuser.*(no such file|not found)",
        "it has no jupyterhub-singleuser; build it on an image of the lab, or install Python's jupyterhub in it",
    ),
    (
        "(permission denied|operation not permitted|must be (run as )?root|not permitted|read-only file system)",
        "it wants rights that a person's server does not have: servers run as the person, never as root, so its files "
        "have to be readable for everybody (chmod -R a+rX) and its entry point must not change users or owners",
    ),
)
SWALLOWED = 'its entry point ended without starting what it was given; let it end with: exec "$@"'


def cause(status: int, output: str) -> str:
    """Return what is wrong with an image whose server ended with ``status``, as far as its output tells."""
    for pattern, said in CAUSES:
        if re.search(pattern, output, re.IGNORECASE):
            return said
    return SWALLOWED if status == 0 else ""


@dataclass(frozen=True)
class Outcome:
    """What came of a trial: the ``version`` of the server that answered, or the exit ``status`` (None: it ran on)."""

    answered: bool
    version: str = ""
    status: int | None = None
    out_of_memory: bool = False
    output: str = ""
    memory_bytes: int = MEMORY_BYTES

    @property
    def slow(self) -> bool:
        """Whether it only took too long: a busy host may be the cause, so it is worth another trial."""
        return not self.answered and self.status is None

    def reason(self) -> str:
        """Return why the image cannot be offered, or an empty string. The hub works with version 5 and later."""
        last = words.clean(" ".join([line for line in self.output.splitlines() if line.strip()][-1:]), 200)
        if self.answered:
            major = self.version.split(".", maxsplit=1)[0]
            if not major.isdigit():
                return f"what answers in it is no server of JupyterHub {OLDEST_VERSION} or later"
            told = f"it has JupyterHub {self.version}; the hub needs {OLDEST_VERSION} or later"
            return "" if int(major) >= OLDEST_VERSION else told
        if self.out_of_memory:
            return f"its notebook server needs more than {self.memory_bytes >> 20} MiB to start"
        if self.status is None:
            return f"it runs, but no notebook server answered in it within {SECONDS:.0f} seconds: {last}"
        found, told = cause(self.status, self.output), f"(status {self.status}): {last}"
        return f"{found} {told}" if found else f"jupyterhub-singleuser cannot start in it {told}"


def memory(limits: Mapping[str, float]) -> int:
    """Return the bytes of a trial: no more than a server of the image would have by the image's own limit."""
    return int(min(MEMORY_BYTES, limits.get("memory_bytes", MEMORY_BYTES)))


def body(reference: str, memory_bytes: int = MEMORY_BYTES) -> dict[str, Any]:
    """Return the container of a trial: like a person's server, but without anything of the host and of the network."""
    hub = f"http://127.0.0.1:{HUB_PORT}/hub"
    environment = {
        "HOME": HOME,
        "USER": NAME,
        "SHELL": "/bin/bash",
        "JUPYTERHUB_API_TOKEN": "trial",
        "JUPYTERHUB_CLIENT_ID": f"jupyterhub-user-{NAME}",
        "JUPYTERHUB_HOST": "",
        "JUPYTERHUB_USER": NAME,
        "JUPYTERHUB_SERVER_NAME": "",
        "JUPYTERHUB_BASE_URL": "/",
        "JUPYTERHUB_DEFAULT_URL": "/lab",
        "JUPYTERHUB_DISABLE_USER_CONFIG": "1",
        "JUPYTERHUB_API_URL": f"{hub}/api",
        "JUPYTERHUB_ACTIVITY_URL": f"{hub}/api/users/{NAME}/activity",
        "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
        "JUPYTERHUB_SERVICE_URL": f"http://0.0.0.0:{PORT}{PREFIX}",
        "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{PREFIX}oauth_callback",
        "JUPYTERHUB_OAUTH_SCOPES": '["access:servers"]',
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": '["access:servers"]',
        "JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES": "[]",
    }
    return {
        "Image": reference,
        "User": f"{USER}:{USER}",
        "Cmd": ["jupyterhub-singleuser"],
        "Env": [f"{key}={value}" for key, value in environment.items()],
        "WorkingDir": HOME,
        "Labels": {labels.ROOM: "catalogue"},
        "HostConfig": {
            "NetworkMode": "none",
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "Tmpfs": {
                HOME: f"uid={USER},gid={USER},mode=0700,size=64m",
                # As in people's servers (labhub/servers/server.py): an image that keeps files there would lack them.
                **dict.fromkeys(TEMPORARY, "rw,exec,nosuid,nodev,mode=1777,size=256m"),
            },
            "Init": True,
            "LogConfig": {"Type": "json-file", "Config": dict(LOG_OPTIONS)},
            "Memory": memory_bytes,
            "MemorySwap": memory_bytes,
            "PidsLimit": 512,
        },
    }


def watch(
    state: Callable[[], Mapping[str, Any]],
    ask: Callable[[], str | None],
    *,
    seconds: float = SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[str | None, Mapping[str, Any]]:
    """Wait until the server answers or its container ends, at most ``seconds``; returns version and Docker's state.

    ``ask`` returns the version, empty when what answers tells none, and None as long as nothing answers.
    """
    waited = 0.0
    while True:
        now = state()
        version = ask() if now["Running"] else None
        if version is not None or not now["Running"] or waited >= seconds:
            return version, now
        sleep(PAUSE_SECONDS)
        waited += PAUSE_SECONDS


def outcome(
    version: str | None, state: Mapping[str, Any], log: Callable[[], str], memory_bytes: int = MEMORY_BYTES
) -> Outcome:
    """Return what a trial has shown."""
    if version is not None:
        return Outcome(True, version)
    status = None if state["Running"] else int(state["ExitCode"])
    return Outcome(False, "", status, bool(state.get("OOMKilled")), log(), memory_bytes)


def ask_server() -> str | None:
    """Ask the server in this network; see ``watch``."""
    try:
        answer = probe.ask(f"http://127.0.0.1:{PORT}{PREFIX}api", ANSWER_SECONDS)
        if answer.status != 200 or "version" not in json.loads(answer.body):
            return None
    except (OSError, ValueError, TypeError):
        return None
    return answer.headers.get(VERSION_HEADER.lower(), "")


def trouble(message: str) -> str:
    """Return what kept an image from being fetched and tried, for people, from what the engine said."""
    text = words.clean(message, 400)
    for pattern, said in TROUBLE:
        if re.search(pattern, text, re.IGNORECASE):
            return said
    text = re.sub(r"^[A-Z]+ /\S*: ", "", text)  # the request means nothing to people
    return f"it could not be fetched: {words.clean(text, 200)}"


class _Hub(http.server.BaseHTTPRequestHandler):
    """As much of a hub as a server asks for before it starts."""

    def do_GET(self) -> None:
        self._answer(200, b'{"version": "0"}')

    def do_POST(self) -> None:
        self._answer(200, b"{}")

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Say nothing."""


@contextlib.contextmanager
def hub(port: int = HUB_PORT) -> Iterator[int]:
    """Answer as a hub in this network; gives the port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), _Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


def in_network_of(process: int, work: Callable[[], T]) -> T:
    """Do ``work`` in the network of another process; raises FileNotFoundError when that has ended (0: it never began).

    A network belongs to a thread, so a thread of its own goes there, and ends afterwards.
    """
    result: concurrent.futures.Future[T] = concurrent.futures.Future()

    def enter_and_work() -> None:
        try:
            descriptor = os.open(f"/proc/{process or 'none'}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                libc = ctypes.CDLL(None, use_errno=True)  # os.setns came with Python 3.12 only
                if libc.setns(descriptor, CLONE_NEWNET) != 0:
                    number = ctypes.get_errno()
                    raise OSError(number, os.strerror(number))
            finally:
                os.close(descriptor)
            result.set_result(work())
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=enter_and_work, daemon=True).start()
    return result.result()
