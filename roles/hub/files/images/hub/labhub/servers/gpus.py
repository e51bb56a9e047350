# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which graphics card is used by which server, read from the labels of Docker's containers: never out of date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..words.language import gettext, later

LABEL = "org.labserver.gpus"
"""Label of a person's server: the ids of its cards, separated by commas. The guard compares it with the request."""
CDI_KIND = "nvidia.com/gpu="
"""How Docker's driver ``cdi`` is told of a card."""
GONE = ("exited", "dead")


def request(driver: str, cards: Sequence[str]) -> dict[str, object]:
    """Return what Docker is asked for to hand cards to a container, by its driver ``nvidia`` or ``cdi``."""
    if driver == "cdi":
        return {"Driver": "cdi", "DeviceIDs": [CDI_KIND + card for card in cards]}
    return {"Driver": "nvidia", "DeviceIDs": list(cards), "Capabilities": [["gpu"]]}


def holders(containers: Iterable[Mapping[str, Any]], user_label: str) -> dict[str, str]:
    """Return who uses which card; ``containers`` as Docker lists people's servers, stopped ones included."""
    found: dict[str, str] = {}
    for one in containers:
        labels = one.get("Labels") or {}
        if one.get("State") in GONE:
            continue
        for card in filter(None, str(labels.get(LABEL, "")).split(",")):
            found[card] = str(labels.get(user_label, ""))
    return found


def of(held: Mapping[str, str], name: str) -> int:
    """Return how many cards somebody's servers hold."""
    return sum(holder == name for holder in held.values())


def allocate(known: Sequence[str], held: Mapping[str, str], wanted: int) -> tuple[str, ...] | None:
    """Return the first ``wanted`` cards that nobody uses; None if there are not enough."""
    free = [card for card in known if card not in held]
    return tuple(free[:wanted]) if wanted <= len(free) else None


def number(known: Sequence[str], card: str) -> str:
    """Return what people call a card: its place in the list."""
    return f"GPU {known.index(card)}" if card in known else card


def book(known: Sequence[str], held: Mapping[str, str]) -> str:
    """Return as text who uses which card."""
    free = gettext("free")
    return ", ".join(f"{number(known, card)}: {held.get(card) or free}" for card in known)


def refusal(known: Sequence[str], held: Mapping[str, str], wanted: int) -> tuple[str, dict[str, str]]:
    """Return why there are no ``wanted`` cards now: the sentence in English, and the values that belong into it."""
    free = sum(card not in held for card in known)
    if free == 0:
        text = later(
            "The graphics cards of this server are all in use: {book}. Start without, or wait until somebody stops."
        )
    else:
        text = later(
            "The graphics cards of this server are not free in that number ({wanted} wanted, {free} free): {book}."
            " Start without, or wait until somebody stops."
        )
    return text, {"book": book(known, held), "wanted": str(wanted), "free": str(free)}


def more(granted: int, mine: int) -> tuple[str, dict[str, str]]:
    """Return why somebody whose servers hold ``mine`` cards gets no more of them, as ``refusal`` does."""
    text = later("You may use {granted} graphics cards at once, and your other servers hold {mine}. Start without.")
    return text, {"granted": str(granted), "mine": str(mine)}


def most(known: Sequence[str], granted: int, mine: int = 0) -> int:
    """Return how many cards a person may choose on this host whose other servers hold ``mine``."""
    return min(len(known), max(granted - mine, 0))


def wish(options: Mapping[str, Any], most: int) -> int | None:
    """Return how many cards somebody chose, at most ``most`` (an earlier choice may be more); None for no number."""
    try:
        wanted = int(options.get("gpus") or 0)
    except (TypeError, ValueError, OverflowError):
        return None
    return min(wanted, most) if wanted >= 0 else None
