# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folders of symbolic links under which people find their shares."""

from __future__ import annotations

from pathlib import Path

import pytest
from labhub.exchange.shares import shares_of
from labhub.servers import server
from samples import (
    world,
)


def test_links_that_another_start_makes_at_the_same_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = world(links_folder=str(tmp_path / "links"))
    shares = shares_of(lab.roster.people["alice"], lab.shares)
    make = Path.symlink_to

    def overtaken(self: Path, target: str) -> None:
        make(self, target)
        make(self, target)

    monkeypatch.setattr(Path, "symlink_to", overtaken)
    server.write_links(lab.settings, shares)
    made = {str(link.readlink()) for link in (tmp_path / "links").glob("*/*")}
    assert made == {share.mount_point for share, _right in shares}
