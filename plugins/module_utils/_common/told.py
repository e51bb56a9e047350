# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The outcome of a command that speaks in lines, for programs: how it ended, what it said and what it complained of."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable, Sequence

from . import words
from .job import BUSY, LEVEL_OF_EXIT

LONGEST = 2000  # characters of a line


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), "utf-8", "replace", write_through=True)  # some write bytes


def _text(stream: io.TextIOWrapper) -> str:
    return stream.buffer.getvalue().decode("utf-8", "replace")  # type: ignore[attr-defined]


def as_json(name: str, command: Callable[[Sequence[str]], int], argv: Sequence[str]) -> int:
    """Run a command, print one JSON object of it, and return its exit status.

    A command that ends at once (help, wrong arguments) says itself what it has to say.
    """
    out, err = _stream(), _stream()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = int(command(argv))
    except BaseException:
        sys.stdout.write(_text(out))
        sys.stderr.write(_text(err))
        raise
    said, problems = (
        [words.clean(line, LONGEST) for line in _text(stream).splitlines() if line.strip()] for stream in (out, err)
    )
    level = "busy" if status == BUSY else LEVEL_OF_EXIT.get(status, "critical")
    document = {"version": 1, "command": name, "exit_status": status, "level": level}
    sys.stdout.write(json.dumps({**document, "said": said, "problems": problems}) + "\n")
    return status
