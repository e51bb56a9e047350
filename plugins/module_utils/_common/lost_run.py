# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host does about a run that began something and was never heard of again: wait, and end it by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from . import run_lock

ABANDONED_SECONDS = 60.0
"""So long after the last sign of its run what it began is nobody's any more. The longest pause of a run that goes well
is the exchange of one container, some fifteen seconds on a busy host."""
LOOK_SECONDS = 5.0


def silent(root: Path, signs: Iterable[float], now: float) -> bool:
    """Tell whether nothing was heard of a run: no sign of its work (seconds since 1970), nor its note on the host."""
    seen = list(signs)
    note = run_lock.read(root)
    if note is not None:
        seen.append(datetime.fromisoformat(note.seen).timestamp())
    # A sign from the future is of a clock that was put back.
    return not any(0 <= now - sign < ABANDONED_SECONDS for sign in seen)


def attend(
    under_way: Callable[[], bool],
    finish: Callable[[], str],
    errors: tuple[type[Exception], ...],
    say: Callable[[str], None],
    sleep: Callable[[float], None],
) -> None:
    """Look again and again while something is under way; what cannot be done (``errors``) is said once, and tried
    again. ``finish`` returns what it did, empty for nothing."""
    said = ""
    while under_way():
        try:
            words = finish()
        except errors as error:
            words = str(error)
        if words and words != said:
            say(words)
        said = words or said
        if under_way():
            sleep(LOOK_SECONDS)
