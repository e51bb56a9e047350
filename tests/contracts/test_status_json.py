# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""status.json: the page of the server's status, which the hub shows to administrators with its age."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from contract import Meets, Reader, check, validate
from labhub.portal.host_status import STALE_SECONDS, age_line
from places import hub_file, hub_sources
from writers import page_of_status, put

PATH = "etc/labserver/hub/status.json"
MADE = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
READERS = [Reader("labhub/exchange", hub_file(lambda sources: sources.status), Meets.KEEPS, Meets.KEEPS)]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, page_of_status(), PATH, "status")


def test_what_is_written_fits_the_schema() -> None:
    validate(page_of_status(), PATH, "status")


def test_the_hub_puts_its_line_before_all_that_others_wrote(tmp_path: Path) -> None:
    put(tmp_path, page_of_status())
    page = hub_sources(tmp_path).status.current()
    assert page is not None and page.made == MADE
    assert page.head.endswith("</head><body>") and "words of others" not in page.head
    assert "&lt;body&gt; &amp; &lt;/p&gt; in words of others" in page.rest


@pytest.mark.parametrize(
    ("seconds", "words", "loud"),
    [(12, "Made 12 seconds ago.", False), (-30, "Made 0 seconds ago.", False), (STALE_SECONDS, "3 minutes", False),
     (STALE_SECONDS + 1, "This page is 3 minutes old", True), (3 * 86400, "This page is 3 days old", True)],
)  # fmt: skip
def test_a_page_says_how_old_it_is(seconds: int, words: str, loud: bool, tmp_path: Path) -> None:
    put(tmp_path, page_of_status())
    page = hub_sources(tmp_path).status.current()
    assert page is not None
    line = age_line(page, MADE + timedelta(seconds=seconds), '/"x/hub/admin')
    assert words in line and ("critical" in line) == loud == ("labserver run status-page" in line)
    assert 'href="/&quot;x/hub/admin"' in line
