# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is in an image: the packages of its Python and of its distribution, asked for once with its own Python.

Nothing has to be prepared in an image for this, so it works for those that a lab built or pulled as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._common import files, words

FOLDER = "packages"
"""Beside images.json: one file for each image, named by its digest."""
MOST = 20_000
"""More packages than any image has; who tells more is not believed."""
# Runs in the image, with the Python of its notebook server. conda's records are files, Debian's one text.
QUESTION = r"""
import importlib.metadata as m, json, os, sys
python = {"Python": sys.version.split()[0]}
for d in m.distributions():
    if d.metadata["Name"]:
        python.setdefault(d.metadata["Name"], d.version)
folder = os.path.join(sys.prefix, "conda-meta")
conda = {}
for name in os.listdir(folder) if os.path.isdir(folder) else ():
    if name.endswith(".json"):
        n, v, _ = name[:-5].rsplit("-", 2)
        conda[n] = v
system = {}
try:
    text = open("/var/lib/dpkg/status", errors="replace").read()
except OSError:
    text = ""
for block in text.split("\n\n"):
    f = dict(l.split(": ", 1) for l in block.splitlines() if ": " in l and l[:1] != " ")
    if f.get("Status", "").endswith(" installed"):
        system[f["Package"]] = f["Version"]
print(json.dumps({"python": python, "system": {**system, **conda}}))
"""


@dataclass(frozen=True)
class Packages:
    """Name -> version, of Python's packages (with Python itself) and of the distribution's and conda's."""

    python: Mapping[str, str] = field(default_factory=dict)
    system: Mapping[str, str] = field(default_factory=dict)


def parse(text: str) -> Packages:
    """Return what an image told of itself; raises ValueError when that is no list of packages."""
    try:
        raw = json.loads(text.strip().splitlines()[-1])
        return Packages(_versions(raw["python"]), _versions(raw["system"]))
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no list of packages: {error!r}") from error


def _versions(raw: Any) -> dict[str, str]:
    if not isinstance(raw, dict) or len(raw) > MOST:
        raise ValueError("it is no list of packages")
    return {words.clean(name, 100): words.clean(version, 60) for name, version in raw.items()}


def normal(name: str) -> str:
    """Return the name of a Python package as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Shelf:
    """The lists that are known, in a folder; what was read once stays in memory."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._known: dict[str, Packages | None] = {}

    def get(self, digest: str) -> Packages | None:
        """Return the packages of an image, None when they are not known."""
        if digest not in self._known:
            try:
                self._known[digest] = parse(self._file(digest).read_text())
            except (OSError, ValueError):
                self._known[digest] = None
        return self._known[digest]

    def put(self, digest: str, found: Packages) -> None:
        """Keep the packages of an image; none at all: it does not tell them, and is not asked again."""
        self._known[digest] = found
        self._folder.mkdir(mode=0o755, exist_ok=True)
        document = {"python": dict(found.python), "system": dict(found.system)}
        files.replace(self._file(digest), json.dumps(document, sort_keys=True).encode() + b"\n")

    def keep(self, digests: set[str]) -> None:
        """Forget all others."""
        wanted = {self._file(digest).name for digest in digests}
        for file in self._folder.glob("*.json"):
            if file.name not in wanted:
                file.unlink(missing_ok=True)
        self._known = {digest: found for digest, found in self._known.items() if digest in digests}

    def _file(self, digest: str) -> Path:
        return self._folder / f"{digest.removeprefix('sha256:')}.json"
