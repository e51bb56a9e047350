# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first handler of an address answers, so two rooms that take the same one would hide one of the two."""

from __future__ import annotations

from collections import Counter
from typing import Any
from unittest import mock

from labhub.api import bounds, decided
from labhub.login import pages as login
from labhub.outside import handlers as outside
from labhub.portal import pages as portal


def test_no_two_rooms_answer_at_one_address() -> None:
    anything: Any = mock.MagicMock()  # what the pages are given; only their addresses are read
    rooms: dict[str, list[Any]] = {
        "portal": portal.handlers(anything, anything, anything, anything),
        "api": [*decided.handlers(), *bounds.handlers()],
        "outside": outside.handlers(anything, anything),
        "login": [*{*login.firstuse_handlers(), *login.native_handlers()}],
    }
    addresses = Counter(one[0] for handlers in rooms.values() for one in handlers)
    assert addresses["/spawn"] == addresses["/change-password"] == 1
    assert [address for address, count in addresses.items() if count > 1] == []
