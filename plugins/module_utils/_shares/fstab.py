# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""``/etc/fstab`` by libmount's rules, every foreign line kept byte for byte.

libmount (util-linux ``tab_parse.c``): a line is a comment only when ``#`` is its first character after blanks; fields
are parted by spaces and tabs, and ``\ooo`` (three octal digits) stands for one byte in any of them; three fields are
enough.
The text is handled as ``str`` with surrogate escapes (see :func:`decode`), so that bytes of any encoding survive.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

_BLANKS = re.compile(r"[ \t]+")
_OCTAL = re.compile(r"\\([0-7])([0-7])([0-7])")
_NUMBER = re.compile(r"[-+]?[0-9]+$")
# What libc's and libmount's readers both understand. A '#' inside a field needs no escape, and libc knows none for it.
_ESCAPES = {" ": "\\040", "\t": "\\011", "\n": "\\012", "\\": "\\134"}


@dataclass(frozen=True)
class Entry:
    """One mount: decoded fields; ``options`` is the fourth field as one text (empty when the line has none)."""

    source: str
    target: str
    fstype: str
    options: str = ""
    freq: int = 0
    passno: int = 0

    def same_as(self, other: Entry) -> bool:
        """Whether both mean the same: the order of options and a trailing slash of the mount point do not count."""
        return (
            (self.source, self.fstype, self.freq, self.passno) == (other.source, other.fstype, other.freq, other.passno)
            and normal_path(self.target) == normal_path(other.target)
            and set(self.options.split(",")) == set(other.options.split(","))
        )


@dataclass(frozen=True)
class Line:
    """A line as it stands in the file (``raw``, with its line end if it has one).

    ``entry`` is None for comments and blank lines. ``complaint`` says why libmount skips the line, else it is empty;
    such a line may still be mounted at boot, because systemd reads fstab through libc, which is less strict.
    """

    raw: str
    entry: Entry | None = None
    complaint: str = ""


def decode(content: bytes) -> str:
    """Return the text of a file's bytes; :func:`encode` gives the very same bytes back."""
    return content.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Return the bytes of a text from :func:`decode`."""
    return text.encode("utf-8", "surrogateescape")


def unmangle(field: str) -> str:
    r"""Decode the ``\ooo`` escapes of a field; anything else stays literal, as libmount has it."""
    if "\\" not in field:
        return field
    raw = _OCTAL.sub(lambda found: chr((int(found[0][1:], 8)) & 0xFF), encode(field).decode("latin-1"))
    return decode(raw.encode("latin-1"))


def mangle(value: str) -> str:
    """Encode a value as a field of fstab."""
    return "".join(_ESCAPES.get(character, character) for character in value)


def normal_path(path: str) -> str:
    """Return the path without doubled or trailing slashes and dots; symbolic links are not followed."""
    normal = posixpath.normpath(path)
    return "/" + normal.lstrip("/") if normal.startswith("/") else normal


def parse_line(raw: str) -> Line:
    """Read one line (with or without its line end)."""
    text = raw.removesuffix("\n").removesuffix("\r").lstrip(" \t")
    if not text or text.startswith("#"):
        return Line(raw)
    fields = [field for field in _BLANKS.split(text) if field]
    values = [unmangle(field) for field in fields]
    if len(values) < 2:
        return Line(raw, complaint="it has fewer than three fields")
    fstype, options = (*values[2:4], "", "")[:2]
    numbers = fields[4:6]
    complaint = ""
    if len(values) < 3:
        complaint = "it has fewer than three fields"
    elif not all(_NUMBER.match(number) for number in numbers):
        complaint = "its fifth or sixth field is not a number"
    freq, passno = (*(int(number) if _NUMBER.match(number) else 0 for number in numbers), 0, 0)[:2]
    return Line(raw, Entry(values[0], values[1], fstype, options, freq, passno), complaint)


def parse(text: str) -> list[Line]:
    """Read a whole fstab; ``render(parse(text)) == text`` for every text."""
    lines = text.split("\n")
    raws = [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    return [parse_line(raw) for raw in raws]


def render(lines: Iterable[Line]) -> str:
    """Return the text of the lines."""
    return "".join(line.raw for line in lines)


def line_of(entry: Entry) -> Line:
    """Write an entry as a line of its own; raises ValueError for what a line cannot hold."""
    for value in (entry.source, entry.target, entry.fstype, entry.options):
        if not value or "\0" in value or "\r" in value or value.startswith("#"):
            raise ValueError(f"{value!r} cannot be a field of fstab")
    fields = [mangle(value) for value in (entry.source, entry.target, entry.fstype, entry.options)]
    return Line(" ".join([*fields, str(entry.freq), str(entry.passno)]) + "\n", entry)


def edit(
    text: str, wanted: Mapping[str, Entry], owner: Callable[[Entry], str | None]
) -> tuple[str, dict[str, list[Entry]]]:
    """Put the wanted entries into an fstab.

    :param wanted: key -> entry.
    :param owner: The key that a line belongs to, or None for a foreign line. The first line of a wanted key is replaced
        where it stands (or kept, byte for byte, when it means the same), its further lines and those of keys that are
        not wanted go. Keys without a line are appended in their order.
    :returns: The new text and, for each key, the entries that were changed or dropped.
    """
    result: list[str] = []
    dropped: dict[str, list[Entry]] = {}
    done: set[str] = set()
    for line in parse(text):
        key = owner(line.entry) if line.entry else None
        if key is None or line.entry is None:
            result.append(line.raw)
            continue
        entry = wanted.get(key)
        if entry is not None and key not in done:
            done.add(key)
            keep = line.entry.same_as(entry) and not line.complaint
            result.append(line.raw if keep else line_of(entry).raw)
            if keep:
                continue
        dropped.setdefault(key, []).append(line.entry)
    missing = [line_of(entry).raw for key, entry in wanted.items() if key not in done]
    # Something now follows the last line (or replaced it): it needs its line end.
    for index, raw in enumerate(result):
        if not raw.endswith("\n") and (missing or index < len(result) - 1):
            result[index] = raw + "\n"
    return "".join(result + missing), dropped
