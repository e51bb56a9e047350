# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All exchange files that the hub reads, opened once and handed to whoever needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .announcements import Announcement, parse_announcements
from .file import ExchangeFile
from .homes import Home, parse_homes
from .images import Image, parse_images
from .lab import Lab, parse_lab
from .published import Published, parse_published
from .retirement import Retirement, parse_retirement
from .roster import Roster, parse_roster
from .settings import Settings
from .shares import Share, ShareStatus, parse_shares, parse_shares_status
from .status import StatusPage, parse_status
from .usage import Usage, parse_usage


class Sources:
    """The exchange files and the settings. With ``roster_copy`` the last good roster survives a restart of the hub."""

    def __init__(self, settings: Settings, roster_copy: Path | None = None):
        public = Path(settings.public_folder)
        self.settings = settings
        self.roster = ExchangeFile(public / "roster.json", parse_roster, Roster(), keep=roster_copy)
        empty: tuple[Share, ...] = ()
        self.shares = ExchangeFile(public / "shares.json", parse_shares, empty)
        unknown: dict[str, ShareStatus] = {}
        self.shares_status = ExchangeFile(public / "shares-status.json", parse_shares_status, unknown)
        self.lab = ExchangeFile(public / "lab.json", parse_lab, Lab())
        self.usage = ExchangeFile(Path(settings.usage_file), parse_usage, Usage())
        no_page: StatusPage | None = None
        self.status = ExchangeFile(Path(settings.status_file), parse_status, no_page)
        no_results: dict[str, Published] = {}
        self.published = ExchangeFile(Path(settings.published_file), parse_published, no_results)
        none: tuple[Image, ...] = ()
        silence: tuple[Announcement, ...] = ()
        told = [public / name for name in ("announcements.json", "maintenance.json", "fullness.json", "reboot.json")]
        told.append(Path(settings.state_folder) / "messages.json")  # of the hub itself: see ``portal.messages``
        self.announcements = tuple(ExchangeFile(path, parse_announcements, silence) for path in told)
        stays: Retirement | None = None
        self.retirement = ExchangeFile(public / "retirement.json", parse_retirement, stays)
        empty_homes: dict[str, Home] = {}
        self.homes = ExchangeFile(public / "fullness.json", parse_homes, empty_homes)
        self.images = ExchangeFile(Path(settings.catalogue_file), parse_images, none)

    def retiring(self) -> Retirement | None:
        """Return when this server goes out of service; None if it stays, also when the file was taken away again."""
        return self.retirement.current() if self.retirement.path.exists() else None

    def __deepcopy__(self, _memo: dict[int, Any]) -> Sources:
        """Return the same object: traitlets copies values of the configuration, and all parts share one set."""
        return self
