# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver catalogue``: watches the lab's registry and keeps images.json, so that the hub never waits for an image.

A tag that is pushed is fetched to this host, tried, and then offered. The registry being away changes nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from .._common import files
from .._common.docker_api import DockerEngine, EngineError
from .._hub import passwords
from .._registry.client import RegistryClient, RegistryError
from . import model as catalogue
from .engine import Engine

DEFAULT_SETTINGS = "/etc/labserver/hub/catalogue.json"
BROKEN_AGAIN_SECONDS = 600
"""A fetch that failed (disk full, registry gone in the middle) is tried again after this time."""
AT_ONCE = 3
"""So many images are fetched and tried at once: one that hangs, or is large, does not hold up the others."""


class ImageError(Exception):
    """One image of the registry is not as it has to be; others are not concerned."""


class Registry(Protocol):
    """What the service asks of a registry."""

    def repositories(self) -> list[str]: ...

    def tags(self, repository: str) -> list[str]: ...

    def digest(self, repository: str, reference: str) -> str | None: ...

    def description(self, repository: str, digest: str) -> tuple[Mapping[str, str], str, int]:
        """Return labels, time of creation and size in bytes of an image; raises ImageError when it has none."""


class LabRegistry:
    """The lab's registry by its HTTP API. ``client`` is made anew after an error, since passwords may be rotated."""

    def __init__(self, settings: Mapping[str, Any]):
        self._settings = settings
        self._client: RegistryClient | None = None

    def credentials(self) -> tuple[str, str]:
        """Return user name and password for pulling."""
        path = Path(self._settings["password_file"]) if self._settings.get("password_file") else None
        return self._settings.get("username", ""), path.read_text().strip() if path and path.exists() else ""

    def client(self) -> RegistryClient:
        """Return the client, made when needed."""
        if self._client is None:
            username, password = self.credentials()
            self._client = RegistryClient(
                self._settings["url"], username=username or None, password=password, timeout=5, retries=0
            )
        return self._client

    def forget(self) -> None:
        """Make a new client next time."""
        if self._client is not None:
            self._client.close()
        self._client = None

    def repositories(self) -> list[str]:
        return self.client().repositories()

    def tags(self, repository: str) -> list[str]:
        return self.client().tags(repository)

    def digest(self, repository: str, reference: str) -> str | None:
        return self.client().digest(repository, reference)

    def description(self, repository: str, digest: str) -> tuple[Mapping[str, str], str, int]:
        try:
            return self._description(repository, digest)
        except RegistryError as error:
            if error.status != 404:
                raise
            raise ImageError(f"a part of it is missing in the registry: {error}") from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ImageError(f"it is no image of a container ({type(error).__name__}: {error})") from error

    def _description(self, repository: str, digest: str) -> tuple[Mapping[str, str], str, int]:
        manifest = json.loads(self.client().manifest(repository, digest).body)
        if "manifests" in manifest:  # an index: one image for each kind of processor
            fitting = [
                one for one in manifest["manifests"] if one.get("platform", {}).get("architecture") == _machine()
            ]
            if not fitting:
                raise ImageError(f"it is not made for this kind of processor ({_machine()})")
            manifest = json.loads(self.client().manifest(repository, fitting[0]["digest"]).body)
        configuration = self.client().blob_json(repository, manifest["config"]["digest"])
        labels = (configuration.get("config") or {}).get("Labels") or {}
        return labels, configuration.get("created") or "", sum(layer.get("size", 0) for layer in manifest["layers"])


def _machine() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)


def tell(text: str) -> None:
    """Write a line for the service's log."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _end(*_signal: object) -> None:
    os._exit(0)  # a fetch that is under way is not waited for; the next start tries again


class Service:
    """One catalogue. Clock, registry and engine are handed in."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        registry: Registry,
        docker: Engine,
        *,
        credentials: Callable[[], tuple[str, str]],
        clock: Callable[[], float] = time.time,
        say: Callable[[str], None] = tell,
        pool: Executor | None = None,
    ):
        """``pool``: where images are fetched and tried beside each other; without one a round waits for each."""
        self.settings = settings
        self.registry = registry
        self.docker = docker
        self.output = Path(settings["output"])
        self._credentials = credentials
        self._clock = clock
        self._say = say
        self._descriptions: dict[tuple[str, str], tuple[Mapping[str, str], str, int]] = {}
        self._failed_at: dict[str, float] = {}
        self._pool = pool
        self._under_way: dict[str, Future[catalogue.Entry]] = {}
        self._written: dict[str, catalogue.Entry] = {}
        try:
            self._written = {f"{one.repository}:{one.tag}": one for one in catalogue.read(self.output.read_text())}
        except (OSError, ValueError, KeyError, TypeError):
            self._written = {}
        # What failed before this start is tried again: whether it was the image or the engine is not known any more.
        self.entries = {name: one for name, one in self._written.items() if one.state != "broken"}

    def look(self) -> list[catalogue.Found]:
        """Return the tags in the registry; raises RegistryError when it does not answer."""
        found = []
        for repository in self.registry.repositories():
            if not catalogue.wanted(repository, self.settings.get("repositories") or ["*"]):
                continue
            for tag in self.registry.tags(repository):
                digest = self.registry.digest(repository, tag)
                if digest is None:
                    continue
                key = (repository, digest)
                if key not in self._descriptions:
                    try:
                        self._descriptions[key] = self.registry.description(repository, digest)
                    except ImageError as error:
                        found.append(catalogue.Found(repository, tag, digest, problem=str(error)))
                        continue
                labels, created, size = self._descriptions[key]
                if catalogue.spawnable(labels):
                    found.append(catalogue.Found(repository, tag, digest, labels, created, size))
        return found

    def round(self) -> bool:
        """Look once and settle what is new; returns whether images.json was written."""
        overrides = self.settings.get("images") or {}
        known = {one.reference: one for one in self.entries.values()}
        now: dict[str, catalogue.Entry] = {}
        for found in self.look():
            new = catalogue.entry(found, self.settings["registry"], overrides.get(found.repository) or {})
            now[f"{found.repository}:{found.tag}"] = self._again(catalogue.settled(new, known))
        for name, one in now.items():
            # An image may have been removed from the host by somebody. (Nobody can start it while it is fetched.)
            if one.state == "ready" and not self.docker.has(one.reference):
                now[name] = dataclasses.replace(one, state="pulling")
        self.entries = now
        changed = self._write()
        for one in now.values():
            if one.state == "pulling" and one.reference not in self._under_way:
                self._under_way[one.reference] = self._start(one)
                changed = self._collect() or changed
        return self._collect() or changed

    def wait(self, seconds: float) -> None:
        """Wait for the next image that was tried, at most ``seconds``."""
        began = time.monotonic()
        if self._under_way:
            futures.wait(self._under_way.values(), seconds, futures.FIRST_COMPLETED)
            if self._collect():
                return
        time.sleep(max(0.0, seconds - (time.monotonic() - began)))

    def _start(self, one: catalogue.Entry) -> Future[catalogue.Entry]:
        if self._pool is not None:
            return self._pool.submit(self._settle, one)
        done: Future[catalogue.Entry] = Future()
        done.set_result(self._settle(one))
        return done

    def _collect(self) -> bool:
        """Take what was settled meanwhile; returns whether images.json was written."""
        for reference in [reference for reference, future in self._under_way.items() if future.done()]:
            settled = self._under_way.pop(reference).result()
            for name, one in self.entries.items():  # a tag that was moved or deleted meanwhile is none of them
                if one.reference == reference and one.state == "pulling":
                    self.entries[name] = dataclasses.replace(one, state=settled.state, reason=settled.reason)
        return self._write()

    def _again(self, one: catalogue.Entry) -> catalogue.Entry:
        failed = self._failed_at.get(one.reference)
        if one.state == "broken" and failed is not None and self._clock() - failed > BROKEN_AGAIN_SECONDS:
            del self._failed_at[one.reference]
            return dataclasses.replace(one, state="pulling", reason="")
        return one

    def _settle(self, one: catalogue.Entry) -> catalogue.Entry:
        """Fetch an image and try it."""
        began = self._clock()
        try:
            if not self.docker.has(one.reference):
                self.docker.pull(one.reference, *self._credentials())
            tried = self.docker.try_out(f"labserver-trial-{one.digest[7:19]}", one.reference)
            reason = tried.reason()
            if tried.slow:
                self._failed_at[one.reference] = self._clock()
        except EngineError as error:
            reason = str(error)
            self._failed_at[one.reference] = self._clock()
        state = "broken" if reason else "ready"
        self._say(f"{one.repository}:{one.tag} {one.digest[:19]}: {state} after {self._clock() - began:.1f} s {reason}")
        return dataclasses.replace(one, state=state, reason=reason)

    def _write(self) -> bool:
        if self.entries == self._written and self.output.exists():
            return False
        stamp = datetime.datetime.fromtimestamp(self._clock(), datetime.UTC).isoformat(timespec="seconds")
        text = catalogue.document(self.entries.values(), stamp)
        files.replace(self.output, text.encode())
        self._written = dict(self.entries)
        return True


def table(entries: Sequence[catalogue.Entry]) -> str:
    """Return the catalogue as text for a person: what is offered, and why the rest is not."""
    lines = [
        f"{one.repository}:{one.tag}".ljust(40) + f" {one.state:8} {one.digest[7:19]} {one.reason}" for one in entries
    ]
    return "\n".join(lines or ["no image"]) + "\n"


def main(argv: Sequence[str]) -> int:
    """Run the service, or ``--list`` what it found, or look ``--once``."""
    parser = argparse.ArgumentParser(prog="labserver catalogue", description="Watches the lab's registry.")
    parser.add_argument("--settings", default=DEFAULT_SETTINGS)
    parser.add_argument("--once", action="store_true", help="look once and end")
    parser.add_argument("--list", action="store_true", help="print the catalogue and end")
    arguments = parser.parse_args(argv)
    settings = json.loads(Path(arguments.settings).read_text())
    if arguments.list:
        sys.stdout.write(table(catalogue.read(Path(settings["output"]).read_text())))
        return 0
    signal.signal(signal.SIGTERM, _end)
    registry = LabRegistry(settings)

    service = Service(
        settings,
        registry,
        Engine(DockerEngine(settings["docker_socket"], timeout=600)),
        credentials=registry.credentials,
        say=tell,
        pool=None if arguments.once else ThreadPoolExecutor(AT_ONCE, thread_name_prefix="image"),
    )
    trouble = ""
    while True:
        try:
            service.round()
            now = ""
        except (RegistryError, EngineError, OSError, ValueError, KeyError) as error:
            now = f"{type(error).__name__}: {error}"
            registry.forget()
        if now != trouble:
            tell(now or "the registry answers again")
            trouble = now
        if settings.get("passwords"):
            _prune(settings["passwords"], tell)
        if arguments.once:
            return 1 if now else 0
        service.wait(settings.get("period_seconds", 3))


def _prune(paths: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Forget one-time passwords that were used; here because this service already runs as root all the time."""
    try:
        used = passwords.prune(
            passwords.Paths(Path(paths["store"]), Path(paths["record"]), Path(paths["one_time_file"]))
        )
    except Exception as error:  # whatever is wrong with the store, images must go on
        say(f"one-time passwords: {error}")
        return
    if used:
        say(f"one-time passwords used: {', '.join(used)}")
