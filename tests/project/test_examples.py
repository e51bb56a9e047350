# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each folder of examples/ validates, and its page lists it; test_schema.py reads them as editors do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from paths import ROOT
from test_yaml_inputs import validate

CASES = sorted(path for path in (ROOT / "examples").iterdir() if path.is_dir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_validates(case: Path) -> None:
    status, said = validate(case)
    assert status == 0, said


def test_the_page_lists_the_cases() -> None:
    page = (ROOT / "examples" / "README.md").read_text()
    assert re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE) != []
    assert sorted(re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)) == [case.name for case in CASES]
    for target in re.findall(r"\]\(([^)]+)\)", page):
        assert (ROOT / "examples" / target).exists(), target
