# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads expressions of Prometheus (the part of PromQL that a dashboard uses), to see which series they ask for.

Source: "Querying Prometheus" (https://prometheus.io/docs/prometheus/latest/querying/), basics, operators and functions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

AGGREGATIONS = {"sum", "min", "max", "avg", "group", "stddev", "stdvar", "count"}
FUNCTIONS = {  # name -> how many arguments
    "abs": 1, "ceil": 1, "clamp_max": 2, "clamp_min": 2, "deriv": 1, "floor": 1, "increase": 1, "max_over_time": 1,
    "min_over_time": 1, "rate": 1, "round": 1, "scalar": 1, "sort": 1, "sort_desc": 1, "time": 0, "vector": 1,
}  # fmt: skip
BINARY = (("or",), ("and", "unless"), ("==", "!=", "<=", "<", ">=", ">"), ("+", "-"), ("*", "/", "%"), ("^",))
COMPARING = BINARY[2]
TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?)(?![\w:])|(?P<duration>(?:\d+(?:ms|[smhdwy]))+)(?!\w)
    |(?P<name>[a-zA-Z_:][\w:]*)|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<sign>=~|!~|==|!=|<=|>=|[-+*/%^=<>(){}\[\],]))""",
    re.VERBOSE,
)


class PromqlError(ValueError):
    """The expression is none."""


@dataclass(frozen=True)
class Matcher:
    """A condition on one label; ``sign`` is =, !=, =~ or !~."""

    label: str
    sign: str
    value: str

    def holds(self, value: str) -> bool:
        """Tell whether it holds; a label that is not there is empty, and an expression is anchored at both ends."""
        met = value == self.value if "~" not in self.sign else re.fullmatch(self.value, value) is not None
        return met is not self.sign.startswith("!")


@dataclass
class Selector:
    """The series that an expression asks for."""

    matchers: list[Matcher] = field(default_factory=list)

    def picks(self, name: str, labels: Mapping[str, str]) -> bool:
        """Tell whether a series is one of them."""
        return all(one.holds({**labels, "__name__": name}.get(one.label, "")) for one in self.matchers)


@dataclass
class Asked:
    """What an expression asks for: its selectors, and the labels by which it groups."""

    selectors: list[Selector] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.asked = text, Asked()
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            found = TOKEN.match(text, at)
            if not found or not found.lastgroup:
                raise PromqlError(f"{text!r}: nothing of PromQL begins at {text[at:]!r}")
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self.at = 0

    @property
    def next(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self, *wanted: str) -> str:
        """Take one of these words, or the next of a kind (name, text, number, duration)."""
        kind, word = self.next
        if word not in wanted and kind not in wanted:
            raise PromqlError(f"{self.text!r}: {word or 'the end'!r} stands where one of {wanted} belongs")
        self.at += 1
        return word

    def has(self, *words: str) -> bool:
        """Take the next word where it is one of these."""
        if self.next[0] in ("sign", "name") and self.next[1] in words:
            self.at += 1
            return True
        return False

    def expression(self, level: int = 0) -> None:
        if level == len(BINARY):
            self.unary()
            return
        self.expression(level + 1)
        while (word := self.next[1]) in BINARY[level] and self.next[0] in ("sign", "name"):
            self.at += 1
            if word in COMPARING:
                self.has("bool")
            if self.has("on", "ignoring"):
                self.labels()
                if self.has("group_left", "group_right") and self.next[1] == "(":
                    self.labels()
            self.expression(level + 1)

    def unary(self) -> None:
        if self.has("-", "+"):
            self.unary()
            return
        kind, word = self.next
        if self.has("("):
            self.expression()
            self.take(")")
        elif kind == "number":
            self.at += 1
        elif kind == "name" and word in AGGREGATIONS:
            self.at += 1
            grouped = self.grouping()
            if self.arguments() != 1:
                raise PromqlError(f"{self.text!r}: {word} takes one argument")
            if not grouped:
                self.grouping()
        elif kind == "name" and self.at + 1 < len(self.tokens) and self.tokens[self.at + 1][1] == "(":
            self.at += 1
            if word not in FUNCTIONS or self.arguments() != FUNCTIONS[word]:
                raise PromqlError(f"{self.text!r}: {word} is no function, or has other arguments")
        else:
            self.selector()

    def grouping(self) -> bool:
        if not self.has("by", "without"):
            return False
        self.labels()
        return True

    def labels(self) -> None:
        self.take("(")
        while not self.has(")"):
            self.asked.labels.add(self.take("name"))
            if self.next[1] != ")":
                self.take(",")

    def arguments(self) -> int:
        self.take("(")
        count = 0
        while not self.has(")"):
            self.expression()
            count += 1
            if self.next[1] != ")":
                self.take(",")
        return count

    def selector(self) -> None:
        found = Selector()
        if self.next[0] == "name":
            found.matchers.append(Matcher("__name__", "=", self.take("name")))
        elif self.next[1] != "{":
            raise PromqlError(f"{self.text!r}: {self.next[1] or 'the end'!r} stands where a metric belongs")
        if self.has("{"):
            while not self.has("}"):
                label, sign = self.take("name"), self.take("=", "!=", "=~", "!~")
                found.matchers.append(Matcher(label, sign, self.take("text")[1:-1]))
                if "~" in sign:
                    re.compile(found.matchers[-1].value)
                if self.next[1] != "}":
                    self.take(",")
        if all(one.holds("") for one in found.matchers):
            raise PromqlError(f"{self.text!r}: a selector that holds for everything")
        if self.has("["):
            self.take("duration")
            self.take("]")
        if self.has("offset"):
            self.take("duration")
        self.asked.selectors.append(found)


def read(text: str) -> Asked:
    """Return what an expression asks for. Raises PromqlError, and re.error for a pattern that is none."""
    reader = _Reader(text)
    reader.expression()
    reader.take("end")
    return reader.asked
