# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes one repository out of apt's source files, whoever wrote them, and leaves every other line as it is.

Both formats of sources.list(5): a line an entry (``.list``), and paragraphs with ``URIs:`` (``.sources``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FIELD = re.compile(r"^([A-Za-z-]+):", re.MULTILINE)
URIS = re.compile(r"^URIs:[^\n]*(?:\n[ \t][^\n]*)*", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class Takeover:
    """A file that names the repository, and what stays of it (empty when it held nothing else)."""

    path: Path
    before: str
    after: str


def is_of(uri: str, repository: str) -> bool:
    """Whether ``uri`` is the repository; a slash at the end says nothing."""
    return uri.rstrip("/") == repository.rstrip("/")


def without_lines(text: str, repository: str) -> str:
    """Return a ``.list`` file without the entries of the repository."""
    kept = []
    for line in text.splitlines(keepends=True):
        # deb [options with spaces] URI suite component...
        words = re.sub(r"\[[^]]*\]", " ", line.split("#")[0]).split()
        if not (len(words) > 1 and words[0] in ("deb", "deb-src") and is_of(words[1], repository)):
            kept.append(line)
    return "".join(kept)


def without_paragraphs(text: str, repository: str) -> str:
    """Return a ``.sources`` file without the repository; a paragraph that names others too keeps those."""
    pieces = re.split(r"(\n(?:[ \t]*\n)+)", text)  # paragraphs and what is between them, in turn
    kept = []
    for number, piece in enumerate(pieces):
        found = URIS.search(piece)
        uris = found.group(0).partition(":")[2].split() if found and number % 2 == 0 else []
        others = [uri for uri in uris if not is_of(uri, repository)]
        if len(others) == len(uris):
            kept.append(piece)
        elif others and found:
            kept.append(piece[: found.start()] + "URIs: " + " ".join(others) + piece[found.end() :])
        elif kept:
            kept.pop()  # the empty line before it
    return "".join(kept).lstrip("\n")


def has_entries(text: str, name: str) -> bool:
    """Whether apt would find a source in it."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return any(FIELD.match(line) for line in lines) if name.endswith(".sources") else bool(lines)


def plan(folder: Path, repository: str, keep: str) -> list[Takeover]:
    """Find the repository in the files of ``folder``, but for the file named ``keep``."""
    found = []
    for path in sorted(folder.glob("*.list")) + sorted(folder.glob("*.sources")):
        if path.name == keep:
            continue
        before = path.read_text(errors="surrogateescape")
        after = (without_paragraphs if path.suffix == ".sources" else without_lines)(before, repository)
        if after != before:
            found.append(Takeover(path, before, after if has_entries(after, path.name) else ""))
    return found


def aside(path: Path) -> Path:
    """Return a free name beside ``path`` that apt does not read."""
    name = path.with_name(path.name + ".replaced-by-labserver")
    number = 1
    while name.exists():
        name = path.with_name(f"{path.name}.replaced-by-labserver.~{number}~")
        number += 1
    return name


def apply(takeovers: list[Takeover]) -> None:
    """Keep each file as it was beside itself, and leave in place only what is not of the repository."""
    for item in takeovers:
        kept = aside(item.path)
        if not item.after:
            item.path.rename(kept)
            continue
        kept.write_text(item.before, errors="surrogateescape")
        kept.chmod(item.path.stat().st_mode & 0o7777)
        new = item.path.with_name(f".{item.path.name}.new")
        new.write_text(item.after, errors="surrogateescape")
        new.chmod(item.path.stat().st_mode & 0o7777)
        new.replace(item.path)
