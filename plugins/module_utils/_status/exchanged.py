# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which containers of the hub the host itself exchanges or has exchanged, so that none is taken for changed by hand.

That is where the run which changed the hub was lost: the host then finishes the change, or takes it back (``_hub``).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from .._hub import transaction

PLACE = transaction.Place()


def read(root: Path, since: str) -> dict[str, str | None]:
    """Return container -> the label that it got in a change which began after ``since`` (ISO 8601) and was finished.

    None instead of a label: a change is under way, in which any may be there. One that was taken back left what was
    there before, so of that nothing is said. Raises OSError and ValueError.
    """
    place = replace(PLACE, record=root / PLACE.record.relative_to("/"))
    going = transaction.read(place)
    if going is not None:
        return dict.fromkeys({*going.former.containers, *going.wanted})
    ended = transaction.ended(place)
    return dict(ended.wanted) if ended is not None and ended.well and ended.since > since else {}
