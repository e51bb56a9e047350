# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a filled-in form means: a notebook of one's own home, an image that one may use, within the lab's limits."""

from __future__ import annotations

from typing import Any

import pytest
from labhub.exchange.roster import Person
from labhub.runs import views
from labhub.runs.model import from_json, notebook_path, to_json
from runs_lab import START
from samples import world

HOME = "/home/jupyter-alice"
LAB = world(runs_per_person=2, runs_longest_seconds=4 * 3600)
ALICE: Person = LAB.roster.people["alice"]
FORM = {
    "notebook": "reports/daily.ipynb", "image": "notebook:1.0", "days": "* * *", "clock": "03:00", "fields": "",
    "hours": "1.5", "keep": "7",
}  # fmt: skip


def defined(**changes: str) -> tuple[Any, list[str]]:
    return views.defined({**FORM, **changes}, ALICE, LAB.images, LAB.settings, START)


def test_a_form_that_is_right() -> None:
    one, problems = defined()
    assert problems == []
    assert (one.owner, one.uid, one.notebook, one.image) == ("alice", 20001, "reports/daily.ipynb", "notebook:1.0")
    assert (one.fields, one.seconds, one.keep, one.handled) == ("0 3 * * *", 5400, 7, START)
    assert from_json(to_json(one)) == one
    assert defined(fields="15 */2 * * *", hours="0,5")[0].fields == "15 */2 * * *", "the fields count"
    assert defined()[0].id != one.id


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("a.ipynb", "a.ipynb"),
        (f"{HOME}/a b/ü.ipynb", "a b/ü.ipynb"),
        ("~/x/y.ipynb", "x/y.ipynb"),
        (" spaces.ipynb ", "spaces.ipynb"),
        ("-rf.ipynb", "-rf.ipynb"),
    ],
)
def test_paths_in_the_home(given: str, path: str) -> None:
    assert notebook_path(given, HOME) == path


@pytest.mark.parametrize(
    "given",
    [
        "", ".ipynb", "x/.ipynb", "a.py", "/etc/a.ipynb", "/home/jupyter-bob/a.ipynb", f"{HOME}x/a.ipynb",
        "../bob/a.ipynb",
        "a/../../b.ipynb", f"{HOME}/../jupyter-bob/a.ipynb", "a//b.ipynb", "./a.ipynb", "a\nb.ipynb", "a\0.ipynb",
        "a\u202e.ipynb", "x" * 500 + ".ipynb",
    ],
)  # fmt: skip
def test_paths_that_are_refused(given: str) -> None:
    with pytest.raises(ValueError, match=r"^(Give the path|The notebook has|The path is)"):
        notebook_path(given, HOME)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"image": "steps:1.0"}, "Choose one of the images."),
        ({"image": "notebook:2.0"}, "Choose one of the images."),
        ({"image": ""}, "Choose one of the images."),
        ({"hours": "4.5"}, "The limit is from 0.05 to 4 hours."),
        ({"hours": "0"}, "The limit is from 0.05 to 4 hours."),
        ({"hours": "nan"}, "The limit is from 0.05 to 4 hours."),
        ({"keep": "0"}, "From 1 to 100 copies are kept."),
        ({"keep": "many"}, "From 1 to 100 copies are kept."),
    ],
)
def test_what_is_refused(changes: dict[str, str], problem: str) -> None:
    assert defined(**changes) == (None, [problem])


def test_all_problems_are_told_at_once() -> None:
    one, problems = views.defined({}, ALICE, LAB.images, LAB.settings, START)
    assert one is None and len(problems) == 5
