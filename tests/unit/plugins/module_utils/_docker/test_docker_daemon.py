# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's settings are merged into daemon.json and withdrawn from it; what others wrote there stays."""

from __future__ import annotations

import json

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._docker import daemon as core
from hypothesis import given
from hypothesis import strategies as st

scalars = st.one_of(st.booleans(), st.integers(), st.text(max_size=5))
settings = st.dictionaries(
    st.sampled_from("abcdef"), st.one_of(scalars, st.dictionaries(st.sampled_from("xyz"), scalars)), max_size=5
)


@given(settings, settings)
def test_wanted_settings_win_and_others_stay(existing: dict, wanted: dict) -> None:
    merged = core.merge(existing, wanted)
    for key, value in wanted.items():
        if isinstance(value, dict):
            assert value.items() <= merged[key].items()
        else:
            assert merged[key] == value
    assert {key: merged[key] for key in existing.keys() - wanted.keys()} == {
        key: existing[key] for key in existing.keys() - wanted.keys()
    }


@given(settings, settings)
def test_second_plan_is_empty(existing: dict, wanted: dict) -> None:
    first = core.compare(json.dumps(existing), "", wanted, "daemon.json", "record")
    second = core.compare(first.after, first.managed_after, wanted, "daemon.json", "record")
    assert not second.changed


@given(settings, settings)
def test_what_is_no_longer_wanted_goes_and_hand_made_settings_stay(existing: dict, wanted: dict) -> None:
    foreign = {key: value for key, value in existing.items() if key not in wanted}
    first = core.compare(json.dumps(foreign), "", wanted, "daemon.json", "record")
    gone = core.compare(first.after, first.managed_after, {}, "daemon.json", "record")
    assert core.parse(gone.after, "daemon.json") == foreign


def test_a_setting_changed_by_hand_is_not_withdrawn() -> None:
    first = core.compare("", "", {"debug": True}, "daemon.json", "record")
    second = core.compare('{"debug": false}', first.managed_after, {}, "d", "r")
    assert core.parse(second.after, "d") == {"debug": False}


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "is not valid JSON"), ("[]", "holds list, but the engine reads a JSON object")],
)
def test_unusable_file_is_refused(text: str, message: str) -> None:
    with pytest.raises(core.DaemonConfigError, match=message):
        core.compare(text, "", {}, "/etc/docker/daemon.json", "record")


def engine(answers: dict[str, tuple[int, str]]) -> core.Runner:
    """An engine that answers by the kind of call, with the words that real ones were heard to say."""
    return lambda command: answers["validate" if "--validate" in command else "start"]


OLD = {"validate": (125, "unknown flag: --validate\nSee 'dockerd --help'.")}


@pytest.mark.parametrize(
    "answers",
    [
        {"validate": (0, "configuration OK")},
        {**OLD, "start": (1, "unable to parse logging level: validate-only")},
    ],
    ids=["docker 26", "docker 20.10"],
)
def test_good_settings_pass(answers: dict[str, tuple[int, str]]) -> None:
    core.check("/tmp/x.json", {}, engine(answers))


@pytest.mark.parametrize(
    "answers",
    [
        {
            "validate": (
                1,
                "unable to configure the Docker daemon with file /tmp/x.json: the following directives don't match "
                "any configuration option: live-restoreX",
            )
        },
        {
            **OLD,
            "start": (
                1,
                "unable to configure the Docker daemon with file /tmp/x.json: the following directives don't match "
                "any configuration option: live-restoreX",
            ),
        },
    ],
    ids=["docker 26", "docker 20.10"],
)
def test_bad_settings_are_refused_in_the_engines_words(answers: dict[str, tuple[int, str]]) -> None:
    with pytest.raises(core.DaemonConfigError, match=r"file daemon\.json: the following.*live-restoreX"):
        core.check("/tmp/x.json", {}, engine(answers))
