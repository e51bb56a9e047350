# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The account files of a host as tables whose foreign lines stay what they are, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

# In the order in which they are written: an account exists only when all that belongs to it is there already, so a run
# that dies in between leaves no half account, and the next one goes on. Each with its number of fields.
FIELDS = {"subuid": 3, "subgid": 3, "group": 4, "gshadow": 4, "shadow": 9, "passwd": 7}


class Table:
    """One file of colon-separated lines, for example /etc/passwd. Lines that are not changed keep their bytes."""

    def __init__(self, content: bytes, fields: int, name: str = "passwd") -> None:
        text = content.decode("utf-8", "surrogateescape")
        self.lines: list[str | None] = list(text.split("\n"))
        if self.lines[-1] == "":
            self.lines.pop()
        self.fields = fields
        self.name = name
        self._index: dict[str, int] = {}
        self._compat: int | None = None  # NIS entries (+::::) must stay last
        for number, line in enumerate(self.lines):
            name = (line or "").split(":", 1)[0]
            if name[:1] in ("+", "-"):
                self._compat = number if self._compat is None else self._compat
            elif name and not name.startswith("#") and ":" in (line or ""):
                self._index.setdefault(name, number)
        self._added: list[str] = []

    def __contains__(self, name: str) -> bool:
        return name in self._index

    def get(self, name: str) -> list[str] | None:
        """Return the fields of an entry, padded to the table's number of fields, or None."""
        number = self._index.get(name)
        if number is None:
            return None
        values = self._line(number).split(":")
        return values + [""] * (self.fields - len(values))

    def number(self, name: str, field: int) -> int:
        """Return a field of an entry that has to be a number; raises ValueError that says which line is damaged."""
        values = self.get(name) or []
        if field < len(values) and values[field].isdecimal():
            return int(values[field])
        line = self._index.get(name, -1) + 1
        raise ValueError(
            f"/etc/{self.name} line {line}: the entry {name} is damaged, field {field + 1} of {self.fields} is not a "
            f"number; correct the line with {'vigr' if 'g' in self.name[:1] else 'vipw'}"
        )

    def set(self, name: str, values: list[str]) -> bool:
        """Write an entry; returns whether anything changed."""
        line = ":".join(values)
        number = self._index.get(name)
        if number is None:
            self._index[name] = -1 - len(self._added)
            self._added.append(line)
            return True
        if self.get(name) == values:
            return False
        if number < 0:
            self._added[-1 - number] = line
        else:
            self.lines[number] = line
        return True

    def remove(self, name: str) -> bool:
        """Take an entry out; returns whether it was there."""
        number = self._index.pop(name, None)
        if number is None:
            return False
        if number < 0:
            self._added[-1 - number] = ""
        else:
            self.lines[number] = None
        return True

    def entries(self) -> Iterator[list[str]]:
        """Yield the fields of every entry."""
        for name in list(self._index):
            values = self.get(name)
            if values is not None:
                yield values

    def content(self) -> bytes:
        """Return the file's new content."""
        at = len(self.lines) if self._compat is None else self._compat
        added = [line for line in self._added if line]
        lines = [line for line in self.lines[:at] if line is not None] + added
        lines += [line for line in self.lines[at:] if line is not None]
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")

    def _line(self, number: int) -> str:
        return self._added[-1 - number] if number < 0 else (self.lines[number] or "")


class Ranges(Table):
    """/etc/subuid or /etc/subgid: ranges of further ids; a name may stand there more than once."""

    def next_free(self, low: int, high: int, count: int) -> int | None:
        """Return the start of the first free range of ``count`` ids, as useradd finds it, or None if none is left.

        Gaps that were too small are not looked at again: every call of one run wants as many ids.
        """
        if not hasattr(self, "_taken"):
            self._taken = sorted(
                (int(values[1]), int(values[1]) + int(values[2]))
                for values in (line.split(":") for line in self.lines if line)
                if len(values) == 3 and values[1].isdigit() and values[2].isdigit()
            )
            self._passed = 0
            self._from = low
        start = max(low, self._from)
        while self._passed < len(self._taken) and self._taken[self._passed][0] - start < count:
            start = max(start, self._taken[self._passed][1])
            self._passed += 1
        if start + count - 1 > high:
            return None
        self._from = start + count
        return start


@dataclass
class Tables:
    """All account files; those that a host does not have are missing in ``known``."""

    known: dict[str, Table] = field(default_factory=dict)
    before: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def parse(cls, files: Mapping[str, bytes]) -> Tables:
        """Make the tables of the files' contents, by name without /etc/."""
        known: dict[str, Table] = {}
        for name, content in files.items():
            known[name] = (Ranges if name.startswith("sub") else Table)(content, FIELDS[name], name)
        return cls(known, dict(files))

    @property
    def passwd(self) -> Table:
        return self.known["passwd"]

    @property
    def shadow(self) -> Table:
        return self.known["shadow"]

    @property
    def group(self) -> Table:
        return self.known["group"]

    @property
    def gshadow(self) -> Table | None:
        return self.known.get("gshadow")

    def ranges(self, name: str) -> tuple[tuple[int, int, str], ...]:
        """Return the ranges of /etc/subuid or /etc/subgid: first number, how many, and whose (name or number)."""
        lines = [line.split(":") for line in self.known[name].lines if line] if name in self.known else []
        return tuple(
            (int(fields[1]), int(fields[2]), fields[0])
            for fields in lines
            if len(fields) == 3 and fields[1].isdigit() and fields[2].isdigit()
        )

    def changed(self) -> dict[str, tuple[bytes, bytes]]:
        """Return the old and the new content of the files that change, in the order in which they are written."""
        result: dict[str, tuple[bytes, bytes]] = {}
        for name in FIELDS:
            if name in self.known:
                content = self.known[name].content()
                if content != self.before[name]:
                    result[name] = (self.before[name], content)
        return result


def members_of(tables: Tables, group: str) -> list[str]:
    """Return the accounts that are members of a group by its line, none when there is no such group."""
    entry = tables.group.get(group)
    return [name for name in entry[3].split(",") if name] if entry else []
