# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets the tests import the hub's package, and the small lab of its other tests; the browser."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from hub_package import make_importable
from paths import ROOT
from playwright.sync_api import Browser, sync_playwright

make_importable()
sys.path.append(str(ROOT / "tests" / "hub"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()
