# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The form on which people choose what to start. Pure: what is known comes in, HTML goes out."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ..exchange.images import Image
from ..exchange.roster import Person
from ..exchange.settings import Settings
from ..exchange.text import clean
from ..words import language
from ..words.amounts import amount, cores
from .offer import arrange, choose, offered, withheld
from .portions import MIB
from .server import Allowance, allowance

SHOWN = 120
"""Letters of somebody's choice that are shown."""
_TEMPLATES = language.environment(Path(__file__).parent / "templates", amount=amount, cores=cores)


@dataclass(frozen=True)
class Cards:
    """Graphics cards: how many a person may choose and chose last, and who uses which, in words."""

    most: int
    chosen: int
    words: str


@dataclass(frozen=True)
class Memory:
    """What one of several servers may get: the portions to choose from, and which is chosen.

    ``others``: the person's other servers that run, in words; ``problem``: why there is nothing to choose.
    """

    portions: tuple[Allowance, ...]
    chosen: Allowance
    others: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Used:
    """What a person started before: the image that they used last, and the digests of all that they ever used."""

    last: str = ""
    digests: Collection[str] = ()


def options_form(
    person: Person,
    settings: Settings,
    known: tuple[Image, ...],
    used: Used,
    now: datetime.datetime,
    cards: Cards | None = None,
    memory: Memory | None = None,
) -> str:
    """Return the HTML of the form, or an empty string if there is nothing to choose or to show."""
    images, unfit = offered(known, person, settings.default_image), withheld(known, person)
    chosen = choose(tuple(images), person, used.last or None, settings.default_image)
    gone = clean(used.last, SHOWN) if used.last and chosen is None and images else ""
    if len(images) == 1 and not (gone or unfit or cards or memory):
        return ""
    return _TEMPLATES.get_template("choice.html").render(
        sections=arrange(images, person, settings, now, last=used.last, used=used.digests),
        chosen=(chosen or images[0]).name if images else "",
        gone=gone,
        own=allowance(settings, person),
        unfit=unfit,
        cards=cards,
        memory=memory,
        mib=MIB,
        ready=sum(image.state == "ready" for image in known),
    )
