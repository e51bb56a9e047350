# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Graphics cards of a host: which the driver knows, and in which way its Docker engine hands them to a container.

There are two ways. The older one is a hook of NVIDIA's container toolkit, which Docker runs when it starts a container
(moby, ``daemon/nvidia_linux.go``). With CDI a file says what a card needs (device nodes, the driver's libraries), and
Docker itself applies it: since 25 when asked for the driver ``cdi`` (``daemon/devices.go``), since 29 also when asked
for the driver ``nvidia`` (moby #50228, ``daemon/devices_nvidia_linux.go``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOOK = "usr/bin/nvidia-container-runtime-hook"
CDI_HOOK = "usr/bin/nvidia-cdi-hook"
CONFIG = "etc/nvidia-container-runtime/config.toml"
CARDS = "proc/driver/nvidia/gpus"
KIND = "nvidia.com/gpu="
CDI_FOR_NVIDIA = 29
"""Since this version Docker's driver ``nvidia`` knows CDI."""
AGAIN = (
    "make it again with `nvidia-ctk cdi generate --output=/var/run/cdi/nvidia.yaml` (toolkit 1.18 and later: "
    "`systemctl restart nvidia-cdi-refresh`)"
)


@dataclass(frozen=True)
class Way:
    """How cards are handed out: the ``driver`` of Docker's requests (empty: not at all), which, and what to tell."""

    driver: str
    cards: list[str]
    words: str
    warnings: list[str]


def cards(root: Path) -> list[str]:
    """Return the ids of the cards that the driver knows, in the order of the bus."""
    found = []
    for card in sorted((root / CARDS).glob("*/information")):
        uuid = re.search(r"^GPU UUID:\s*(GPU-[0-9a-f-]+)\s*$", card.read_text(), re.MULTILINE)
        if uuid:
            found.append(uuid.group(1))
    return found


def way(root: Path, info: Mapping[str, Any], chosen: Sequence[str] = ()) -> Way:
    """Return how this host's engine hands out cards; ``info`` as the engine tells it, empty without an engine.

    ``chosen``: the cards that the inventory names; without them those that the driver knows.
    """
    known = list(chosen) or cards(root)
    hook, cdi_hook = (root / HOOK).exists(), (root / CDI_HOOK).exists()
    version = re.match(r"\d+", str(info.get("ServerVersion") or ""))
    new = version is not None and int(version.group()) >= CDI_FOR_NVIDIA
    listed = _listed(info)
    if not known:
        return Way("", [], "no graphics card" + (", though the toolkit is there" if hook or cdi_hook else ""), [])
    if new and cdi_hook and hook:
        return Way("nvidia", known, "Docker hands out cards by CDI, or else by the toolkit's hook", [])
    if hook:
        return Way("nvidia", known, "Docker hands out cards by the toolkit's hook (the older way)", _mode(root))
    if (new and cdi_hook) or listed is not None:
        return _by_cdi("nvidia" if new and cdi_hook else "cdi", known, listed)
    return Way("", [], "Docker cannot hand out the graphics cards", [_nothing(known, cdi_hook)])


def _listed(info: Mapping[str, Any]) -> set[str] | None:
    """Return the cards that CDI describes to Docker; None when it has found none, or does not tell (before 28.2)."""
    names = [str(one.get("ID", "")) for one in info.get("DiscoveredDevices") or [] if one.get("Source") == "cdi"]
    return {name.removeprefix(KIND) for name in names if name.startswith(KIND)} or None


def _by_cdi(driver: str, known: list[str], listed: set[str] | None) -> Way:
    there = [card for card in known if listed is None or card in listed]
    missing = [card for card in known if card not in there]
    warnings = []
    if listed is None:
        warnings.append(
            "Docker hands out cards by CDI, but has found no description of one in its `cdi-spec-dirs`; " + AGAIN
        )
        there = []
    elif missing:
        warnings.append(
            f"CDI's description on this host does not name {', '.join(missing)} "
            f"(it names {', '.join(sorted(listed))}); it was made for other cards, or with numbers only: {AGAIN}"
        )
    return Way(driver if there else "", there, "Docker hands out cards by CDI", warnings)


def _mode(root: Path) -> list[str]:
    try:
        text = (root / CONFIG).read_text(errors="replace")
    except OSError:
        return []
    if not re.search(r'^\s*mode\s*=\s*"cdi"', text, re.MULTILINE):
        return []
    return [
        f'/{CONFIG} has mode = "cdi", in which the toolkit refuses what Docker asks of its hook; set mode = "auto", or '
        f"use Docker {CDI_FOR_NVIDIA} or later, which uses CDI by itself"
    ]


def _nothing(known: list[str], cdi_hook: bool) -> str:
    what = (
        "only the base package of NVIDIA's container toolkit is installed and Docker has found no CDI description: "
        + AGAIN
        if cdi_hook
        else "NVIDIA's container toolkit is not installed: install nvidia-container-toolkit"
    )
    return f"there are {len(known)} graphics card(s), but Docker cannot hand them out; {what}, and restart Docker"
