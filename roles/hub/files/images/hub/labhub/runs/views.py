# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scheduled notebooks as people see them, and what a filled-in form means. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..exchange.images import Image
from ..exchange.roster import Person
from ..exchange.settings import Settings
from ..servers.offer import offered
from ..words.language import gettext as _
from ..words.moments import stamp
from . import when
from .model import MOST_KEPT, Definition, Result, new_id, notebook_path
from .runner import Stalled

KEEP = 30


@dataclass(frozen=True)
class View:
    """One of a person's scheduled notebooks. Times are ISO times in UTC, empty when there is none.

    ``state``: running, waiting (it is due), paused or planned. ``trouble``: why it waits, if that is known.
    """

    id: str
    notebook: str
    image: str
    when: str
    hours: str
    keep: int
    state: str
    next: str
    since: str
    trouble: str
    last: Result | None
    results: tuple[Result, ...]


def view(one: Definition, now: datetime.datetime, stalled: Stalled | None) -> View:
    """Return how one is shown."""
    state = "running" if one.running else "waiting" if one.due(now) else "paused" if one.paused else "planned"
    trouble = ""
    if stalled is not None and state == "waiting":
        trouble = _(stalled.text).format(**stalled.values) if stalled.values else _(stalled.text)
    return View(
        id=one.id,
        notebook=one.notebook,
        image=one.image,
        when=when.words(one.fields),
        hours=f"{one.seconds / 3600:g}",
        keep=one.keep,
        state=state,
        next="" if one.paused else stamp(when.next_due(one.fields, now)),
        since=stamp(one.running.began) if one.running else "",
        trouble=trouble,
        last=one.last,
        results=tuple(reversed(one.results)),
    )


def _number(given: str, least: float, most: float, words: str) -> float:
    try:
        found = float(given.replace(",", "."))
    except ValueError:
        found = float("nan")
    if not least <= found <= most:
        raise ValueError(words.format(least=f"{least:g}", most=f"{most:g}"))
    return found


def defined(
    form: Mapping[str, str],
    person: Person,
    images: Sequence[Image],
    settings: Settings,
    now: datetime.datetime,
) -> tuple[Definition | None, list[str]]:
    """Return what a form asks for, or everything that is wrong with it."""
    problems: list[str] = []

    def tried(read: Callable[[], object]) -> object:
        try:
            return read()
        except ValueError as error:
            problems.append(str(error))
            return None

    def image() -> str:
        wanted = form.get("image", "")
        if not any(one.name == wanted for one in offered(tuple(images), person, settings.default_image)):
            raise ValueError(_("Choose one of the images."))
        return wanted

    longest = settings.runs_longest_seconds / 3600
    fields = form.get("fields", "").strip()
    notebook = tried(lambda: notebook_path(form.get("notebook", ""), person.home))
    chosen = tried(image)
    due = tried(
        lambda: when.checked(fields) if fields else when.fields_of(form.get("days", ""), form.get("clock", "").strip())
    )
    hours = tried(
        lambda: _number(form.get("hours", ""), 0.05, longest, _("The limit is from {least} to {most} hours."))
    )
    keep = tried(lambda: _number(form.get("keep", ""), 1, MOST_KEPT, _("From {least} to {most} copies are kept.")))
    if problems:
        return None, problems
    found = Definition(
        id=new_id(),
        owner=person.name,
        uid=person.uid,
        notebook=str(notebook),
        image=str(chosen),
        fields=str(due),
        seconds=round(float(str(hours)) * 3600),
        keep=int(float(str(keep))),
        handled=now,
    )
    return found, []
