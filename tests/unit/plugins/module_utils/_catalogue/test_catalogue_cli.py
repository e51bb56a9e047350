# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line of the catalogue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue import cli


def test_a_host_without_a_catalogue_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings, output = tmp_path / "catalogue.json", tmp_path / "images.json"
    for missing in (settings, output):
        assert cli.main(["--list", "--settings", str(settings)]) == 2
        said = capsys.readouterr().err
        assert said.startswith("labserver catalogue: ")
        assert str(missing) in said
        settings.write_text(json.dumps({"output": str(output)}))
