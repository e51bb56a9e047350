# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person finds on the hub's first page: their server, files, shares, access, and what went wrong last. Pure."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..exchange.homes import Home
from ..exchange.images import Changes, Image
from ..exchange.lab import Lab, Link
from ..exchange.roster import Person
from ..exchange.settings import Settings
from ..exchange.shares import Share, ShareStatus, shares_of
from ..exchange.text import clean
from ..exchange.usage import Used
from ..servers import failures as failures_of
from ..servers.offer import choose
from ..servers.portions import Held, left
from ..servers.server import Allowance, allowance
from ..words.amounts import span
from ..words.language import gettext, later

RIGHTS = {"rw": later("shared, read and write"), "ro": later("shared, read only")}
STATES = {"ok": later("there"), "warning": later("nearly full"), "critical": later("not available")}
FAILURE_DAYS = 7
"""A failure is shown for so long, unless the server started since."""


@dataclass(frozen=True)
class Server:
    """A server of the person. ``state``: stopped, starting, stopping or running; ``since``: ISO time in UTC.

    ``name`` is empty for the first one, which everybody has. ``idle``: when it is stopped if nothing works in it.

    ``changes``: what changed in its image since the one before.
    """

    state: str
    name: str = ""
    image: str = ""
    title: str = ""
    since: str = ""
    cpu: float = 0.0
    memory_bytes: int = 0
    changes: Changes | None = None
    idle: str = ""


@dataclass(frozen=True)
class Folder:
    """One shared folder as a person sees it."""

    path: str
    right: str
    state: str = ""
    reason: str = ""
    well: bool = True


@dataclass(frozen=True)
class Desk:
    """All of the page. ``idle``: when an idle server is stopped; ``failure``: the last, if new; ``home``: if known.

    ``used``: what the person used this month, where that is recorded. ``further``: the person's other servers, also
    those that do not run, of ``most`` at once; ``whole`` and ``rest``: what all may use together, and what is left.
    """

    person: Person
    server: Server
    folders: tuple[Folder, ...]
    links: tuple[Link, ...]
    idle: str
    failure: Mapping[str, str] | None
    home: Home | None = None
    used: Used | None = None
    further: tuple[Server, ...] = ()
    most: int = 1
    whole: Allowance | None = None
    rest: Allowance | None = None

    @property
    def several(self) -> bool:
        """Whether the page has to tell servers apart."""
        return self.most > 1 or bool(self.further)


def idle_left(seconds: float | None) -> str:
    """Say in how many seconds a server is stopped; empty when nobody knows, or never."""
    if seconds is None:
        return ""
    time = span(math.ceil(seconds / 60) * 60)
    return gettext("It is stopped in {time} if nothing works in it until then.").format(time=time)


def idle_seconds(handler: Any, spawner: Any) -> float | None:
    """Return in how many seconds a running server is stopped if nothing works in it; None: never, or not known."""
    keeper = getattr(handler.app, "keeper", None)
    if keeper is None or not spawner.ready:
        return None
    seconds: float | None = keeper.idle_left(spawner.user.name, spawner.name)
    return seconds


def idle_rule(settings: Settings, person: Person) -> str:
    """Say when an idle server of this person is stopped; empty when it never is."""
    if not settings.culling_enabled:
        return ""
    seconds = settings.idle_seconds_of(person.groups)
    if not seconds:
        return ""
    rule = gettext("It is stopped after {time} without any work in it. You are told before, and files are kept.")
    return rule.format(time=span(seconds))


def server_of(
    spawner: Any, person: Person, images: Sequence[Image], settings: Settings, idle: float | None = None
) -> Server:
    """Return how the server is, by JupyterHub's spawner; ``idle``: seconds until it is stopped if nothing works."""
    state = "stopped"
    if spawner.pending:
        state = "stopping" if spawner.pending == "stop" else "starting"
    elif spawner.active:
        state = "running"
    options = spawner.user_options or spawner.orm_spawner.user_options or {}
    wanted = (spawner.runs if state != "stopped" else "") or options.get("image")
    image = next((one for one in images if wanted in (one.name, one.reference)), None)
    allowed = (spawner.allowed if state != "stopped" else None) or allowance(settings, person, image)
    used = image or (None if wanted else choose(tuple(images), person, None, settings.default_image))
    started = spawner.orm_spawner.started
    return Server(
        state=state,
        name=spawner.name,
        image=image.name if image else clean(wanted or "", 120),
        title=image.title if image else "",
        since=f"{started.isoformat(timespec='seconds')}Z" if started and state == "running" else "",
        cpu=allowed.cpu,
        memory_bytes=allowed.memory_bytes,
        changes=used.changes if used else None,
        idle=idle_left(idle) if state == "running" else "",
    )


def folders(person: Person, shares: Sequence[Share], status: Mapping[str, ShareStatus]) -> tuple[Folder, ...]:
    """Return the shared folders of a person, each with its state as it was last looked at."""
    found = []
    for share, right in shares_of(person, tuple(shares)):
        seen = status.get(share.name)
        words = gettext(STATES.get(seen.state, "")) if seen else ""
        reason = seen.reason if seen and seen.state != "ok" else ""
        found.append(Folder(share.path, gettext(RIGHTS[right]), words, reason, seen is None or seen.state == "ok"))
    return tuple(found)


def last_failure(
    failures: Sequence[Mapping[str, Any]],
    name: str,
    since: Mapping[str, datetime.datetime | None],
    now: datetime.datetime,
) -> dict[str, str] | None:
    """Return the newest failure of a person's servers, unless it is old or that server started since.

    ``since``: the name of each server that runs, and its start (UTC).
    """
    mine = [one for one in failures if one.get("user") == name]
    if not mine:
        return None
    last = mine[-1]
    try:
        at = datetime.datetime.fromisoformat(str(last["at"]))
    except (KeyError, ValueError):
        return None
    started = since.get(str(last.get("server") or ""))
    if now - at > datetime.timedelta(days=FAILURE_DAYS) or (started is not None and started >= at):
        return None
    return {
        "at": at.isoformat(timespec="seconds"),
        "sentence": failures_of.told(last),
        "image": clean(last.get("image") or "", 120),
    }


def desk(
    person: Person,
    server: Server,
    lab: Lab,
    settings: Settings,
    shares: Sequence[Share],
    status: Mapping[str, ShareStatus],
    failure: Mapping[str, str] | None,
    home: Home | None = None,
    used: Used | None = None,
    further: Sequence[Server] = (),
) -> Desk:
    """Put the page together."""
    # What one that starts will have is known once it is made.
    running = [
        Held(one.name, Allowance(one.cpu, one.memory_bytes, 0))
        for one in (server, *further)
        if one.state in ("running", "stopping")
    ]
    whole = allowance(settings, person)
    return Desk(
        person=person,
        server=server,
        folders=folders(person, shares, status),
        links=tuple(link for link in lab.links if link.shown_to(person.groups)),
        idle=idle_rule(settings, person),
        failure=failure,
        home=home,
        used=used,
        further=tuple(further),
        most=person.most_servers,
        whole=whole,
        rest=left(whole, running),
    )
