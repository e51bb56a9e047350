# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed between two images, for people."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue import changes, model, packages
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.packages import Packages, Shelf
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._catalogue.catalogue_lab import Lab, sha


def between(old: dict[str, str], new: dict[str, str]) -> model.Changes:
    return changes.between("x:1", Packages(old), Packages(new))


def test_one_line_names_what_people_ask_for_first() -> None:
    old = {"Python": "3.13.5", "numpy": "2.1.0", "pandas": "2.2", "aiohttp": "3.1", "zict": "1", "gone": "1"}
    new = {"Python": "3.14.0", "numpy": "2.3.1", "pandas": "3.0", "aiohttp": "3.2", "zict": "2", "new": "1", "b": "1"}
    found = between(old, new)
    assert found.summary == (
        "python 3.13.5 → 3.14.0, numpy 2.1.0 → 2.3.1, pandas 2.2 → 3.0, 2 more changed, 2 new, 1 gone"
    )
    assert found.lines[3:] == ["aiohttp 3.1 → 3.2", "zict 1 → 2", "new: b 1", "new: new 1", "gone: gone 1"]


def test_names_are_compared_as_the_index_does() -> None:
    found = between({"Jupyter_Core": "5.9"}, {"jupyter-core": "5.9"})
    assert (found.summary, found.lines) == ("the same packages", [])


def test_packages_of_the_distribution_are_counted() -> None:
    before = Packages({"a": "1"}, {"bash": "5.1", "vim": "9"})
    found = changes.between("x:1", before, Packages({"a": "1"}, {"bash": "5.2", "git": "2", "gcc": "1"}))
    assert found.summary == "packages of the system: 1 updated, 2 new, 1 gone"


def test_a_long_list_is_cut() -> None:
    found = between({}, {f"p{number}": "1" for number in range(changes.LISTED + 5)})
    assert len(found.lines) == changes.LISTED + 1 and found.lines[-1] == "and 5 more"
    assert found.summary == f"{changes.LISTED + 5} new"


def test_the_question_is_answered_by_a_real_python() -> None:
    """Against what pip says of the same environment."""
    done = subprocess.run([sys.executable, "-c", packages.QUESTION], capture_output=True, text=True, check=True)
    found = packages.parse("a line of an entry point\n" + done.stdout)
    assert found.python["Python"] == sys.version.split()[0]
    assert found.python["pytest"] == metadata.version("pytest")
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", "bash"], capture_output=True, text=True, check=False
    )
    assert asked.returncode or found.system["bash"] == asked.stdout


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", '{"python": [], "system": {}}', '{"python": 1, "system": {}}'])
def test_other_answers_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        packages.parse(text)


def test_words_of_an_image_are_no_orders() -> None:
    found = packages.parse('{"python": {"a\\u001b[2J": "1\\n2"}, "system": {}}')
    assert found.python == {"a": "1 2"}


def test_lists_are_kept_and_forgotten_with_their_image(tmp_path: Path) -> None:
    Shelf(tmp_path).put(sha("a"), Packages({"numpy": "2"}, {}))
    Shelf(tmp_path).put(sha("b"), Packages({"numpy": "3"}, {}))
    shelf = Shelf(tmp_path)
    shelf.keep({sha("a")})
    assert shelf.get(sha("a")) == Packages({"numpy": "2"}, {}) and shelf.get(sha("b")) is None
    (tmp_path / f"{'a' * 64}.json").write_text("damaged")
    assert Shelf(tmp_path).get(sha("a")) is None


def told(lab: Lab, name: str) -> object:
    return {f"{one['repository']}:{one['tag']}": one for one in lab.document()["images"]}[name]["changes"]


def test_a_new_tag_is_compared_with_the_one_before(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.engine.content = {sha("a"): {"numpy": "2.1"}, sha("b"): {"numpy": "2.3"}}
    lab.service.round()
    assert told(lab, "notebook:1.0") is None
    lab.registry.content["notebook"]["1.1"] = sha("b")
    lab.service.round()
    assert told(lab, "notebook:1.1") == {
        "since": "notebook:1.0",
        "summary": "numpy 2.1 → 2.3",
        "lines": ["numpy 2.1 → 2.3"],
    }
    lab.restart()
    assert not lab.service.round(), "after a restart nothing is asked or written again"
    assert len(lab.engine.asked) == 2


def test_a_tag_that_was_moved_is_compared_with_what_it_was(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.engine.content = {sha("a"): {"numpy": "2.1"}, sha("b"): {"numpy": "2.3"}}
    lab.service.round()
    lab.registry.content["notebook"]["1.0"] = sha("b")
    lab.service.round()
    lab.restart()
    lab.service.round()
    assert told(lab, "notebook:1.0") == {
        "since": "notebook:1.0 before", "summary": "numpy 2.1 → 2.3", "lines": ["numpy 2.1 → 2.3"],
    }  # fmt: skip


def test_an_image_of_a_former_release_is_asked_later_and_stays_offered(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.service.round()
    (tmp_path / "packages" / f"{'a' * 64}.json").unlink()
    output = Path(lab.settings["output"])
    document = json.loads(output.read_text())
    for one in document["images"]:
        del one["replaces"], one["changes"]
    output.write_text(json.dumps(document))
    lab.restart()
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"} and len(lab.engine.asked) == 2 and len(lab.engine.tried) == 1


def test_an_image_that_does_not_tell_is_offered_and_asked_once(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.engine.silent = {sha("a")}
    lab.service.round()
    lab.registry.content["notebook"]["1.1"] = sha("b")
    lab.service.round()
    lab.service.round()
    assert set(lab.states().values()) == {"ready"} and told(lab, "notebook:1.1") is None
    assert len(lab.engine.asked) == 2
    assert any("its packages are not known" in said for said in lab.said)
