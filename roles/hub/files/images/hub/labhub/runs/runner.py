# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts scheduled notebooks when they are due, follows their containers, and keeps how they went.

Everything that is under way stands in the store before it begins, and a container names its run: a hub that starts anew
goes on where the last one ended. Runs that were due while the hub was away are made up once.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import functools
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from ..exchange.environment import lab_environment
from ..exchange.images import Image
from ..exchange.roster import Person
from ..exchange.shares import Share, shares_of
from ..exchange.sources import Sources
from ..servers import choices, failures, run
from ..servers.asking import ERRORS, GuardClient, message_of
from ..servers.offer import choose
from ..servers.outage import Outage
from ..words.language import later
from ..words.moments import aware_utc_now
from . import outcome
from .model import Definition, Result, Running
from .store import FILE, Store, UnknownError

LOG = logging.getLogger("labhub.runs")
PATIENCE_SECONDS = 600.0
"""So long a run that cannot begin is tried again: a share or Docker may just be starting too."""
GRACE_SECONDS = 120.0
"""A run ends itself at its limit; after this time more, it is ended."""
STOP_SECONDS = 20
LOG_TAIL = 20
SWEEP_EVERY = 15
"""Containers that belong to no run are looked for every so many looks."""
NO_ANSWER = later("Docker on this server does not answer. Please try again in a minute.")
NO_IMAGE = later("The image {image} cannot be started. Choose another one.")
NO_SHARE = later("The shared folder {names} is not available at the moment.")


@dataclasses.dataclass(frozen=True)
class Stalled:
    """A run that is due and could not begin so far. ``text`` has the names of ``values`` in braces."""

    since: datetime.datetime
    text: str
    values: Mapping[str, str]


class StallError(Exception):
    """A run cannot begin now."""

    def __init__(self, text: str, **values: str):
        super().__init__(text.format(**values) if values else text)
        self.text, self.values = text, values


class Runs:
    """All scheduled notebooks. ``told`` is called with each result."""

    def __init__(
        self,
        sources: Sources,
        now: Callable[[], datetime.datetime] = aware_utc_now,
        told: Callable[[Definition, Result], None] = lambda _definition, _result: None,
    ):
        self.sources = sources
        self.settings = sources.settings
        self.told = told
        self.stalled: dict[str, Stalled] = {}
        self._now = now
        self._outage = Outage(
            "scheduled notebooks cannot be looked after", "scheduled notebooks are looked after again"
        )
        self._looks = 0

    @functools.cached_property
    def _guard(self) -> GuardClient:
        return GuardClient(self.settings.guard_socket)

    @functools.cached_property
    def store(self) -> Store:
        """What is kept of them."""
        return Store(Path(self.settings.state_folder) / FILE)

    @property
    def enabled(self) -> bool:
        """Whether people may have notebooks run by the clock."""
        return self.settings.runs_per_person > 0

    def failing(self) -> tuple[Definition, ...]:
        """Return those whose last run failed, the latest first."""
        found = [one for one in self.store.all() if one.last is not None and not one.last.well]
        return tuple(sorted(found, key=lambda one: one.results[-1].ended, reverse=True))

    async def look(self, person_of: Callable[[str], Person | None]) -> None:
        """Look after all runs once. ``person_of`` returns who may log in now, None for anybody else."""

        def entitled(one: Definition) -> Person | None:
            person = person_of(one.owner) if self.enabled else None
            return person if person is not None and person.uid == one.uid and person.room is None else None

        try:
            going = [one for one in self.store.all() if one.running is not None]
            if going or (self._looks % SWEEP_EVERY == 0 and not self.store.problem):
                await self._follow(going, entitled)
            self._looks += 1
            await self._begin_due(entitled)
            self._outage.end(LOG)
        except UnknownError:
            pass  # its person removed one meanwhile; the next look goes on
        except ERRORS as error:
            self._outage.begin(LOG, error)

    async def forget(self, identity: str) -> None:
        """Remove one; a run of it that goes on is ended at the next look. Raises OSError."""
        await self.store.remove(identity)
        self._looks = 0

    # Runs that go on

    async def _follow(self, going: list[Definition], entitled: Callable[[Definition], Person | None]) -> None:
        mine = self.settings.container_prefix + run.PREFIX
        listed = {
            one["run"]: one for one in await self._guard.did("GET", "/labserver/runs") if one["name"].startswith(mine)
        }
        claimed = {one.running.run for one in going if one.running}
        for definition in going:
            if definition.running is not None:
                await self._look_at(definition, definition.running, listed.get(definition.running.run), entitled)
        for name, container in listed.items():
            if name not in claimed:
                LOG.warning("removing the container %s, which belongs to no run", container["name"])
                await self._guard.remove(container["id"])

    async def _look_at(
        self,
        definition: Definition,
        running: Running,
        container: Mapping[str, str] | None,
        entitled: Callable[[Definition], Person | None],
    ) -> None:
        now = self._now()
        if container is None:
            if running.container:
                await self._end(definition, outcome.result(definition, running, "gone", now))
            else:  # the hub ended before it was made: it is due still
                await self.store.change(definition.id, lambda one: dataclasses.replace(one, running=None))
            return
        if entitled(definition) is None:
            reason = "access" if self.enabled else "off"
            await self._end(definition, outcome.result(definition, running, reason, now), container["id"])
            return
        if not running.container:
            await self._made(definition.id, container["id"])
        if container["state"] == "created":
            await self._guard.did("POST", f"/containers/{container['id']}/start")
            return
        if container["state"] in ("running", "paused", "restarting"):
            over = (now - running.began).total_seconds() > definition.seconds + GRACE_SECONDS
            if over or running.stopped:
                await self._guard.did("POST", f"/containers/{container['id']}/stop?t={STOP_SECONDS}")
            return
        inspected = await self._guard.did("GET", f"/containers/{container['id']}/json")
        _status, log = await self._guard.raw(
            "GET", f"/containers/{container['id']}/logs?stdout=1&stderr=0&tail={LOG_TAIL}"
        )
        await self._end(definition, outcome.of_container(definition, running, inspected, log, now), container["id"])

    async def _end(self, definition: Definition, result: Result, container: str = "") -> None:
        """Keep a result, then remove the container: what is in between, a hub that ended there removes later."""
        try:
            await self.store.change(definition.id, lambda one: one.finished(result))
        except UnknownError:  # removed by its person meanwhile
            return
        level = logging.INFO if result.well else logging.WARNING
        took = (result.ended - result.began).total_seconds()
        LOG.log(
            level, "%s of %s ran for %.0f s: %s", definition.notebook, definition.owner, took, result.sentence or "ok"
        )
        self.told(definition, result)
        if container:
            await self._guard.remove(container)

    async def _made(self, identity: str, container: str) -> None:
        def made(one: Definition) -> Definition:
            if one.running is None:
                return one
            return dataclasses.replace(
                one.settled(one.running.due), running=dataclasses.replace(one.running, container=container)
            )

        await self.store.change(identity, made)

    # Runs that begin

    async def _begin_due(self, entitled: Callable[[Definition], Person | None]) -> None:
        now = self._now()
        known = self.store.all()
        waiting = [(due, one) for one in known if (due := one.due(now)) is not None]
        self.stalled = {one.id: self.stalled[one.id] for _due, one in waiting if one.id in self.stalled}
        busy = [one.owner for one in known if one.running is not None]
        for due, definition in sorted(waiting, key=lambda item: (item[0], item[1].id)):
            person = entitled(definition)
            if person is None:
                if self.enabled:
                    LOG.info("%s of %s does not run: its person may not log in", definition.notebook, definition.owner)
                await self.store.change(definition.id, functools.partial(Definition.settled, at=due))
                continue
            # One at a time of each person: two would need twice what a person may use.
            if len(busy) >= self.settings.runs_at_once or definition.owner in busy:
                continue
            if await self._try(definition, person, due):
                busy.append(definition.owner)

    async def _try(self, definition: Definition, person: Person, due: datetime.datetime) -> bool:
        """Begin a run; tell whether one goes on now."""
        began = self._now()
        try:
            image = self._image(definition, person)
            running = Running(f"{definition.id}-{began:%Y%m%d%H%M%S}", due, began, image.name)
            shares = await self._shares(person)
            await self.store.change(definition.id, lambda one: dataclasses.replace(one, running=running))
            await self._start(definition, person, running, image, shares)
        except UnknownError:
            return False
        except StallError as error:
            await self._stall(definition, due, began, error)
            return False
        LOG.info("%s of %s runs, due %s", definition.notebook, definition.owner, due.isoformat(timespec="minutes"))
        self.stalled.pop(definition.id, None)
        try:
            path = Path(self.settings.state_folder) / choices.FILE
            await asyncio.to_thread(choices.note, path, person.name, image, began)
        except (OSError, ValueError) as error:
            LOG.warning("the image that %s uses could not be written down: %s", person.name, error)
        return True

    def _image(self, definition: Definition, person: Person) -> Image:
        """Return the image to run from: once its tag is gone, the newest of the same repository."""
        images = self.sources.images.current()
        for wanted in (definition.image, definition.image.rpartition(":")[0]):
            found = choose(images, person, wanted, self.settings.default_image) if wanted else None
            if found is not None:
                return found
        raise StallError(NO_IMAGE, image=definition.image)

    async def _shares(self, person: Person) -> list[tuple[Share, str]]:
        """Return the shares to mount; a run without data that should be there would report nonsense."""
        wanted = shares_of(person, self.sources.shares.current())
        try:
            present: Mapping[str, bool] = await self._guard.did("GET", "/labserver/shares") if wanted else {}
        except ERRORS as error:
            raise StallError(NO_ANSWER) from error
        absent = [
            share.name for share, _right in wanted if not present.get(share.name) and share.when_absent != "without"
        ]
        if absent:
            raise StallError(NO_SHARE, names=", ".join(absent))
        return [(share, right) for share, right in wanted if present.get(share.name)]

    async def _start(
        self,
        definition: Definition,
        person: Person,
        running: Running,
        image: Image,
        shares: list[tuple[Share, str]],
    ) -> None:
        stamp = running.began.astimezone().strftime("%Y-%m-%d_%H-%M-%S")
        body = run.create_body(
            self.settings,
            self.sources.roster.current(),
            person,
            image,
            shares,
            await asyncio.to_thread(lab_environment, self.settings),
            running.run,
            run.command(definition.notebook, stamp, definition.keep, definition.seconds),
        )
        name = run.container_name(self.settings, person)
        try:
            status, told = await self._guard.ask("POST", f"/containers/create?name={name}", body)
            if status == 409:  # left by a run that is over
                await self._guard.remove(name)
                status, told = await self._guard.ask("POST", f"/containers/create?name={name}", body)
            if status < 300:
                await self._made(definition.id, told["Id"])
                status, told = await self._guard.ask("POST", f"/containers/{told['Id']}/start")
                if status >= 300:
                    await self._guard.remove(name)
        except ERRORS as error:
            # Whether there is a container is not known: the next look finds it, or that it is due still.
            raise StallError(NO_ANSWER) from error
        if status >= 300:
            failure = failures.of_engine(message_of(told))
            LOG.warning("%s of %s cannot begin: %s", definition.notebook, definition.owner, message_of(told))
            await self.store.change(definition.id, lambda one: _as_before(one, definition))
            raise StallError(failure.text, **failure.values)

    async def _stall(
        self, definition: Definition, due: datetime.datetime, now: datetime.datetime, error: StallError
    ) -> None:
        """Try again later, and after a while count it as failed."""
        before = self.stalled.get(definition.id)
        since = before.since if before is not None else now
        if before is None or before.text != error.text:
            LOG.warning("%s of %s cannot begin: %s", definition.notebook, definition.owner, error)
        self.stalled[definition.id] = Stalled(since, error.text, error.values)
        if (now - since).total_seconds() < PATIENCE_SECONDS:
            return
        self.stalled.pop(definition.id)
        result = Result(since, now, "begin", error.text, dict(error.values), "", definition.image)
        await self._end(definition, result)


def _as_before(one: Definition, before: Definition) -> Definition:
    """Return what is kept, with the run that could not begin due again."""
    return dataclasses.replace(one, running=None, handled=before.handled, asked=before.asked)
