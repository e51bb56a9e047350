# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of a scheduled notebook: whose it is, what runs when, the one that goes on, and how the last went."""

from __future__ import annotations

import dataclasses
import datetime
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..exchange.text import clean
from ..words.language import gettext
from . import when

LONGEST_PATH = 400
MOST_KEPT = 100
RESULTS = 10
"""So many results of each are remembered."""
AHEAD = datetime.timedelta(days=1)
"""What was done so far in the future was done with a clock that went wrong."""


@dataclass(frozen=True)
class Running:
    """A run that goes on. ``container`` is empty until it was made; ``stopped``: its person wants its end."""

    run: str
    due: datetime.datetime
    began: datetime.datetime
    image: str
    container: str = ""
    stopped: bool = False


@dataclass(frozen=True)
class Result:
    """How a run went. ``reason`` is ``ok`` or a short word; ``text`` has the names of ``values`` in braces."""

    began: datetime.datetime
    ended: datetime.datetime
    reason: str
    text: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    output: str = ""
    image: str = ""

    @property
    def well(self) -> bool:
        """Whether all cells ran."""
        return self.reason == "ok"

    @property
    def sentence(self) -> str:
        """What the log says."""
        return self.text.format(**self.values) if self.values else self.text

    def told(self) -> str:
        """Return what people read, in the language that is spoken."""
        return gettext(self.text).format(**self.values) if self.values else gettext(self.text)


@dataclass(frozen=True)
class Definition:
    """A scheduled notebook. ``notebook`` is a path in the home, ``image`` the name of one.

    It belongs to the account ``uid``: who gets the name later does not inherit it. ``fields`` are cron's; it is due for
    each time after ``handled``, of which the latest alone counts. ``asked``: its person wants it now.
    """

    id: str
    owner: str
    uid: int
    notebook: str
    image: str
    fields: str
    seconds: int
    keep: int
    handled: datetime.datetime
    paused: bool = False
    asked: bool = False
    running: Running | None = None
    results: tuple[Result, ...] = ()

    def due(self, now: datetime.datetime) -> datetime.datetime | None:
        """Return since when a run of it is due; None when none is."""
        if self.running is not None:
            return None
        if self.asked:
            return now
        last = None if self.paused else when.last_due(self.fields, now)
        handled = self.handled if self.handled <= now + AHEAD else now - AHEAD
        return last if last is not None and last > handled else None

    def settled(self, at: datetime.datetime) -> Definition:
        """Return it with nothing due up to ``at``."""
        return dataclasses.replace(self, handled=max(self.handled, at), asked=False)

    def finished(self, result: Result) -> Definition:
        """Return it after a run."""
        kept = (*self.results, result)[-RESULTS:]
        return dataclasses.replace(self.settled(result.ended), running=None, results=kept)

    @property
    def last(self) -> Result | None:
        """How the last run went."""
        return self.results[-1] if self.results else None


def new_id() -> str:
    """Return an id that nobody guesses or has already."""
    return secrets.token_hex(6)


def notebook_path(given: str, home: str) -> str:
    """Return the path of a notebook in the home; raises ValueError that says what is wrong with it."""
    path = given.strip()
    path = path.removeprefix(home.rstrip("/") + "/").removeprefix("~/")
    parts = path.split("/")
    if not path.endswith(".ipynb") or not path or parts[-1] == ".ipynb":
        raise ValueError(gettext("Give the path of a notebook in your home, such as reports/daily.ipynb."))
    if path.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise ValueError(gettext("The notebook has to be in your home: give its path there, without “..”."))
    if len(path) > LONGEST_PATH or clean(path, LONGEST_PATH + 1) != path or not path.isprintable():
        raise ValueError(gettext("The path is too long, or has characters that cannot be shown."))
    return path


def _time(text: str) -> datetime.datetime:
    found = datetime.datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def to_json(definition: Definition) -> dict[str, Any]:
    """Return it as it is kept."""
    kept: dict[str, Any] = _plain(dataclasses.asdict(definition))
    return kept


def from_json(raw: Mapping[str, Any]) -> Definition:
    """Return what was kept; raises KeyError, TypeError or ValueError."""
    running = raw["running"]
    return Definition(
        **{
            **raw,
            "handled": _time(raw["handled"]),
            "running": None
            if running is None
            else Running(**{**running, "due": _time(running["due"]), "began": _time(running["began"])}),
            "results": tuple(
                Result(**{**one, "began": _time(one["began"]), "ended": _time(one["ended"])}) for one in raw["results"]
            ),
        }
    )
