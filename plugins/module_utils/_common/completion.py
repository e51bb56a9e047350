# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Completion of a program with commands for bash, made from the commands' own parsers, so that it cannot be wrong."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

Command = Callable[[Sequence[str]], int]
KINDS = {"job": "jobs", "person": "people"}
"""Arguments by whose name the program knows the words: ``<program> completion jobs`` prints them."""

SCRIPT = """\
# Completion of {program} for bash, made by "{program} completion".
_{program}() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} words="{commands}"
  if [ "$COMP_CWORD" -gt 1 ]; then
    words=
    case "${{COMP_WORDS[1]}} ${{COMP_WORDS[2]}} " in
{cases}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o bashdefault -o default -F _{program} {program}
"""


class _FoundError(Exception):
    """Ends a command where it would read its arguments."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


def parser_of(command: Command, argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return the parser with which a command reads its arguments; nothing of the command is done."""

    def found(parser: argparse.ArgumentParser, *_arguments: Any, **_options: Any) -> NoReturn:
        raise _FoundError(parser)

    usual = argparse.ArgumentParser.parse_args
    setattr(argparse.ArgumentParser, "parse_args", found)  # noqa: B010 - mypy forbids the plain way
    try:
        command(argv)
    except _FoundError as one:
        return one.parser
    finally:
        setattr(argparse.ArgumentParser, "parse_args", usual)  # noqa: B010
    raise ValueError(f"{command} has no parser")


@dataclass(frozen=True)
class Words:
    """What may follow a command: words, and ``kinds`` of words that only the host knows."""

    words: tuple[str, ...]
    kinds: tuple[str, ...] = ()


def words_of(parser: argparse.ArgumentParser) -> Words:
    """Return options and fixed arguments of a parser; of an option the long form."""
    words: list[str] = []
    kinds: list[str] = []
    for action in parser._actions:
        words += [option for option in action.option_strings if option.startswith("--")]
        if not action.option_strings:
            words += [str(choice) for choice in action.choices or ()]
            kinds += [KINDS[action.dest]] if action.dest in KINDS else []
    return Words(tuple(words), tuple(kinds))


def under(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield the commands below a command, with their parsers."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def script(program: str, own: Sequence[str], parsers: Mapping[str, Sequence[argparse.ArgumentParser]]) -> str:
    """Return the file for bash; ``own`` are words of the program itself, ``parsers`` those of each command."""
    cases = []
    for name, found in parsers.items():
        pairs = [pair for parser in found for pair in under(parser)]
        cases += [_case(program, f"{name} {below}", words_of(parser)) for below, parser in pairs]
        all_words = [words_of(parser) for parser in found]
        words = dict.fromkeys(word for one in all_words for word in one.words)
        kinds = dict.fromkeys(kind for one in all_words for kind in one.kinds)
        cases.append(_case(program, name, Words(tuple(words), tuple(kinds))))
    commands = " ".join([*parsers, *own])
    return SCRIPT.format(program=program, commands=commands, cases="\n".join(cases))


def _case(program: str, begins: str, found: Words) -> str:
    words = [shlex.quote(word) for word in found.words]
    words += [f"$({program} completion {kind} 2>/dev/null)" for kind in found.kinds]
    return f'      "{begins} "*) words="{" ".join(words)}" ;;'
