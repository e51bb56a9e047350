# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the catalogue asks of the Docker engine: is an image here, fetch it, and try it in a container."""

from __future__ import annotations

import base64
import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from .._common.docker_api import DockerEngine, EngineError
from . import trial
from .packages import QUESTION, Packages, parse

LOG_CHARACTERS = 4000
ENDED_SECONDS = 10
ASKING_SECONDS = 60
TOLD_BYTES = 8 << 20
"""More than any image's list of packages has: whoever pushes an image decides what it writes."""


class Engine:
    """The host's engine."""

    def __init__(self, api: DockerEngine):
        self.api = api

    def has(self, reference: str) -> bool:
        """Tell whether an image is on this host."""
        try:
            self.api.get(f"/images/{reference}/json")
        except EngineError as error:
            if error.status == 404:
                return False
            raise
        return True

    def pull(self, reference: str, username: str, password: str) -> None:
        """Fetch an image by its digest; raises EngineError with the engine's words."""
        login = json.dumps({"username": username, "password": password}).encode()
        headers = {"X-Registry-Auth": base64.urlsafe_b64encode(login).decode()} if username else {}
        for _event in self.api.stream("POST", "/images/create", query={"fromImage": reference}, headers=headers):
            pass

    def remove(self, reference: str) -> bool:
        """Remove an image from this host; False when a container, even one that is stopped, is made from it."""
        try:
            self.api.request("DELETE", f"/images/{reference}")
        except EngineError as error:
            if error.status not in (404, 409):
                raise
            return error.status == 404  # somebody else removed it
        return True

    def run(self, name: str, body: Mapping[str, Any]) -> tuple[int, str]:
        """Run a container to its end, remove it, and return exit status and the end of its output."""
        with self._container(name, body) as identity:
            status = int(self.api.request("POST", f"/containers/{identity}/wait")["StatusCode"])
            return status, self._log(identity)

    def packages(self, name: str, reference: str) -> Packages:
        """Ask an image what is in it; raises EngineError, or ValueError when it does not tell."""
        asking = trial.body(reference)
        asking |= {"Entrypoint": ["python3", "-c", QUESTION], "Cmd": []}
        with self._container(name, asking) as identity:
            end = time.monotonic() + ASKING_SECONDS
            while self.api.get(f"/containers/{identity}/json")["State"]["Running"]:
                if time.monotonic() > end:
                    raise ValueError(f"it did not tell its packages within {ASKING_SECONDS} seconds")
                time.sleep(trial.PAUSE_SECONDS)
            return parse(demultiplex(self.api.raw(f"/containers/{identity}/logs", most_bytes=TOLD_BYTES, stdout="1")))

    def try_out(self, name: str, reference: str, memory_bytes: int = trial.MEMORY_BYTES) -> trial.Outcome:
        """Start an image's notebook server, see whether it answers, and remove it."""
        with self._container(name, trial.body(reference, memory_bytes)) as identity:

            def state() -> Mapping[str, Any]:
                found: Mapping[str, Any] = self.api.get(f"/containers/{identity}/json")["State"]
                return found

            def there() -> tuple[str | None, Mapping[str, Any]]:
                with trial.hub():
                    return trial.watch(state, trial.ask_server)

            try:
                version, now = trial.in_network_of(int(state()["Pid"]), there)
            except (FileNotFoundError, ProcessLookupError):
                # Who ends at once has taken the network along; the engine may hear of it a moment later.
                version, now = trial.watch(state, lambda: None, seconds=ENDED_SECONDS)
            return trial.outcome(version, now, lambda: self._log(identity), memory_bytes)

    @contextlib.contextmanager
    def _container(self, name: str, body: Mapping[str, Any]) -> Iterator[str]:
        self._remove(name)  # left over when this service was killed
        identity: str = self.api.request("POST", "/containers/create", body, {"name": name})["Id"]
        try:
            self.api.request("POST", f"/containers/{identity}/start")
            yield identity
        finally:
            self._remove(identity)

    def _log(self, identity: str) -> str:
        log = self.api.raw(f"/containers/{identity}/logs", most_bytes=TOLD_BYTES, stdout="1", stderr="1", tail="40")
        return demultiplex(log)[-LOG_CHARACTERS:]

    def _remove(self, name: str) -> None:
        try:
            self.api.request("DELETE", f"/containers/{name}", query={"force": "1", "v": "1"})
        except EngineError as error:
            if error.status != 404:
                raise


def demultiplex(raw: bytes) -> str:
    """Return the text of a log in which each piece has an eight byte header."""
    pieces, position = [], 0
    while position + 8 <= len(raw):
        length = int.from_bytes(raw[position + 4 : position + 8], "big")
        pieces.append(raw[position + 8 : position + 8 + length])
        position += 8 + length
    return b"".join(pieces).decode(errors="replace")
