# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of containers that are no Jupyter servers: for files, for runs, for builds. Without any input or output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..exchange.images import Image
from ..exchange.roster import Person
from ..exchange.settings import Settings
from ..servers import box, build, run, server

Rule = Callable[[Any], bool]


def text_list(value: Any) -> bool:
    """Tell whether a value is a list of texts that a program can be given."""
    return isinstance(value, list) and all(isinstance(item, str) and "\0" not in item for item in value)


def box_rules(settings: Settings, person: Person) -> dict[str, tuple[bool, Rule]]:
    """Return what differs for a container for files: one image, one command, no port but its own, marked as such."""
    return {
        "Image": (True, lambda value: value == settings.box_image),
        "Cmd": (True, lambda value: value == list(box.COMMAND)),
        "ExposedPorts": (True, lambda value: value == {f"{box.PORT}/tcp": {}}),
        "Labels": (
            True,
            lambda value: (
                isinstance(value, dict)
                and set(value) == {server.USER_LABEL, server.ROOM_LABEL, box.LABEL}
                and value[server.USER_LABEL] == person.name
                and value[server.ROOM_LABEL] == server.ROOM
                and isinstance(value[box.LABEL], str)
            ),
        ),
    }


def run_rules(person: Person) -> dict[str, tuple[bool, Rule]]:
    """Return what differs for a container for runs: one program, no port, marked as such."""
    return {
        "Cmd": (True, lambda value: text_list(value) and run.fits(value)),
        "Labels": (
            True,
            lambda value: (
                isinstance(value, dict)
                and set(value) == {server.USER_LABEL, server.ROOM_LABEL, server.IMAGE_LABEL, run.LABEL}
                and value[server.USER_LABEL] == person.name
                and value[server.ROOM_LABEL] == server.ROOM
                and all(isinstance(text, str) for text in value.values())
                and run.RUN.fullmatch(value[run.LABEL]) is not None
            ),
        ),
    }


def build_rules(settings: Settings, images: Sequence[Image], person: Person) -> dict[str, tuple[bool, Rule]]:
    """Return what differs for a container for builds: an image of the lab, one program, no port, marked as such."""
    own = [one for one in images if one.state == "ready" and one.allowed_for(person)]
    references = {one.reference for one in own if not one.repository.startswith(build.TREE)}
    most, longest = settings.builds_most_bytes, settings.builds_longest_seconds
    keys = {server.USER_LABEL, server.ROOM_LABEL, server.IMAGE_LABEL, build.LABEL}
    return {
        "Image": (True, lambda value: isinstance(value, str) and value in references),
        "Cmd": (True, lambda value: text_list(value) and build.fits(value, most, longest)),
        "Labels": (
            True,
            lambda value: (
                isinstance(value, dict)
                and set(value) == keys
                and value[server.USER_LABEL] == person.name
                and value[server.ROOM_LABEL] == server.ROOM
                and all(isinstance(text, str) for text in value.values())
                and build.BUILD.fullmatch(value[build.LABEL]) is not None
            ),
        ),
    }
