# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exchange files that servers are computed from."""

from __future__ import annotations

from pathlib import Path

from .announcements import Announcement, Board, parse_announcements
from .exchange import ExchangeFile
from .images import Image, parse_images
from .roster import Roster, parse_roster
from .settings import Settings
from .shares import Share, parse_shares


class Sources:
    """The exchange files that a server is computed from; one set for all spawners."""

    def __init__(self, settings: Settings, roster_copy: Path | None = None):
        public = Path(settings.public_folder)
        self.settings = settings
        self.roster = ExchangeFile(public / "roster.json", parse_roster, Roster(), keep=roster_copy)
        empty: tuple[Share, ...] = ()
        self.shares = ExchangeFile(public / "shares.json", parse_shares, empty)
        none: tuple[Image, ...] = ()
        silence: tuple[Announcement, ...] = ()
        self.board = Board(
            tuple(
                ExchangeFile(public / name, parse_announcements, silence)
                for name in ("announcements.json", "maintenance.json")
            )
        )
        self.images = ExchangeFile(Path(settings.catalogue_file), parse_images, none)
