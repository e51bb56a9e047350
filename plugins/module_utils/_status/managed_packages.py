# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The packages that the roles install or hold, and their versions: for the record of a run and the look after it.

``tests/project/test_managed_packages.py`` holds that each package that a role names stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._common import version_order
from .difference import GONE, HELD, NEWER, OLDER, PARTIAL, Difference

STATUS = "var/lib/dpkg/status"
NAMES = frozenset(
    {
        "ca-certificates",
        "certbot",
        "cifs-utils",
        "containerd.io",
        "cron",
        "debian-archive-keyring",
        "docker-buildx",
        "docker-buildx-plugin",
        "docker-ce",
        "docker-ce-cli",
        "docker-cli",
        "docker-compose",
        "docker-compose-plugin",
        "docker-compose-v2",
        "docker.io",
        "iptables",
        "keyutils",
        "mmdebstrap",
        "nfs-common",
        "nginx",
        "openssl",
        "python3-bcrypt",
        "python3-debian",
        "python3-requests",
        "python3-yaml",
        "restic",
        "ubuntu-keyring",
        "unattended-upgrades",
        "zstd",
    }
)
"""Of all systems and inputs; on a host those count that are there when a whole run ends."""
ABSENT = ("not-installed", "config-files")
WHOLE = ("installed", "triggers-awaited", "triggers-pending")
"""States of dpkg(1) in which a package does its work."""


@dataclass(frozen=True)
class Package:
    """``state`` is dpkg's; ``held``: an administrator told apt to leave its version alone."""

    version: str
    held: bool
    state: str = "installed"


def look(root: Path) -> dict[str, Package]:
    """Return those of NAMES that are on the host, by name. Raises OSError, and ValueError for a damaged file."""
    found = {}
    for block in (root / STATUS).read_text("utf-8", "replace").split("\n\n"):
        first = block.lstrip("\n").partition("\n")[0]
        if first.startswith("Package: ") and first.removeprefix("Package: ") in NAMES:
            fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != " ")
            selection, _fault, state = (fields.get("Status") or "").split()
            if state not in ABSENT:
                found[fields["Package"]] = Package(fields.get("Version", ""), selection == "hold", state)
    return found


def compare(left: Mapping[str, Package], found: Mapping[str, Package], day: str) -> list[Difference]:
    """Return what differs, by name; ``day`` is that of the run. A package that came since is told of nowhere."""
    rows = []
    for name in sorted(left):
        before, now = left[name], found.get(name)
        if now is None:
            said = f"it was removed; it was {before.version} when site.yml ran last ({day})"
            rows.append(Difference(name, GONE, said))
            continue
        said = f"{now.version}, was {before.version} when site.yml ran last ({day})"
        older = _key(now.version) < _key(before.version)
        if now.state not in WHOLE and before.state in WHOLE:
            said = f"{now.version} is installed in part ({now.state}); dpkg --configure -a shows why"
            rows.append(Difference(name, PARTIAL, said))
        elif older:
            rows.append(Difference(name, OLDER, said))
        elif now.held and not before.held:
            said = f"{now.version} is held back, so that it gets no updates; apt-mark unhold {name} ends that"
            rows.append(Difference(name, HELD, said))
        elif now.version != before.version:
            rows.append(Difference(name, NEWER, said))
    return rows


def _key(version: str) -> Any:
    return version_order.key("deb", version)
