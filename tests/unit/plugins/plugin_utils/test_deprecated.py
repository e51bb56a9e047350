# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An input that got another name warns while it works, and is refused with the new name when it is gone."""

from __future__ import annotations

import pytest
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _deprecated, _inputs

OLD = _deprecated.Deprecated("hub_quota", "0.2.0", "1.0.0", "accounts_quota", "")
LONE = _deprecated.Deprecated("hub_spin", "0.3.0", "1.0.0", "", "remove the line: the hub finds it out itself")


def test_while_it_works_it_warns() -> None:
    said = _deprecated.warnings({"hub_quota", "hub_spin", "hub_port"}, {"hub_quota", "hub_port"}, (OLD, LONE))
    assert said == ["hub_quota: deprecated since 0.2.0, works until 1.0.0; use accounts_quota"]


def test_when_it_is_gone_the_check_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_deprecated, "gone", lambda name, real=_deprecated.gone: real(name, (OLD, LONE)))
    specs = {"hub": {"hub_port": {"type": "int"}}, "accounts": {"accounts_quota": {"type": "str"}}}
    said = _inputs.unknown_variables({"hub_quota", "hub_spin", "hub_port"}, specs)
    assert said == [
        "hub_quota: is no input since 1.0.0; use accounts_quota",
        "hub_spin: is no input since 1.0.0; remove the line: the hub finds it out itself",
    ]


def test_what_never_was_an_input_is_left_to_the_other_checks() -> None:
    assert _deprecated.gone("hub_prot", (OLD,)) == ""
    assert _inputs.unknown_variables({"hub_prot"}, {"hub": {"hub_port": {"type": "int"}}})[0].endswith("hub_port?")
