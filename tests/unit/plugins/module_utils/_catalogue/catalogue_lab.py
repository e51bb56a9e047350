# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry, an engine and the catalogue between them, without any of the three."""

from __future__ import annotations

import json
import threading
import typing as t
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.packages import Packages
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.registry import ImageError
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.service import Service
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.signed import Signed
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.trial import Outcome
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.protect import ProtectionError
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.protocol import RegistryError


def sha(letter: str) -> str:
    return "sha256:" + letter * 64


class FakeRegistry:
    """A registry: repository -> tag -> digest."""

    def __init__(self) -> None:
        self.content: dict[str, dict[str, str]] = {"notebook": {"1.0": sha("a")}}
        self.labels: dict[str, dict[str, str]] = {}
        self.away = False
        self.odd: set[str] = set()
        self.silent: dict[str, int | None] = {}  # repository, repository:tag or digest -> the status of the answer
        self.artifacts: set[str] = set()
        self.signed: dict[str, list[tuple[bytes, bytes]]] = {}  # digest of a list -> what was signed, and signatures
        self.asked: list[str] = []

    def repositories(self) -> list[str]:
        if self.away:
            raise RegistryError("connection refused")
        return sorted(self.content)

    def tags(self, repository: str) -> list[str]:
        self._answer(repository)
        return sorted(self.content[repository])

    def _answer(self, what: str) -> None:
        if what in self.silent:
            raise RegistryError(f"GET {what}: HTTP {self.silent[what]}", self.silent[what])

    def digest(self, repository: str, reference: str) -> str | None:
        self._answer(f"{repository}:{reference}")
        return self.content[repository].get(reference)

    def description(self, repository: str, digest: str) -> tuple[Mapping[str, str], str, int] | None:
        self._answer(digest)
        if digest in self.artifacts:
            return None
        if digest in self.odd:
            raise ImageError("it is not made for this kind of processor")
        return self.labels.get(digest, {}), "2026-11-20T09:00:00Z", 123

    def signatures(self, repository: str, reference: str) -> list[tuple[bytes, bytes]]:
        self._answer(reference)
        self.asked.append(reference)
        if reference in self.odd:
            raise ImageError("it is no list of signatures")
        return self.signed[reference]


class FakeEngine:
    """An engine: what is here, what was fetched, and how servers come up."""

    def __init__(self) -> None:
        self.here: set[str] = set()
        self.pulled: list[str] = []
        self.tried: list[int] = []
        self.asked: list[str] = []
        self.content: dict[str, dict[str, str]] = {}
        self.silent: set[str] = set()
        self.results: dict[str, Outcome] = {}
        self.hanging: dict[str, threading.Event] = {}
        self.full = False
        self.error = ""
        self.used_by_containers: set[str] = set()
        self.seen_while_pulling: t.Callable[[], None] = lambda: None

    def has(self, reference: str) -> bool:
        return reference in self.here

    def pull(self, reference: str, username: str, password: str) -> None:
        assert (username, password) == ("puller", "secret")
        self.seen_while_pulling()
        if self.error:
            raise EngineError(self.error, 500)
        if self.full:
            raise EngineError("no space left on device", 500)
        self.pulled.append(reference)
        self.here.add(reference)

    def remove(self, reference: str) -> bool:
        if reference in self.used_by_containers:
            return False
        self.here.discard(reference)
        return True

    def try_out(self, name: str, reference: str, memory_bytes: int) -> Outcome:
        self.tried.append(memory_bytes)
        if reference in self.hanging:
            self.hanging[reference].wait(60)
        return self.results.get(reference, Outcome(True, "6.1.1"))

    def packages(self, name: str, reference: str) -> Packages:
        self.asked.append(reference)
        digest = reference.partition("@")[2]
        if digest in self.silent:
            raise ValueError("it is no list of packages")
        return Packages(self.content.get(digest, {"Python": "3.13.5"}), {})


class Lab:
    """One catalogue with its surroundings."""

    def __init__(self, folder: Path) -> None:
        self.registry, self.engine, self.now = FakeRegistry(), FakeEngine(), 1000.0
        self.settings: dict[str, t.Any] = {
            "registry": "127.0.0.1:5000",
            "output": str(folder / "images.json"),
            "repositories": ["*"],
        }
        self.said: list[str] = []
        self.used: set[str] | None = set()
        self.restart()

    def restart(self, pool: ThreadPoolExecutor | None = None) -> None:
        self.service = Service(
            self.settings,
            self.registry,
            t.cast(t.Any, self.engine),
            credentials=lambda: ("puller", "secret"),
            clock=lambda: self.now,
            say=self.said.append,
            pool=pool,
            used=self.uses,
            signed=Signed.of_settings(self.settings, self.said.append),
        )

    def uses(self) -> set[str]:
        if self.used is None:
            raise ProtectionError("choices.json is missing")
        return self.used

    def days(self, count: float) -> None:
        self.now += count * 86400
        self.service.round()

    def document(self) -> dict[str, t.Any]:
        return t.cast(dict[str, t.Any], json.loads(Path(self.settings["output"]).read_text()))

    def states(self) -> dict[str, str]:
        return {f"{one['repository']}:{one['tag']}": one["state"] for one in self.document()["images"]}
