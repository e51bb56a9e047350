# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a folder of packages holds, read from the records that pip and uv leave (``*.dist-info``)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .find import HERE, minors


@dataclass(frozen=True)
class Package:
    """An installed package. ``source``: where it came from when that is no index; ``requested``: asked for by name."""

    name: str
    version: str
    requested: bool
    source: str = ""
    editable: bool = False

    def line(self, pinned: bool) -> str:
        """Return the line of a requirements file."""
        if self.source:
            return f"-e {self.source}" if self.editable else f"{self.name} @ {self.source}"
        return f"{self.name}=={self.version}" if pinned else self.name


def site_packages(prefix: Path, minor: int) -> Path:
    """Return the folder of the packages of a Python."""
    return prefix / "lib" / f"python3.{minor}" / "site-packages"


def packages(site: Path) -> list[Package]:
    """Return what is installed in a folder of packages, by name."""
    found = [_package(path) for path in sorted(site.glob("*.dist-info"))]
    return sorted((one for one in found if one), key=lambda one: one.name.lower())


def wanted(found: list[Package]) -> list[Package]:
    """Return the packages that somebody asked for; all when that was not recorded."""
    return [one for one in found if one.requested] or found


def _package(record: Path) -> Package | None:
    try:
        head = (record / "METADATA").read_text(errors="replace").split("\n\n", 1)[0].splitlines()
        fields = dict(line.split(": ", 1) for line in head if ": " in line and not line.startswith((" ", "\t")))
        source, editable = "", False
        if (record / "direct_url.json").exists():
            direct = json.loads((record / "direct_url.json").read_text())
            source, editable = str(direct["url"]), bool((direct.get("dir_info") or {}).get("editable"))
            if direct.get("vcs_info"):
                source = f"{direct['vcs_info']['vcs']}+{source}@{direct['vcs_info']['commit_id']}"
        return Package(fields["Name"], fields["Version"], (record / "REQUESTED").exists(), source, editable)
    except (OSError, ValueError, KeyError):
        return None


def former(home: Path) -> dict[int, list[Package]]:
    """Return what ``pip install --user`` left for another Python than the image's, by its minor version.

    Without what was installed again for the image's.
    """
    base = home / ".local"
    present = {one.name.lower() for one in packages(site_packages(base, HERE))}
    found = {}
    for minor in minors(base):
        if minor != HERE:
            left = [one for one in wanted(packages(site_packages(base, minor))) if one.name.lower() not in present]
            if left:
                found[minor] = left
    return found


def provider(home: Path, module: str) -> tuple[str, int] | None:
    """Return package and minor version from which a module could be imported before the image's Python changed."""
    base = home / ".local"
    for minor in reversed([one for one in minors(base) if one != HERE]):
        for name in _records(site_packages(base, minor), module):
            return name, minor
    return None


def _records(site: Path, module: str) -> Iterator[str]:
    for record in site.glob("*.dist-info"):
        found = _package(record)
        try:
            lines = (record / "RECORD").read_text(errors="replace").splitlines()
        except OSError:
            continue
        if found and any(line.startswith((f"{module}/", f"{module}.")) for line in lines):
            yield found.name
