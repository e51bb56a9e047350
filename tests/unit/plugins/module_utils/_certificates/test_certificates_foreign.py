# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who renews the certificates of certbot that the inventory does not name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._certificates import build, foreign
from ansible_collections.labserver.jupyter.plugins.module_utils._certificates.model import Config
from ansible_collections.labserver.jupyter.plugins.module_utils._certificates.world import World
from ansible_collections.labserver.jupyter.plugins.module_utils._common.process import Result


@pytest.mark.parametrize("masked", [True, False])
def test_a_masked_timer_is_made_up_for_when_the_inventory_names_no_acme_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, masked: bool
) -> None:
    called: list[Sequence[str]] = []

    def capture(argv: Sequence[str], *_arguments: Any, **_options: Any) -> tuple[Result, str]:
        called.append(argv)
        return Result(0), ""

    monkeypatch.setattr(foreign.process, "capture", capture)
    renewal = tmp_path / "etc/letsencrypt/renewal"
    renewal.mkdir(parents=True)
    (renewal / "wiki.conf").touch()
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    if masked:
        (units / "certbot.timer").symlink_to("/dev/null")
    found = foreign.attend(World(root=tmp_path), Config((), {}), lambda _piece: None, {})
    assert list(found) == ["certbot/wiki"]
    assert [argv[:4] for argv in called] == ([["certbot", "renew", "--cert-name", "wiki"]] if masked else [])


@pytest.mark.parametrize(
    ("days", "level", "words"),
    [(0, "ok", "90 days left"), (80, "warning", "10 days left"), (100, "warning", "expired 10")],
)
def test_one_that_comes_to_its_end_is_a_warning(tmp_path: Path, days: int, level: str, words: str) -> None:
    (tmp_path / "etc/letsencrypt/renewal").mkdir(parents=True)
    (tmp_path / "etc/letsencrypt/renewal/wiki.conf").touch()
    live = tmp_path / "etc/letsencrypt/live/wiki"
    live.mkdir(parents=True)
    (live / "fullchain.pem").write_bytes(build.self_signed(["wiki.lab.example"], "ecdsa", 90).chain)
    world = World(root=tmp_path, now=lambda: datetime.now(UTC) + timedelta(days=days))
    found = foreign.attend(world, Config((), {}), lambda _piece: None, {})["certbot/wiki"]
    assert (found.level, found.names) == (level, ("wiki.lab.example",))
    assert found.message.startswith(words)
    assert found.message.endswith("not in the inventory")
