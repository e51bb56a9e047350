# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts builds, follows their containers, keeps their logs, and hears from the host what became of them.

Everything that is under way stands in the store before it begins, and a container names its build: a hub that starts
anew goes on where the last one ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import functools
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from ..exchange import files
from ..exchange.environment import lab_environment
from ..exchange.kept import Kept, UnknownError
from ..exchange.roster import Person
from ..exchange.sources import Sources
from ..servers import build, failures
from ..servers.asking import ERRORS, GuardClient, message_of
from ..servers.outage import Outage
from ..words.moments import aware_utc_now
from . import outcome
from .model import (
    DONE,
    FAILED,
    FILE,
    PACKING,
    REMOVING,
    RUNNING,
    WAITING,
    Build,
    bases,
    ended,
    for_group,
    from_json,
    groups_of,
    to_json,
)

LOG = logging.getLogger("labhub.builds")
LOGS = "build-logs"
"""Folder in the hub's state with the log of each build."""
GRACE_SECONDS = 60.0
"""A build ends itself at its limit; after this time more, it is ended."""
STOP_SECONDS = 10
SWEEP_EVERY = 15
"""Containers that belong to no build are looked for every so many looks."""


class Builds:
    """All builds of people's images."""

    def __init__(self, sources: Sources, now: Callable[[], datetime.datetime] = aware_utc_now):
        self.sources = sources
        self.settings = sources.settings
        self._now = now
        self._outage = Outage("builds of people's images cannot be looked after", "builds are looked after again")
        self._looks = 0

    @functools.cached_property
    def _guard(self) -> GuardClient:
        return GuardClient(self.settings.guard_socket)

    @functools.cached_property
    def store(self) -> Kept[Build]:
        """What is kept of them."""
        return Kept(Path(self.settings.state_folder) / FILE, "builds", from_json, to_json, "no image is built")

    @property
    def enabled(self) -> bool:
        """Whether people may have images made."""
        return self.settings.builds_per_person > 0

    async def look(self, person_of: Callable[[str], Person | None]) -> None:
        """Look after all builds once. ``person_of`` returns who may log in now, None for anybody else."""

        def entitled(one: Build) -> Person | None:
            person = person_of(one.owner) if self.enabled else None
            if person is None or person.uid != one.uid or person.room is not None:
                return None
            return person if one.group in groups_of(person, self.settings) else None

        try:
            await self._hear()
            going = [one for one in self.store.all() if one.state == RUNNING]
            sweep = self.enabled and self._looks % SWEEP_EVERY == 0 and not self.store.problem
            if going or sweep:
                await self._follow(going, entitled)
            self._looks += 1
            await self._begin(entitled)
            self._outage.end(LOG)
        except UnknownError:
            pass  # its person removed one meanwhile; the next look goes on
        except ERRORS as error:
            self._outage.begin(LOG, error)

    # What the host says

    async def _hear(self) -> None:
        asked = [one for one in self.store.all() if one.state in (PACKING, REMOVING)]
        told = self.sources.published.current() if asked else {}
        for one in asked:
            found = told.get(one.id)
            if found is None:
                continue
            if one.state == REMOVING:
                if found.reason == "removed":
                    await self.forget(one)
            elif found.reason == "ok":
                done = dataclasses.replace(ended(one, DONE, "", {}, self._now()), digest=found.digest)
                await self._end(done)
            else:
                await self._end(outcome.failed(one, found.reason, self._now(), more={"line": found.line}))

    async def forget(self, one: Build) -> None:
        """Forget a build that has no image. Raises OSError."""
        await self.store.remove(one.id)
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self._log_file(one.id).unlink, missing_ok=True)

    # Builds that go on

    async def _follow(self, going: list[Build], entitled: Callable[[Build], Person | None]) -> None:
        mine = self.settings.container_prefix + build.PREFIX
        found = await self._guard.did("GET", "/labserver/builds")
        listed = {one["build"]: one for one in found if one["name"].startswith(mine)}
        for one in going:
            await self._look_at(one, listed.get(one.id), entitled)
        claimed = {one.id for one in going}
        for identity, container in listed.items():
            if identity not in claimed:
                LOG.warning("removing the container %s, which belongs to no build", container["name"])
                await self._guard.remove(container["id"])

    async def _look_at(
        self, one: Build, container: Mapping[str, str] | None, entitled: Callable[[Build], Person | None]
    ) -> None:
        now, longest = self._now(), self.settings.builds_longest_seconds
        if container is None:
            if one.container:
                await self._end(outcome.failed(one, "gone", now))
            else:  # the hub ended before it was made
                await self.store.change(one.id, lambda old: dataclasses.replace(old, state=WAITING, began=None))
            return
        if not one.container:
            await self._made(one.id, container["id"])
        if entitled(one) is None:
            await self._end(outcome.failed(one, "access" if self.enabled else "off", now), container["id"])
        elif container["state"] == "created":
            await self._guard.did("POST", f"/containers/{container['id']}/start")
        elif container["state"] in ("running", "paused", "restarting"):
            over = one.began is not None and (now - one.began).total_seconds() > longest + GRACE_SECONDS
            if over or one.stopped:
                await self._guard.did("POST", f"/containers/{container['id']}/stop?t={STOP_SECONDS}")
        else:
            inspected = await self._guard.did("GET", f"/containers/{container['id']}/json")
            log = await self._raw_log(container["id"])
            most = self.settings.builds_most_bytes
            await self._keep_log(one.id, outcome.lines(log))
            await self._end(outcome.of_container(one, inspected, log, now, longest, most), container["id"])

    async def _end(self, new: Build, container: str = "") -> None:
        """Keep how it went, then remove the container: what is in between, a hub that ended there removes later."""
        await self.store.change(new.id, lambda old: old if old.state == REMOVING else new)
        level = logging.WARNING if new.state == FAILED else logging.INFO
        LOG.log(level, "%s of %s: %s", new.image, new.owner, new.sentence or new.state)
        if container:
            await self._guard.remove(container)

    async def _made(self, identity: str, container: str) -> None:
        await self.store.change(identity, lambda old: dataclasses.replace(old, container=container))

    # The log

    def _log_file(self, identity: str) -> Path:
        return Path(self.settings.state_folder) / LOGS / f"{identity}.log"

    async def _raw_log(self, container: str) -> bytes:
        path = f"/containers/{container}/logs?stdout=1&stderr=1&tail={outcome.LOG_LINES}"
        status, raw = await self._guard.raw("GET", path)
        return raw if status == 200 else b""

    async def _keep_log(self, identity: str, lines: list[str]) -> None:
        path = self._log_file(identity)

        def keep() -> None:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            files.replace(path, ("\n".join(lines) + "\n").encode())

        try:
            await asyncio.to_thread(keep)
        except OSError as error:
            LOG.warning("the log of a build could not be kept: %s", error)

    async def log(self, one: Build) -> list[str]:
        """Return the last lines of a build's log; empty when there is none."""
        try:
            if one.state == RUNNING and one.container:
                return outcome.lines(await self._raw_log(one.container))
            return (await asyncio.to_thread(self._log_file(one.id).read_text)).splitlines()
        except ERRORS:
            return []

    # Builds that begin

    async def _begin(self, entitled: Callable[[Build], Person | None]) -> None:
        known = self.store.all()
        # Not before the host took the last one: it lies in the home until then.
        busy = {one.owner for one in known if one.state in (RUNNING, PACKING)}
        running = sum(one.state == RUNNING for one in known)
        for one in sorted((one for one in known if one.state == WAITING), key=lambda one: (one.asked, one.id)):
            person = entitled(one)
            if person is None or one.stopped:
                reason = "asked" if one.stopped else "access" if self.enabled else "off"
                await self._end(outcome.failed(one, reason, self._now()))
            elif running < self.settings.builds_at_once and one.owner not in busy and await self._start(one, person):
                busy.add(one.owner)
                running += 1

    async def _start(self, one: Build, person: Person) -> bool:
        """Begin a build; tell whether it goes on now."""
        image = next((found for found in bases(self.sources.images.current(), person) if found.name == one.base), None)
        if image is None or not for_group(image, one.group):
            await self._end(outcome.failed(one, "base", self._now()))
            return False
        settings = self.settings
        asked = build.command(
            one.id, one.kind, one.source, one.name, settings.builds_longest_seconds, settings.builds_most_bytes
        )
        environment = await asyncio.to_thread(lab_environment, settings)
        roster = self.sources.roster.current()
        body = build.create_body(settings, roster, person, image, environment, one.id, asked)
        running = dataclasses.replace(
            one, state=RUNNING, began=self._now(), base_repository=image.repository, base_digest=image.digest
        )
        await self.store.change(one.id, lambda _old: running)
        name = build.container_name(settings, person)
        status, told = await self._guard.ask("POST", f"/containers/create?name={name}", body)
        if status == 409:  # left by a build that is over
            await self._guard.remove(name)
            status, told = await self._guard.ask("POST", f"/containers/create?name={name}", body)
        if status < 300:
            await self._made(one.id, told["Id"])
            identity = told["Id"]
            status, told = await self._guard.ask("POST", f"/containers/{identity}/start")
            if status >= 300 and status != 304:
                await self._guard.remove(identity)
        if status >= 300 and status != 304:
            failure = failures.of_engine(message_of(told))
            LOG.warning("%s of %s cannot begin: %s", one.image, one.owner, message_of(told))
            await self._end(ended(running, FAILED, failure.text, failure.values, self._now()))
            return False
        return True
