# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the hub asks for: finished builds to publish, images to remove. Each order is checked against the host's files.

The hub is not believed: whose home is read, for which group an image is, and on which it is made, the roster and the
list of images say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._catalogue.model import Entry
from .._common import exchange

PACKING, REMOVING = "packing", "removing"
TREE = "people"
"""Below this all repositories of people's images lie."""
IDENTITY = re.compile(r"[0-9a-f]{12}")
NAME = re.compile(r"[a-z](?:-?[a-z0-9]){0,29}")
TAG = re.compile(r"[0-9]{8}-[0-9]{6}")
COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
"""A part of a repository's name (https://github.com/distribution/reference)."""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
MOST_ORDERS = 10_000


class RefusedError(Exception):
    """An order that is not followed; the text says why."""


@dataclass(frozen=True)
class Person:
    """The account of a person who may use the hub."""

    uid: int
    gid: int
    home: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Order:
    """A build to publish, or an image to remove (``state``)."""

    identity: str
    state: str
    owner: str
    uid: int
    group: str
    name: str
    tag: str
    source: str
    base_repository: str
    base_digest: str

    @property
    def repository(self) -> str:
        """Where the image belongs: nobody has the part of the name that is somebody else's."""
        return f"{TREE}/{self.group}/{self.owner}/{self.name}"


def people(document: Mapping[str, Any]) -> dict[str, Person]:
    """Return the people of a roster who may use the hub, without rooms; raises ExchangeError."""
    try:
        return {
            str(name): Person(int(one["uid"]), int(one["gid"]), str(one["home"]), tuple(one.get("groups") or ()))
            for name, one in document["users"].items()
            if one["state"] == "present" and one.get("room") is None
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise exchange.ExchangeError(f"roster.json is damaged ({error!r}); {exchange.HINT}") from error


def _order(raw: Mapping[str, Any]) -> Order:
    texts = ("id", "state", "owner", "group", "name", "tag", "source", "base_repository", "base_digest")
    values = [raw[key] for key in texts]
    if not all(isinstance(value, str) for value in values) or not isinstance(raw["uid"], int):
        raise ValueError("a field is no text")
    found = Order(values[0], values[1], values[2], raw["uid"], *values[3:])
    for pattern, text, what in (
        (IDENTITY, found.identity, "id"),
        (COMPONENT, found.owner, "owner"),
        (COMPONENT, found.group, "group"),
        (NAME, found.name, "name"),
        (TAG, found.tag, "tag"),
    ):
        if not pattern.fullmatch(text):
            raise ValueError(f"its {what} is not as it has to be")
    return found


def read(content: bytes, name: str) -> tuple[list[Order], list[str], frozenset[str]]:
    """Return the orders of the hub's file, what is wrong with others, and the ids of all builds it knows.

    Raises ExchangeError when it is no such file.
    """
    document = exchange.parse(content, name)
    found, problems, known = [], [], set()
    builds = document.get("builds")
    if not isinstance(builds, list):
        raise exchange.ExchangeError(f"{name} is damaged: it has no list of builds")
    for raw in builds[:MOST_ORDERS]:
        try:
            known.add(str(raw["id"]))
            if raw["state"] in (PACKING, REMOVING):
                found.append(_order(raw))
        except (KeyError, TypeError, ValueError) as error:
            problems.append(f"an order in {name} cannot be read: {error}")
    return found, problems, frozenset(known)


def check(order: Order, known: Mapping[str, Person], images: Sequence[Entry], groups: Sequence[str]) -> Person:
    """Return whose build it is, when it may become an image of its group; raises RefusedError."""
    person = known.get(order.owner)
    if person is None or person.uid != order.uid or person.uid < 1000:
        raise RefusedError("its person may not use the hub any more")
    if order.group not in person.groups or order.group not in groups:
        raise RefusedError(f"for the group {order.group} its person may make no images")
    base = next(
        (one for one in images if (one.repository, one.digest) == (order.base_repository, order.base_digest)), None
    )
    if base is None or base.state != "ready" or base.repository.startswith(f"{TREE}/"):
        raise RefusedError("the image that it was made on is not offered any more")
    # Else somebody of two groups hands on to the one what is meant for the other.
    if base.groups is not None and order.group not in base.groups:
        raise RefusedError(f"the image that it was made on is not for the group {order.group}")
    return person
