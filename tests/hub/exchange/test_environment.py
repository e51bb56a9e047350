# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables that the lab gives every server."""

from __future__ import annotations

from pathlib import Path

import pytest
from labhub.exchange.environment import lab_environment
from labhub.exchange.settings import Settings


def test_they_are_read_from_beside_the_secrets(tmp_path: Path) -> None:
    (tmp_path / "environment.json").write_text('{"LM_LICENSE_FILE": "27000@licences.example.org", "WORKERS": 4}')
    found = lab_environment(Settings(secrets_folder=str(tmp_path)))
    assert found == {"LM_LICENSE_FILE": "27000@licences.example.org", "WORKERS": "4"}


def test_a_lab_without_any(tmp_path: Path) -> None:
    assert lab_environment(Settings(secrets_folder=str(tmp_path))) == {}


@pytest.mark.parametrize("text", ["[]", "half"])
def test_a_damaged_file_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "environment.json").write_text(text)
    with pytest.raises(ValueError):
        lab_environment(Settings(secrets_folder=str(tmp_path)))
