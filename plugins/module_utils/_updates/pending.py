# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What apt would install now, from its own simulation, and what of it waits for the window. All pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .policy import Policy
from .settings import part_of

SIMULATE = ("apt-get", "-s", "-q", "-o", "Debug::NoLocking=1", "dist-upgrade")
"""Two seconds of CPU; changes nothing and needs no lock."""
INSTALL = re.compile(r"^Inst (\S+)(?: \[([^]]*)\])? \((\S+) ([^[)]*)")
KEPT_BACK = re.compile(r"^The following packages have been kept back:\n((?: +.*\n)*)", re.MULTILINE)
SECURITY = re.compile(r"-security(?:,|\s|$)")
DOCKERS_OWN = "Docker CE:"
"""Label of Docker's own repository, which has no other place for updates of security."""


@dataclass(frozen=True)
class Package:
    """A package with another version than the installed one. ``part``: ``engine``, ``drivers`` or nothing."""

    name: str
    version: str
    security: bool
    part: str = ""


@dataclass(frozen=True)
class Pending:
    """What waits, by what becomes of it; names, but for ``packages``."""

    packages: tuple[Package, ...] = ()
    kept_back: tuple[str, ...] = ()

    @property
    def engine(self) -> tuple[str, ...]:
        """The packages of the engine that are updated with it."""
        return tuple(one.name for one in self.packages if one.part == "engine" and one.security)

    @property
    def drivers(self) -> tuple[str, ...]:
        """The packages of NVIDIA's driver that come with the next restart."""
        return tuple(one.name for one in self.packages if one.part == "drivers" and one.security)


def parse(said: str) -> Pending:
    """Read the output of ``SIMULATE`` (in English)."""
    packages = []
    for line in said.splitlines():
        if found := INSTALL.match(line):
            name, _old, version, sources = found.groups()
            part = part_of(name)
            security = bool(SECURITY.search(sources)) or (part == "engine" and DOCKERS_OWN in sources)
            packages.append(Package(name, version, security, part))
    kept = KEPT_BACK.search(said)
    return Pending(tuple(packages), tuple(kept.group(1).split()) if kept else ())


def told(pending: Pending, wanted: Policy | None) -> list[dict[str, str]]:
    """Return one row a package: name, version and what becomes of it."""
    rows = [{"package": one.name, "version": one.version, "becomes": _becomes(one, wanted)} for one in pending.packages]
    held = "apt keeps it back: it is held (apt-mark showhold), or needs what is not there"
    return rows + [{"package": name, "version": "", "becomes": held} for name in pending.kept_back]


def _becomes(one: Package, wanted: Policy | None) -> str:
    if wanted is None:
        return "left to the host's own settings"
    if not one.security:
        return "is not of security: left to you (apt upgrade)"
    if one.part == "engine":
        return {
            "with_reboot": "waits for the window: people's servers hang on it",
            "when_idle": "waits until nobody's server runs, or for the window",
            "never": "left to you (engine: never): people's servers hang on it",
        }[wanted.engine]
    if one.part == "drivers":
        return "waits for the window" if wanted.reboot else "left to you: it needs a restart of the host"
    return "installed within a day" if wanted.security else "left to you (security: false)"


def names(packages: Iterable[str], most: int = 4) -> str:
    """Return names for a sentence; of many, the first ones."""
    listed = list(packages)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")
