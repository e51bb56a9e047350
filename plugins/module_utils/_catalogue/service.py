# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Watches the lab's registry and keeps images.json, so that the hub never waits for an image.

A tag that is pushed is fetched to this host, tried, and then offered. The registry being away changes nothing.
"""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Callable, Collection, Mapping
from concurrent import futures
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from .._common import files
from .._common.docker_api import EngineError
from . import changes, model
from .engine import Engine
from .fetched import FILE, Tidy
from .look import Look, Seen
from .packages import FOLDER, Packages, Shelf
from .registry import Registry
from .signed import UNCHECKED, Signed
from .trial import memory, trouble

BROKEN_AGAIN_SECONDS = 600
"""A fetch that failed (disk full, registry gone in the middle) is tried again after this time."""


class Service:
    """One model. Clock, registry and engine are handed in."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        registry: Registry,
        docker: Engine,
        *,
        credentials: Callable[[], tuple[str, str]],
        clock: Callable[[], float] = time.time,
        say: Callable[[str], None],
        pool: Executor | None = None,
        used: Callable[[], Collection[str]] | None = None,
        signed: Signed | None = None,
    ):
        """``used`` returns the digests that are in use on this host; without it no image is removed.

        ``pool``: where images are fetched and tried beside each other; without one a round waits for each.
        ``signed`` judges the signatures of images; without it none is asked for.
        """
        self.settings = settings
        self.docker = docker
        self.output = Path(settings["output"])
        self._credentials = credentials
        self._clock = clock
        self._say = say
        self._signed = signed
        self._look = Look(registry, settings.get("repositories") or ["*"], signed)
        self._tidy = Tidy(self.output.with_name(FILE), docker, used, say) if used is not None else None
        self._silent: set[str] = set()
        self._unread: set[str] = set()
        self._failed_at: dict[str, float] = {}
        self._pool = pool
        self._under_way: dict[str, Future[model.Entry]] = {}
        self._default = str(settings.get("default_image") or "")
        self._written: dict[str, model.Entry] = {}
        self._stale = False
        self._shelf = Shelf(self.output.parent / FOLDER)
        try:
            text = self.output.read_text()
            self._written = {f"{one.repository}:{one.tag}": one for one in model.read(text)}
            self._stale = model.default_of(text) != self._default
        except (OSError, ValueError, KeyError, TypeError):
            self._written = {}
        # What failed before this start is tried again: whether it was the image or the engine is not known any more.
        self.entries = {name: one for name, one in self._written.items() if one.state != "broken"}
        self._withdraw()

    def round(self) -> bool:
        """Look once and settle what is new; returns whether images.json was written."""
        overrides = self.settings.get("images") or {}
        if self._unread and self.entries != self._written:
            self._write()  # not only when the registry answers: what was withdrawn may not be started meanwhile
        # What the registry could not tell of an image may be well now.
        known = {one.reference: one for name, one in self.entries.items() if name not in self._unread}
        seen = self._look(len(self._written))
        now: dict[str, model.Entry] = {}
        for found in seen.found:
            new = model.entry(found, self.settings["registry"], overrides.get(found.repository) or {})
            name = f"{found.repository}:{found.tag}"
            now[name] = model.moved(self._again(model.settled(new, known)), self._written.get(name))
        # Of these the registry says nothing at the moment: they stay as they are.
        now |= {name: one for name, one in self.entries.items() if seen.is_silent(one.repository, one.tag)}
        silent = {name for name, one in now.items() if seen.is_silent(one.repository, one.tag)}
        self._unread = {f"{found.repository}:{found.tag}" for found in seen.found if found.problem} | (
            self._unread & silent
        )
        self._tell(seen)
        for name, one in now.items():
            # An image may have been removed from the host by somebody. (Nobody can start it while it is fetched.)
            if one.state == "ready" and not self.docker.has(one.reference):
                now[name] = dataclasses.replace(one, state="pulling")
        self.entries = now
        if self._signed is not None:
            self._signed.keep([(one.repository, one.digest) for one in now.values()])
        self._shelf.keep({digest for one in now.values() for digest in (one.digest, one.replaces)})
        changed = self._write()
        for one in now.values():
            unknown = one.state == "ready" and self._shelf.get(one.digest) is None  # tried before lists were kept
            if (one.state == "pulling" or unknown) and one.reference not in self._under_way:
                self._under_way[one.reference] = self._start(one)
                changed = self._collect() or changed
        if self._tidy is not None:
            listed = {one.reference for one in self.entries.values()} | set(self._under_way)
            moment = datetime.datetime.fromtimestamp(self._clock(), datetime.UTC)
            self._tidy.round(listed, seen.repositories - {repository for repository, _tag in seen.silent}, moment)
        return self._collect() or changed

    def _withdraw(self) -> None:
        """Take away what was offered before signatures were asked for, or by a key that the lab has given up."""
        for name, one in self.entries.items():
            if self._signed is not None and not self._signed.holds(one.repository, one.digest):
                self.entries[name] = dataclasses.replace(one, state="broken", reason=UNCHECKED)
                self._unread.add(name)

    def _tell(self, seen: Seen) -> None:
        """Say once of what the registry says nothing, as long as that lasts."""
        silent = {f"{repository}:{tag or '*'}": said for (repository, tag), said in seen.silent.items()}
        for name, said in silent.items():
            if name not in self._silent:
                self._say(f"{name}: stays as it is, since the registry says nothing of it: {said}")
        self._silent = set(silent)

    def wait(self, seconds: float) -> None:
        """Wait for the next image that was tried, at most ``seconds``."""
        began = time.monotonic()
        if self._under_way:
            futures.wait(self._under_way.values(), seconds, futures.FIRST_COMPLETED)
            if self._collect():
                return
        time.sleep(max(0.0, seconds - (time.monotonic() - began)))

    def _start(self, one: model.Entry) -> Future[model.Entry]:
        if self._pool is not None:
            return self._pool.submit(self._settle, one)
        done: Future[model.Entry] = Future()
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

    def _again(self, one: model.Entry) -> model.Entry:
        failed = self._failed_at.get(one.reference)
        if one.state == "broken" and failed is not None and self._clock() - failed > BROKEN_AGAIN_SECONDS:
            del self._failed_at[one.reference]
            return dataclasses.replace(one, state="pulling", reason="")
        return one

    def _settle(self, one: model.Entry) -> model.Entry:
        """Fetch an image, try it, and ask what is in it."""
        if one.state != "ready":
            one = self._tried(one)
        if one.state == "ready" and self._shelf.get(one.digest) is None:
            self._list_packages(one)
        return one

    def _list_packages(self, one: model.Entry) -> None:
        try:
            found = self.docker.packages(f"labserver-packages-{one.digest[7:19]}", one.reference)
        except (EngineError, ValueError) as error:
            self._say(f"{one.repository}:{one.tag}: its packages are not known: {error}")
            found = Packages()
        self._shelf.put(one.digest, found)

    def _tried(self, one: model.Entry) -> model.Entry:
        began = self._clock()
        try:
            if not self.docker.has(one.reference):
                if self._tidy is not None:
                    self._tidy.note(one.reference)
                self.docker.pull(one.reference, *self._credentials())
            name = f"labserver-trial-{one.digest[7:19]}"
            tried = self.docker.try_out(name, one.reference, memory(one.limits))
            reason = tried.reason()
            if tried.slow:
                self._failed_at[one.reference] = self._clock()
        except EngineError as error:
            reason = trouble(str(error))
            self._failed_at[one.reference] = self._clock()
        state = "broken" if reason else "ready"
        self._say(f"{one.repository}:{one.tag} {one.digest[:19]}: {state} after {self._clock() - began:.1f} s {reason}")
        return dataclasses.replace(one, state=state, reason=reason)

    def _write(self) -> bool:
        known = changes.told(self.entries, self._shelf.get)
        for name, one in list(self.entries.items()):
            self.entries[name] = dataclasses.replace(one, changes=known[name])
        if self.entries == self._written and self.output.exists() and not self._stale:
            return False
        stamp = datetime.datetime.fromtimestamp(self._clock(), datetime.UTC).isoformat(timespec="seconds")
        text = model.document(self.entries.values(), stamp, self._default)
        files.replace(self.output, text.encode())
        self._written, self._stale = dict(self.entries), False
        return True
