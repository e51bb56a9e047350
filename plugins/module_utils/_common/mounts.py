# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is mounted where, by /proc/self/mountinfo (proc(5)). Nothing here looks into a mounted file system."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """A line of mountinfo; ``options`` are those of the mount and of the file system together.

    ``origin`` is the folder within the file system that is seen at ``target`` (of interest for bind mounts),
    ``device`` its numbers as ``major:minor``.
    """

    target: str
    source: str
    fstype: str
    options: frozenset[str]
    origin: str = "/"
    device: str = ""

    @property
    def read_only(self) -> bool:
        return "ro" in self.options


def unescape(field: str) -> str:
    r"""Decode the ``\ooo`` escapes (one byte each) of mountinfo and fstab; anything else stays literal."""
    if "\\" not in field:
        return field
    raw = field.encode("utf-8", "surrogateescape").decode("latin-1")
    raw = _OCTAL.sub(lambda found: chr(int(found[1], 8) & 0xFF), raw)
    return raw.encode("latin-1").decode("utf-8", "surrogateescape")


def parse(text: str) -> tuple[Mount, ...]:
    """Read the lines of a mountinfo file, the lowest mount of a stack first; lines of another form are passed over."""
    result = []
    for line in text.splitlines():
        before, _separator, after = line.partition(" - ")
        left, right = before.split(" "), after.split(" ")
        if len(left) < 6 or len(right) < 2:
            continue
        options = frozenset(left[5].split(",")) | frozenset(right[2].split(",") if len(right) > 2 else ())
        result.append(
            Mount(unescape(left[4]), unescape(right[1]), right[0], options, unescape(left[3]), device=left[2])
        )
    return tuple(result)


def read(path: Path = MOUNTINFO) -> tuple[Mount, ...]:
    """Read what is mounted now; raises OSError."""
    return parse(path.read_bytes().decode("utf-8", "surrogateescape"))


def planned(root: Path = Path("/"), also_by_hand: bool = False) -> tuple[str, ...]:
    """Return the mount points of fstab that are mounted at boot, with ``also_by_hand`` those with ``noauto`` as well.

    ``root`` is where the host's file system begins. Without a readable fstab there are none.
    """
    try:
        text = (root / "etc/fstab").read_text("utf-8", "surrogateescape")
    except OSError:
        return ()
    fields = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return tuple(
        os.path.normpath(unescape(words[1]))
        for words in fields
        if len(words) >= 2
        and words[1].startswith("/")
        and (also_by_hand or len(words) < 4 or "noauto" not in words[3].split(","))
    )


def inside(path: str, folder: str) -> bool:
    """Tell whether a path is a folder or lies below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def holding(folder: str, mounts: Iterable[Mount]) -> Mount | None:
    """Return the mount that a folder lies on: the last one of the longest path, or None."""
    best: Mount | None = None
    for mount in mounts:
        if inside(folder, mount.target) and (best is None or len(mount.target) >= len(best.target)):
            best = mount
    return best


def below(folder: str, mounts: Iterable[Mount]) -> tuple[Mount, ...]:
    """Return the mounts at a folder and below it."""
    return tuple(mount for mount in mounts if mount.target == folder or mount.target.startswith(f"{folder}/"))
