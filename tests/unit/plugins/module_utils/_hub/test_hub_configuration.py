# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hub's configuration on the host, and its trial."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._hub import trial
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.configuration import Configuration


def test_files_that_are_no_longer_wanted_go(tmp_path: Path) -> None:
    Configuration("{}", ("a", "b")).write(tmp_path)
    Configuration("{}", ("c",)).write(tmp_path)
    assert Configuration.read(tmp_path) == Configuration("{}", ("c",))


def test_snippets_are_for_root_and_the_hub(tmp_path: Path) -> None:
    Configuration("{}", ("token = 'secret'",)).write(tmp_path, tmp_path.stat().st_gid)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()} == {
        "hub.json": 0o644, "01.py": 0o640,
    }  # fmt: skip


def test_a_diff_shows_no_snippet() -> None:
    before, after = (
        Configuration("{}\n", ("a = 'secret'\n", "b = 1\n")),
        Configuration("{}\n", ("a = 'other'\n", "b = 1\n")),
    )
    hidden = "1 lines, not shown: it may hold secrets\n"
    assert before.shown() == f"{{}}\nconfig.d/01.py: {hidden}config.d/02.py: {hidden}"
    assert after.shown(before) == f"{{}}\nconfig.d/01.py: other content, {hidden}config.d/02.py: {hidden}"
    assert after.shown(after) == after.shown(), "without a change there is nothing to see"


def test_the_trial_has_no_network_and_sees_secrets_only_to_read() -> None:
    body = trial.body("image", 64100, "/etc/labserver/hub", "/etc/labserver/hub/trial-x")
    assert body["HostConfig"]["NetworkMode"] == "none"
    assert all(bind.endswith(":ro") for bind in body["HostConfig"]["Binds"])


def test_what_a_run_left_that_died_in_its_trial_goes(tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []
    now = 1_800_000_000.0

    class Engine:
        def get(self, path: str, **query: Any) -> Any:
            assert (path, query) == ("/containers/json", {"all": True, "filters": {"name": ["^/labserver-hub-trial-"]}})
            return [{"Id": "old", "Created": now - 3600}, {"Id": "of another run", "Created": now - 5}]

        def request(self, method: str, path: str, **_more: Any) -> None:
            asked.append((method, path))

    for name, age in (("trial-old", 3600), ("trial-new", 5), ("config.d", 3600)):
        Configuration("{}", ("token = 'secret'",)).write(tmp_path / name)
        os.utime(tmp_path / name, (now - age, now - age))
    engine: Any = Engine()
    trial.clear_up(engine, tmp_path, now)
    assert asked == [("DELETE", "/containers/old")]
    assert {path.name for path in tmp_path.iterdir()} == {"trial-new", "config.d"}
