# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule for names, on vectors made by running TLJH's own function."""

from __future__ import annotations

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts.names import (
    group_name_problem,
    login_name_problem,
    system_name,
)


@pytest.mark.parametrize(
    ("login", "account"),
    [
        ("a", "jupyter-a"),
        ("alice", "jupyter-alice"),
        ("mary-ann", "jupyter-mary-ann"),
        ("first.last", "jupyter-first.last"),
        ("user@example.org", "jupyter-user@example.org"),
        ("abcdefghijklmnopq", "jupyter-abcdefghijklmnopq"),
        ("abcdefghijklmnopqr", "jupyter-abcdefghijklmnopqr-e375e"),
        ("abcdefghijklmnopqrs", "jupyter-abcdefghijklmnopqr-ea375"),
        ("abcdefghijklmnopqrx", "jupyter-abcdefghijklmnopqr-804be"),
        ("a" * 17, "jupyter-aaaaaaaaaaaaaaaaa"),
        ("a" * 18, "jupyter-aaaaaaaaaaaaaaaaaa-3f1e4"),
        ("a" * 19, "jupyter-aaaaaaaaaaaaaaaaaa-ffed9"),
        ("a" * 24, "jupyter-aaaaaaaaaaaaaaaaaa-f8159"),
        ("a" * 50, "jupyter-aaaaaaaaaaaaaaaaaa-57f06"),
        ("x" * 32, "jupyter-xxxxxxxxxxxxxxxxxx-83042"),
        ("maximilian.mustermann", "jupyter-maximilian.musterm-91864"),
        ("anna-katharina.schmidt@uni-bonn.de", "jupyter-anna-katharina.sch-07977"),
        ("aelie9sohjeequ9iemeipuimuoshahz4aitugiuteeg4ohioh5yuiha6aei7te5z", "jupyter-aelie9sohjeequ9iem-4b726"),
    ],
)
def test_tljh_vectors(login: str, account: str) -> None:
    assert system_name(login) == account
    assert len(account) <= 32


@pytest.mark.parametrize("name", ["a", "mary-ann", "first.last", "a_b", "7up", "a" * 100])
def test_names_that_every_debian_takes(name: str) -> None:
    assert login_name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "name is missing"),
        (None, "name is missing"),
        (7, "is the number 7; put it in quotes"),
        ("Mira", "write mira"),
        ("user@example.org", "cannot be taken by every server"),
        ("a b", "cannot be taken"),
        ("a\n", "cannot be taken"),
        ("-a", "cannot be taken"),
        ("änne", "cannot be taken"),
        ("a" * 101, "at most 100"),
    ],
)
def test_names_that_are_refused(name: object, told: str) -> None:
    assert told in (login_name_problem(name) or "")


@pytest.mark.parametrize(("name", "told"), [("jupyter-x", "kept for people"), ("Leem", "cannot"), ("a" * 33, "32")])
def test_group_names_that_are_refused(name: str, told: str) -> None:
    assert told in (group_name_problem(name) or "")
    assert group_name_problem("leem") is None
