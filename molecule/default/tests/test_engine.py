# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of the whole site."""

from __future__ import annotations

import typing as t


def test_engine_runs_and_starts_at_boot(host: t.Any) -> None:
    assert host.service("docker").is_running
    assert host.service("docker").is_enabled
