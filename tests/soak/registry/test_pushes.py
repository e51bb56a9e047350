# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of a thousand pushes in a row of maintenance rounds none fails; `make soak-push`, PUSHES=... for another number."""

from __future__ import annotations

import os
from pathlib import Path

import images
from front_server import BASIC, Front, push_through

PUSHES = int(os.environ.get("PUSHES") or 1000)


def test_no_push_fails_in_a_row_of_maintenance_rounds(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    front = Front(tmp_path)
    try:
        front.wait()
        pushed = push_through(front, lambda so_far: len(so_far.done) + len(so_far.failures) >= PUSHES, "abc")
        print(
            f"{len(pushed.done)} pushes well, {len(pushed.failures)} failed, in {pushed.rounds} rounds of maintenance;"
        )
        print(f"the longest pause of the registry took {pushed.longest_seconds:.2f} s")
        assert pushed.failures == []
        registry = images.Registry(front.url, BASIC)
        for tag, thing in pushed.done:
            assert registry.pull("lab/live", tag) == thing.everything(), tag
    finally:
        front.process.terminate()
        front.process.wait(20)
