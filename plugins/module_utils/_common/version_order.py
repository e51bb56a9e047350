# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of two versions is the newer, as dpkg (deb-version(7)), PyPI (PEP 440) and npm (semver.org) say.

A host has no library for the second and third, and dpkg's own answer is a process for each pair.
"""

from __future__ import annotations

import re
from typing import Any

PEP440 = re.compile(
    r"v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<pre>alpha|beta|preview|pre|rc|a|b|c)[-_.]?(?P<pre_number>\d*))?"
    r"(?P<post>-(?P<post_bare>\d+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>\d*))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_number>\d*))?(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?"
)
PHASES = {"alpha": 0, "a": 0, "beta": 1, "b": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}


def key(kind: str, version: str) -> Any:
    """Return what sorts versions of one kind: ``deb``, ``pypi`` or ``npm``."""
    if kind == "deb":
        return _debian(version)
    return (_python(version) if kind == "pypi" else _semantic(version)) or (0, _debian(version))


def _debian(version: str) -> Any:
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, _dash, revision = rest.rpartition("-") if "-" in rest else (rest, "", "0")
    return (int(epoch) if epoch.isdigit() else 0, _parts(upstream), _parts(revision))


def _parts(text: str) -> tuple[Any, ...]:
    """Texts and numbers in turn. In texts ``~`` sorts before the end, letters before all else."""
    found: list[Any] = []
    for letters, digits in re.findall(r"(\D*)(\d*)", text):
        if letters or digits:
            order = [-1 if one == "~" else ord(one) + (0 if one.isalpha() else 256) for one in letters]
            found.append(((*order, 0), int(digits or 0)))
    return (*found, ((0,), 0))


def _python(version: str) -> Any:
    match = PEP440.fullmatch(version.strip().lower())
    if not match:
        return None  # an old version that PEP 440 does not know sorts before all it knows
    release = [int(part) for part in match["release"].split(".")]
    while len(release) > 1 and release[-1] == 0:
        release.pop()
    if match["pre"]:
        phase: tuple[int, int] = (PHASES[match["pre"]], int(match["pre_number"] or 0))
    else:
        phase = (-1, 0) if match["dev"] and not match["post"] else (3, 0)
    post = int(match["post_bare"] or match["post_number"] or 0) if match["post"] else -1
    dev: tuple[int, int] = (0, int(match["dev_number"] or 0)) if match["dev"] else (1, 0)
    local = [
        (1, int(part), "") if part.isdigit() else (0, 0, part)
        for part in re.split(r"[-_.]", match["local"] or "")
        if part
    ]
    return (1, int(match["epoch"] or 0), tuple(release), phase, post, dev, tuple(local))


def _semantic(version: str) -> Any:
    match = re.fullmatch(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+.*)?", version.strip())
    if not match:
        return None
    numbers = tuple(int(part or 0) for part in match.groups()[:3])
    before = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in (match[4] or "").split(".") if part]
    return (1, numbers, (0, tuple(before)) if before else (1, ()))
