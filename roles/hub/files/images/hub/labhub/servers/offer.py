# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which images a person is offered, how they stand on the form, and which of them a choice means. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ..exchange.images import Image
from ..exchange.roster import Person
from ..exchange.settings import Settings
from .server import Allowance, allowance

NEW_DAYS = 14
"""So long an image that a person has not used yet is told to be new."""


@dataclass(frozen=True)
class Row:
    """One image on the form. ``less``: its limits where they are below the person's own; ``age_days``: if known."""

    image: Image
    less: Allowance | None = None
    age_days: int | None = None
    last: bool = False
    new: bool = False


@dataclass(frozen=True)
class Family:
    """The tags of one repository, the newest first."""

    rows: tuple[Row, ...]

    @property
    def older_open(self) -> bool:
        """Whether the older tags are shown at once: one of them was used last."""
        return any(row.last for row in self.rows[1:])


@dataclass(frozen=True)
class Section:
    """The images that belong to the same groups of the person; no groups: they are for everybody."""

    groups: tuple[str, ...]
    families: tuple[Family, ...]


def offered(images: tuple[Image, ...], person: Person, default: str) -> list[Image]:
    """Return what a person can choose: the default (repository or repository:tag) first, by name, new tags first."""
    ready = [image for image in images if image.state == "ready" and image.allowed_for(person)]
    ready.sort(key=lambda image: image.created, reverse=True)
    ready.sort(key=lambda image: (default not in (image.name, image.repository), image.title.lower(), image.repository))
    return ready


def withheld(images: tuple[Image, ...], person: Person) -> list[Image]:
    """Return the images that cannot be started (yet) and that the person can mend or ask about.

    Those are the images of the person's groups; an administrator is told of all.
    """
    return [
        image
        for image in images
        if image.state != "ready"
        and image.allowed_for(person)
        and (person.admin or set(image.groups or ()) & set(person.groups))
    ]


def choose(images: tuple[Image, ...], person: Person, wanted: str | None, default: str) -> Image | None:
    """Return the image for a wish (``repository:tag``, a repository or a reference), the first offered without a wish.

    None when the wish is not among what the person is offered.
    """
    choice = offered(images, person, default)
    if not wanted:
        return choice[0] if choice else None
    for image in choice:
        if wanted in (image.name, image.reference):
            return image
    return next((image for image in choice if image.repository == wanted), None)


def _age_days(created: str, now: datetime.datetime) -> int | None:
    try:
        made = datetime.datetime.fromisoformat(created)
    except ValueError:
        return None
    days = (now - made).days if made.tzinfo else -1
    return days if days >= 0 else None


def arrange(
    choice: Sequence[Image],
    person: Person,
    settings: Settings,
    now: datetime.datetime,
    *,
    last: str = "",
    used: Collection[str] = (),
) -> tuple[Section, ...]:
    """Return the offered images as they stand on the form, in the order of ``choice``.

    ``last``: name of the image that the person used last; ``used``: digests of those that they ever used.
    """
    own = allowance(settings, person)
    sections: dict[tuple[str, ...], dict[str, list[Row]]] = {}
    for image in choice:
        groups = tuple(sorted(set(image.groups or ()) & set(person.groups)))
        age, allowed = _age_days(image.created, now), allowance(settings, person, image)
        row = Row(
            image=image,
            less=allowed if allowed != own else None,
            age_days=age,
            last=image.name == last,
            new=age is not None and age <= NEW_DAYS and image.digest not in used,
        )
        sections.setdefault(groups, {}).setdefault(image.repository, []).append(row)
    return tuple(
        Section(groups, tuple(Family(tuple(rows)) for rows in families.values()))
        for groups, families in sections.items()
    )
