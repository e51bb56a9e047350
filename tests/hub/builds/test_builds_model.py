# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a filled-in form means, and everything that is wrong with it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from builds_lab import ON, START
from labhub.builds import model
from samples import world

LAB = world(**ON)
FORM = {"group": "leem", "name": "analysis", "kind": "folder", "source": "envs/a", "base": "notebook:1.0"}


def defined(person: str = "alice", lab: Any = LAB, **changes: str) -> tuple[model.Build | None, list[str]]:
    return model.defined({**FORM, **changes}, lab.roster.people[person], lab.images, lab.settings, START)


def test_a_good_form_is_a_build_of_its_person() -> None:
    one, problems = defined()
    assert problems == [] and one is not None
    assert (one.owner, one.uid, one.state, one.tag) == ("alice", 20001, "waiting", "20261128-203400")
    assert one.image == "people/leem/alice/analysis:20261128-203400"
    assert model.from_json(model.to_json(one)) == one
    other = model.again(one, START.replace(hour=21))
    assert other.id != one.id and other.tag == "20261128-213400" and other.source == one.source


@pytest.mark.parametrize(
    ("given", "kept"),
    [("~/envs/a/", "envs/a"), ("/home/jupyter-alice/envs/a", "envs/a"), (" envs/a b ", "envs/a b"), ("a", "a")],
)
def test_folders_are_those_of_the_home(given: str, kept: str) -> None:
    one, problems = defined(source=given)
    assert problems == [] and one is not None and one.source == kept


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"group": "xps"}, "Choose one of your groups."),
        ({"group": ""}, "Choose one of your groups."),
        ({"name": "Analysis"}, "Give the image a name"),
        ({"name": "a--b"}, "Give the image a name"),
        ({"name": "a/b"}, "Give the image a name"),
        ({"name": "x" * 31}, "Give the image a name"),
        ({"kind": "docker"}, "Choose where"),
        ({"source": "../jupyter-bob"}, "Give a folder in your home"),
        ({"source": "/etc"}, "Give a folder in your home"),
        ({"source": "~"}, "Give a folder in your home"),
        ({"source": "a/../../b"}, "Give a folder in your home"),
        ({"source": "--x"}, "Give a folder in your home"),
        ({"source": "a\x1bb"}, "Give a folder in your home"),
        ({"source": "x" * 301}, "Give a folder in your home"),
        ({"kind": "git", "source": "git@git.example.org:a"}, "Give the address of a public Git repository"),
        ({"kind": "git", "source": "https://me:secret@git.example.org/a"}, "Give the address of a public Git"),
        ({"kind": "git", "source": "file:///etc"}, "Give the address of a public Git repository"),
        ({"kind": "git", "source": "https://git.example.org/a b"}, "Give the address of a public Git repository"),
        ({"kind": "git", "source": "https://git.example.org/a\n"}, ""),
        ({"base": "steps:1.0"}, "Choose one of the images."),
        ({"base": "notebook:2.0"}, "Choose one of the images."),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, str], words: str) -> None:
    one, problems = defined(**changes)
    if not words:
        assert one is not None and "\n" not in one.source
        return
    assert one is None and len(problems) == 1 and problems[0].startswith(words)


def test_everything_is_said_at_once() -> None:
    _one, problems = defined(group="x", name="", kind="", base="")
    assert len(problems) == 4


def test_without_a_network_nothing_is_fetched() -> None:
    lab = world(**ON, builds_network=False)
    assert defined(lab=lab, kind="git", source="https://git.example.org/a")[1] == [
        "Builds have no network in this lab: give a folder of your home."
    ]
    assert defined(lab=lab)[1] == []


def test_an_image_of_one_group_is_not_built_on_for_another() -> None:
    both = dataclasses.replace(LAB.roster.people["mary-ann"], groups=("leem", "xps"))
    form = {**FORM, "base": "steps:1.0"}
    _one, problems = model.defined({**form, "group": "leem"}, both, LAB.images, LAB.settings, START)
    assert problems == ["The image steps:1.0 is not for everybody of this group."]
    assert model.defined({**form, "group": "xps"}, both, LAB.images, LAB.settings, START)[1] == []


def test_names_that_no_registry_takes_are_told_before_anything_is_built() -> None:
    upper = dataclasses.replace(LAB.roster.people["alice"], name="Alice")
    _one, problems = model.defined(FORM, upper, LAB.images, LAB.settings, START)
    assert len(problems) == 1 and "Alice has other characters" in problems[0]


def test_what_people_made_is_no_base() -> None:
    mine = dataclasses.replace(LAB.images[0], repository="people/leem/alice/x")
    assert model.bases((mine, LAB.images[0]), LAB.roster.people["alice"]) == [LAB.images[0]]
