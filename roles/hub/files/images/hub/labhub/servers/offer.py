# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which images a person is offered, and which of them a choice means."""

from __future__ import annotations

from ..exchange.images import Image
from ..exchange.roster import Person


def offered(images: tuple[Image, ...], person: Person, default: str) -> list[Image]:
    """Return what a person can choose: the default (repository or repository:tag) first, by name, new tags first."""
    ready = [image for image in images if image.state == "ready" and image.allowed_for(person)]
    ready.sort(key=lambda image: image.created, reverse=True)
    ready.sort(key=lambda image: (default not in (image.name, image.repository), image.title.lower(), image.repository))
    return ready


def withheld(images: tuple[Image, ...], person: Person) -> list[Image]:
    """Return the images for a person that were pushed and cannot be started (yet)."""
    return [image for image in images if image.state != "ready" and image.allowed_for(person)]


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
