# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue: from pushed tags to images that people can start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue import model as catalogue
from ansible_collections.labserver.jupyter.plugins.module_utils._common import files
from ansible_collections.labserver.jupyter.plugins.module_utils._registry.protocol import RegistryError
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._catalogue.catalogue_lab import Lab, sha


def test_a_pushed_tag_is_fetched_tried_and_offered(lab: Lab) -> None:
    lab.engine.seen_while_pulling = lambda: (
        pytest.fail("not announced") if lab.states() != {"notebook:1.0": "pulling"} else None
    )
    assert lab.service.round()
    image = lab.document()["images"][0]
    assert image == {
        "repository": "notebook", "tag": "1.0", "digest": sha("a"), "reference": f"127.0.0.1:5000/notebook@{sha('a')}",
        "title": "notebook", "description": "", "created": "2026-11-20T09:00:00Z", "size_bytes": 123, "groups": None,
        "limits": {}, "state": "ready", "reason": "", "replaces": "", "changes": None,
    }  # fmt: skip


def test_nothing_new_writes_nothing_and_fetches_nothing(lab: Lab) -> None:
    lab.service.round()
    before = Path(lab.settings["output"]).stat().st_ino
    lab.restart()
    assert not lab.service.round()
    assert Path(lab.settings["output"]).stat().st_ino == before
    assert len(lab.engine.pulled) == 1


def test_a_moved_tag_is_offered_by_its_new_digest(lab: Lab) -> None:
    lab.service.round()
    lab.registry.content["notebook"]["1.0"] = sha("b")
    assert lab.service.round()
    assert [one["digest"] for one in lab.document()["images"]] == [sha("b")]
    assert lab.states() == {"notebook:1.0": "ready"}


def test_a_deleted_tag_is_no_longer_offered(lab: Lab) -> None:
    lab.registry.content["notebook"]["2.0"] = sha("b")
    lab.service.round()
    del lab.registry.content["notebook"]["1.0"]
    lab.service.round()
    assert lab.states() == {"notebook:2.0": "ready"}


def test_a_registry_that_is_away_changes_nothing(lab: Lab) -> None:
    lab.service.round()
    lab.registry.away = True
    with pytest.raises(RegistryError):
        lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


def test_a_registry_that_lost_everything_changes_nothing(lab: Lab) -> None:
    """Its disk is not mounted, say; what is on this host can be started all the same."""
    lab.service.round()
    lab.registry.content.clear()
    with pytest.raises(RegistryError, match="holds no repository at all, though it held 1 image"):
        lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}
    lab.restart()
    with pytest.raises(RegistryError):
        lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


def test_two_tags_of_one_image_are_tried_once(lab: Lab) -> None:
    lab.registry.content["notebook"]["1.0-CASE"] = sha("a")
    lab.registry.content["notebook"]["1.0-case"] = sha("a")
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready", "notebook:1.0-CASE": "ready", "notebook:1.0-case": "ready"}
    assert len(lab.said) == 1


def test_a_catalogue_that_could_not_be_written_is_written_later(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.service.round()
    lab.registry.content["notebook"] = {"2.0": sha("b")}

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            lab.service.round()
    folder = Path(lab.settings["output"]).parent
    assert sorted(path.name for path in folder.iterdir()) == ["fetched.json", "images.json", "packages"]
    lab.service.round()
    assert lab.states() == {"notebook:2.0": "ready"}


def test_an_image_that_was_removed_from_the_host_is_fetched_again(lab: Lab) -> None:
    lab.service.round()
    lab.engine.here.clear()
    lab.service.round()
    assert len(lab.engine.pulled) == 2
    assert lab.states() == {"notebook:1.0": "ready"}


def test_patterns_and_a_label_keep_images_away(lab: Lab) -> None:
    lab.settings["repositories"] = ["note*", "tools"]
    lab.restart()
    lab.registry.content.update({"other": {"1": sha("c")}, "tools": {"1": sha("d")}})
    lab.registry.labels[sha("d")] = {"org.labserver.spawnable": "false"}
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}
    assert lab.engine.pulled == [f"127.0.0.1:5000/notebook@{sha('a')}"]


def test_an_image_is_tried_with_the_memory_that_it_will_have(lab: Lab) -> None:
    """An image whose label allows 48 MiB was "ready" and died at each start."""
    lab.registry.labels[sha("a")] = {"org.labserver.memory_bytes": str(48 << 20)}
    lab.service.round()
    assert lab.engine.tried == [48 << 20]
    lab.settings["images"] = {"notebook": {"limits": {"memory_bytes": 4 << 30}}}
    lab.service.round()
    assert lab.engine.tried == [48 << 20, 1 << 30], "tried again with the new limit, but with no more than a trial has"
    lab.service.round()
    assert len(lab.engine.tried) == 2


def test_labels_speak_and_the_inventory_has_the_last_word(lab: Lab) -> None:
    lab.registry.labels[sha("a")] = {
        "org.labserver.title": "From the label",
        "org.opencontainers.image.description": "By convention",
        "org.labserver.groups": "leem, xps",
        "org.labserver.cpu": "0.5",
        "org.labserver.memory_bytes": "1000000",
    }
    lab.settings["images"] = {"notebook": {"title": "From the inventory", "limits": {"cpu": 1.0}}}
    lab.service.round()
    image = lab.document()["images"][0]
    assert (image["title"], image["description"]) == ("From the inventory", "By convention")
    assert image["groups"] == ["leem", "xps"]
    assert image["limits"] == {"cpu": 1.0, "memory_bytes": 1000000}


@pytest.mark.parametrize("value", ["many", "-1", "0"])
def test_a_limit_that_is_no_number_is_told(lab: Lab, value: str) -> None:
    lab.registry.labels[sha("a")] = {"org.labserver.pids": value}
    lab.service.round()
    image = lab.document()["images"][0]
    assert image["state"] == "broken"
    assert "org.labserver.pids" in image["reason"]


def test_a_broken_file_of_the_last_run_is_made_anew(lab: Lab) -> None:
    Path(lab.settings["output"]).write_text('{"version": 1, "images": [{')
    lab.restart()
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


def test_entries_of_an_older_version_are_read() -> None:
    entry = {
        "repository": "n", "tag": "1", "digest": "d", "reference": "r", "title": "t", "description": "", "created": "",
        "size_bytes": 1, "groups": None, "state": "ready", "reason": "", "colour": "red",
    }  # fmt: skip
    assert catalogue.read(json.dumps({"version": 1, "images": [entry]}))[0].limits == {}


@pytest.mark.parametrize("silent", ["alpha", "alpha:1.0", "digest"])
@pytest.mark.parametrize("status", [500, 503, None])
def test_what_the_registry_cannot_say_of_one_image_concerns_no_other(lab: Lab, silent: str, status: int | None) -> None:
    lab.registry.content = {"alpha": {"1.0": sha("b")}, "notebook": {"1.0": sha("a")}}
    lab.service.round()
    before = lab.document()["images"][0]
    lab.restart()  # it knows nothing of descriptions any more
    lab.registry.silent = {sha("b") if silent == "digest" else silent: status}
    lab.registry.content["notebook"]["2.0"] = sha("c")
    lab.said.clear()
    lab.service.round()
    assert lab.states() == {"alpha:1.0": "ready", "notebook:1.0": "ready", "notebook:2.0": "ready"}
    assert lab.document()["images"][0] == before, "it stays as it is"
    lab.service.round()
    assert sum("stays as it is" in line for line in lab.said) == 1, "it is said once"
    lab.registry.silent.clear()
    del lab.registry.content["alpha"]["1.0"]
    lab.service.round()
    assert "alpha:1.0" not in lab.states()


def test_a_new_image_that_the_registry_cannot_hand_out_says_so_and_is_tried_when_it_can(lab: Lab) -> None:
    lab.registry.content["notebook"]["2.0"] = sha("c")
    lab.registry.silent = {sha("c"): 500}
    lab.service.round()
    lab.service.round()
    reasons = {one["tag"]: one["reason"] for one in lab.document()["images"]}
    assert reasons == {"1.0": "", "2.0": "the registry cannot hand it out (HTTP 500)"}
    lab.registry.silent.clear()
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready", "notebook:2.0": "ready"}


def test_an_image_whose_missing_part_was_pushed_again_is_tried(lab: Lab) -> None:
    lab.registry.odd = {sha("a")}
    lab.service.round()
    lab.registry.odd.clear()
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


@pytest.mark.parametrize(("statuses", "count"), [((None,) * 3, 3), ((401,), 1)])
def test_a_registry_that_answers_nothing_or_nobody_is_away(
    lab: Lab, statuses: tuple[int | None, ...], count: int
) -> None:
    lab.registry.content = {f"r{number}": {"1": sha(str(number))} for number in range(count + 1)}
    lab.service.round()
    before = lab.states()
    lab.registry.silent = {f"r{number}": status for number, status in enumerate(statuses)}
    with pytest.raises(RegistryError):
        lab.service.round()
    assert lab.states() == before


OLD = f"127.0.0.1:5000/notebook@{sha('a')}"


@pytest.fixture
def moved(lab: Lab) -> Lab:
    """Return a lab whose tag was moved to another image just now."""
    lab.service.round()
    lab.registry.content["notebook"]["1.0"] = sha("c")
    lab.days(1)
    return lab


def test_an_image_goes_a_week_after_its_last_tag(moved: Lab) -> None:
    moved.days(6.9)
    assert OLD in moved.engine.here
    moved.restart()
    moved.days(0.2)
    assert moved.engine.here == {f"127.0.0.1:5000/notebook@{sha('c')}"}
    assert any("removed from this host" in line for line in moved.said)


def test_a_tag_that_comes_back_keeps_its_image(moved: Lab) -> None:
    moved.days(5)
    moved.registry.content["notebook"]["old"] = sha("a")
    moved.days(1)
    del moved.registry.content["notebook"]["old"]
    moved.days(1)
    moved.days(6)
    assert OLD in moved.engine.here, "its week begins anew"
    moved.days(2)
    assert OLD not in moved.engine.here


@pytest.mark.parametrize("why", ["chosen", "container", "not known", "no repository", "silent", "not fetched"])
def test_what_may_be_in_use_stays(lab: Lab, why: str) -> None:
    if why == "not fetched":
        lab.engine.here.add(OLD)
    lab.service.round()
    lab.registry.content["notebook"]["1.0"] = sha("c")
    lab.registry.content["other"] = {"1": sha("d")}
    if why == "no repository":
        del lab.registry.content["notebook"]
    lab.days(1)
    if why == "chosen":
        lab.used = {sha("a")}
    elif why == "container":
        lab.engine.used_by_containers = {OLD}
    elif why == "not known":
        lab.used = None
    elif why == "silent":
        lab.registry.silent = {"notebook": 500}
    lab.days(30)
    assert OLD in lab.engine.here
    lab.engine.used_by_containers, lab.used, lab.registry.silent = set(), set(), {}
    lab.registry.content.setdefault("notebook", {})
    lab.days(1)
    assert (OLD in lab.engine.here) is (why == "not fetched")
