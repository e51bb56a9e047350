# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service notices that its program was replaced."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.labserver.jupyter.plugins.module_utils._common import files
from ansible_collections.labserver.jupyter.plugins.module_utils._common.own_program import OwnProgram


def test_another_file_in_its_place_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "labserver"
    files.replace(path, b"1")
    program = OwnProgram(path)
    assert not program.replaced()
    files.replace(path, b"1")
    assert program.replaced()
    path.unlink()
    assert not program.replaced(), "there is nothing to start in its place yet"
