# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of all servers in a browser: a large lab, one with nothing, and names that mean harm. Needs chromium.

The pictures lie in .cache/pictures afterwards.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import collection  # noqa: F401 - makes the checkout importable as the collection
import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._status import view
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._status.status_report import (
    EVIL,
    report,
    row,
)
from paths import ROOT
from playwright.sync_api import Browser

PICTURES = ROOT / ".cache" / "pictures"
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
PAPER = "rgb(13, 17, 23)"
REPORTS: dict[str, dict[str, Any]] = {
    "large": {**{f"host{number:02}": report(500 if number < 1 else 3) for number in range(20)}, "silent": None},
    "nothing": {},
    "bare": {"atlas": {"version": 1}},
    "harm": {EVIL: report(1, servers=[{**row(1), "user": EVIL * 5, "image": "x" * 300}], shares=[
        {"share": "s" * 150, "path": "/" + "x" * 200, "level": "critical", "reason": EVIL}])},
}  # fmt: skip


@pytest.mark.parametrize("name", REPORTS)
def test_the_page_fits_a_phone_is_dark_asks_nobody_and_runs_nothing(
    chromium: Browser, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "status.html"
    file.write_text(view.document(REPORTS[name], "2026-11-27 10:00"))
    page = chromium.new_page(**PHONE)
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: said.append(message.text))
    page.goto(file.as_uri())
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(PICTURES / f"status-{name}.png"))
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == PAPER
    assert asked == [file.as_uri()] and said == []
    assert page.locator("script, img, iframe, form").count() == 0
    if name == "large":
        assert page.evaluate("getComputedStyle(document.querySelector('td')).display") == "flex", "a row is a block"
        assert page.locator("h2").count() == 21 and page.locator("h2").first.inner_text().endswith("silent")
    page.emulate_media(media="print", color_scheme="light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.close()
