# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which image is built on which, and in which order."""

from __future__ import annotations

import pytest
from ansible_collections.labserver.jupyter.plugins.filter.image_layers import image_layers
from ansible_collections.labserver.jupyter.plugins.module_utils._images import layers
from ansible_collections.labserver.jupyter.plugins.module_utils._images.input import problems

NOTEBOOK = {"repository": "notebook", "tag": "1", "context": "notebook"}
SCIENTIFIC = {"repository": "scientific", "tag": "1", "context": "scientific"}
PULLED = {"repository": "scipy", "tag": "1", "source": "pull", "reference": "quay.io/x:1"}


@pytest.fixture(autouse=True)
def contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        layers, "CONTEXTS", {"notebook": "", "steps": "", "scientific": "notebook", "octave": "scientific"}
    )


def entry(repository: str, **more: str) -> dict[str, str]:
    return {"repository": repository, "tag": "1", "context": "notebook", **more}


def built(entries: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(build["name"], build["context"], build["base"]) for build in image_layers(entries)]


def test_what_an_image_is_built_on_is_built_before_it_also_when_nobody_named_it() -> None:
    octave = {"repository": "octave", "tag": "2", "context": "octave"}
    assert built([octave]) == [
        ("labserver/notebook", "notebook", ""),
        ("labserver/scientific", "scientific", "labserver/notebook"),
        ("labserver/octave/2", "octave", "labserver/scientific"),
    ]


def test_an_image_that_the_list_names_is_not_built_twice() -> None:
    assert built([SCIENTIFIC, NOTEBOOK]) == [
        ("labserver/notebook/1", "notebook", ""),
        ("labserver/scientific/1", "scientific", "labserver/notebook/1"),
    ]


def test_an_image_of_the_list_that_is_made_otherwise_is_not_the_collections() -> None:
    """Whoever calls an own image ``notebook``, or gives it arguments, does not get it beneath ``scientific``."""
    for other in (entry("notebook", context="steps"), {**NOTEBOOK, "args": {"X": "1"}}):
        names = [name for name, _context, _base in built([SCIENTIFIC, other])]
        assert names == ["labserver/notebook", "labserver/scientific/1", "labserver/notebook/1"]


def test_an_own_image_is_built_on_an_entry_or_on_an_image_of_the_collection() -> None:
    assert built([entry("mine", base="scientific"), SCIENTIFIC])[-1] == (
        "labserver/mine/1", "notebook", "labserver/scientific/1",
    )  # fmt: skip
    assert built([entry("mine", base="octave")])[-1] == ("labserver/mine/1", "notebook", "labserver/octave")
    assert built([entry("mine"), entry("yours", base="mine:1")])[-1][2] == "labserver/mine/1"
    assert built([entry("scientific", base="scientific")])[-1][2] == "labserver/scientific"


def test_an_own_image_is_built_on_a_pulled_one() -> None:
    (build,) = image_layers([entry("mine", base="scipy"), PULLED])
    assert (build["base"], build["base_reference"]) == ("", "quay.io/x:1")


@pytest.mark.parametrize(
    ("entries", "part"),
    [
        ([entry("mine", base="scientfic")], "images_notebooks[0] (mine:1): base 'scientfic' is no image of"),
        (
            [entry("mine", base="two"), entry("two"), entry("two", tag="2")],
            "(mine:1): base 'two' may be one of several images; write two:1 or two:2",
        ),
        ([{**PULLED, "base": "notebook"}], "base has no meaning with source: pull; remove it"),
        ([entry("x", context="notbook")], "context 'notbook' is no image of this collection (notebook, octave,"),
        ([entry("x", context="/nowhere")], "context /nowhere: there is no Dockerfile in this folder"),
        (
            [entry("a", base="b"), entry("b", base="c"), entry("c", base="b"), entry("d", base="c")],
            "b:1 is built on c:1 is built on b:1: that is a circle",
        ),
    ],
)
def test_each_mistake_has_its_message(entries: list[dict[str, str]], part: str) -> None:
    (message,) = problems({"images_notebooks": entries})
    assert part in message


def test_a_good_list_has_no_problem() -> None:
    assert problems({"images_notebooks": [entry("mine", base="scipy"), PULLED, entry("b", base="mine")]}) == []
