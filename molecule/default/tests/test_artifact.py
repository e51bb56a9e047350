# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The built and installed collection runs the whole site, and finds the host that the checkout made as it wants it."""

from __future__ import annotations

import re
from pathlib import Path

from artifact import build, install, run
from conftest import INVENTORY


def test_installed_collection_runs_the_site(server: str, tmp_path: Path) -> None:
    collections = install(build(tmp_path), tmp_path)
    output = run(["ansible-playbook", "-i", str(INVENTORY), "labserver.jupyter.site"], tmp_path, collections)
    (recap,) = re.findall(rf"^{re.escape(server)} .*$", output, re.MULTILINE)
    counts = dict(re.findall(r"(\w+)=(\d+)", recap))
    assert int(counts["ok"]) > 50, recap
    assert (counts["changed"], counts["failed"], counts["unreachable"]) == ("0", "0", "0"), output
    assert (Path(collections) / "ansible_collections" / "labserver" / "jupyter").is_dir()
