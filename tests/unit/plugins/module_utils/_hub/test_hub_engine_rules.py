# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker's own firewall rules: seen when they are gone, on either backend. The texts are those of iptables 1.8.9."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import engine_rules

FLUSHED = ""
OURS = "*nat\n:PREROUTING ACCEPT [0:0]\n:DOCKER_OF_ANOTHER - [0:0]\nCOMMIT\n"
DOCKERS = (
    "*nat\n:PREROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\nCOMMIT\n"
)


@pytest.mark.parametrize(
    ("saved", "tables", "told"),
    [(FLUSHED, 1, True), (OURS, 1, True), (DOCKERS, 1, False), (FLUSHED, 0, False), (FLUSHED, 127, True)],
)
def test_rules_that_were_flushed_are_told(tmp_path: Path, saved: str, tables: int, told: bool) -> None:
    def run(command: Sequence[str], _stdin: str) -> tuple[int, str]:
        return (0, saved) if command[0] == "iptables-save" else (tables, "")

    assert engine_rules.look(tmp_path, run) == ([engine_rules.GONE] if told else [])


def test_who_wants_no_rules_misses_none(tmp_path: Path) -> None:
    def run(_command: Sequence[str], _stdin: str) -> tuple[int, str]:
        raise AssertionError("nothing is to be asked")

    (tmp_path / "etc/docker").mkdir(parents=True)
    (tmp_path / "etc/docker/daemon.json").write_text('{"iptables": false}')
    assert engine_rules.look(tmp_path, run) == []


def test_rules_that_cannot_be_read_are_told_elsewhere(tmp_path: Path) -> None:
    assert engine_rules.look(tmp_path, lambda _command, _stdin: (127, "not found")) == []
