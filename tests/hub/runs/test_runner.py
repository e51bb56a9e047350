# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs begin when they are due, one at a time of each person, go on over a restart of the hub, and are made up once."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from pathlib import Path

import pytest
from labhub.runs import views
from labhub.runs.model import AHEAD, Definition
from labhub.runs.runner import PATIENCE_SECONDS, Runs
from labhub.servers import run
from runs_lab import IDS, START, Lab, at

ALICE = "run-jupyter-alice"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


async def test_a_run_begins_when_it_is_due_and_its_result_is_kept(lab: Lab) -> None:
    await lab.add()
    await lab.look(at(21, 2, 59))
    assert lab.guard.made == []
    await lab.look(at(21, 3, 0))
    (body,) = lab.guard.made
    assert body["User"] == "20001:20001" and body["Labels"][run.LABEL] == f"{IDS['first']}-20261121030000"
    assert body["Cmd"][-4:] == ["first.ipynb", "2026-11-21_03-00-00", "3", "3600"]
    assert lab.guard.containers[ALICE]["state"] == "running"
    await lab.look(at(21, 3, 10))
    assert len(lab.guard.made) == 1
    lab.guard.end(
        ALICE, 0, {"reason": "ok", "line": "", "cell": 0, "output": "/home/x.ipynb"}, "2026-11-21T03:10:30.5Z"
    )
    await lab.look(at(21, 3, 11))
    assert lab.guard.containers == {}
    one = lab.kept()
    assert one.running is None and one.last is not None and one.last.well
    assert one.last.output == "/home/x.ipynb" and (one.last.ended - one.last.began).total_seconds() == 630.5
    await lab.look(at(21, 23))
    assert len(lab.guard.made) == 1
    await lab.look(at(22, 3))
    assert len(lab.guard.made) == 2


async def test_what_was_missed_is_made_up_once(lab: Lab) -> None:
    await lab.add()
    lab.restarted()  # the hub was away for five days
    for minute in range(4):
        await lab.look(at(25, 9, minute))
        if minute == 1:
            lab.guard.end(ALICE, 0, {"reason": "ok"}, "2026-11-25T09:00:30Z")
    assert len(lab.guard.made) == 1 and len(lab.kept().results) == 1
    await lab.look(at(26, 3))
    assert len(lab.guard.made) == 2


async def test_two_runs_of_one_never_overlap_and_what_came_due_meanwhile_is_not_made_up(lab: Lab) -> None:
    await lab.add(fields="0 * * * *", seconds=3 * 3600)
    for hour in (13, 14, 15):
        await lab.look(at(20, hour))
    assert len(lab.guard.made) == 1
    lab.guard.end(ALICE, 0, {"reason": "ok"}, "2026-11-20T15:20:00Z")
    await lab.look(at(20, 15, 21))
    await lab.look(at(20, 15, 22))
    assert len(lab.guard.made) == 1
    await lab.look(at(20, 16))
    assert len(lab.guard.made) == 2


async def test_one_of_each_person_runs_at_a_time_and_as_many_as_the_lab_allows(tmp_path: Path) -> None:
    lab = Lab(tmp_path, runs_at_once=1)
    await lab.add("first")
    await lab.add("second")
    await lab.add("third", "mary-ann", image="steps:1.0", fields="30 3 * * *")
    await lab.look(at(21, 4))
    assert list(lab.guard.containers) == [ALICE]
    lab.guard.end(ALICE, 0, {"reason": "ok"}, "2026-11-21T04:00:10Z")
    await lab.look()
    assert [body["Cmd"][-4] for body in lab.guard.made] == ["first.ipynb", "second.ipynb"], "who waits longest is next"
    lab.guard.end(ALICE, 0, {"reason": "ok"}, "2026-11-21T04:00:20Z")
    await lab.look()
    assert list(lab.guard.containers) == ["run-jupyter-mary-ann"]

    two = Lab(tmp_path / "two")
    two.folder.mkdir()
    for which, owner in (("first", "alice"), ("second", "alice"), ("third", "mary-ann")):
        await two.add(which, owner, image="notebook:1.0")
    await two.look(at(21, 4))
    assert sorted(two.guard.containers) == [ALICE, "run-jupyter-mary-ann"], "two at once, but not both of alice"


async def test_who_may_not_log_in_has_nothing_run_and_nothing_made_up_later(lab: Lab) -> None:
    await lab.add()
    lab.out = {"alice"}
    await lab.look(at(21, 3))
    assert lab.guard.made == []
    lab.out = set()
    await lab.look(at(21, 12))
    assert lab.guard.made == []
    await lab.look(at(22, 3))
    assert len(lab.guard.made) == 1
    lab.out = {"alice"}
    await lab.look(at(22, 3, 1))
    assert lab.guard.containers == {}
    assert [result.reason for _name, result in lab.told] == ["access"]


async def test_who_gets_the_name_later_inherits_nothing(lab: Lab) -> None:
    await lab.add(uid=20099)
    await lab.look(at(21, 3))
    assert lab.guard.made == []
    assert lab.runs.store.of("alice", 20001) == ()


async def test_a_hub_that_starts_anew_follows_the_run_that_goes_on(lab: Lab) -> None:
    await lab.add()
    await lab.look(at(21, 3))
    lab.restarted()
    await lab.look(at(21, 3, 30))
    assert len(lab.guard.made) == 1 and ALICE in lab.guard.containers
    lab.guard.end(ALICE, 1, {"reason": "cell", "line": "ValueError: no data", "cell": 4}, "2026-11-21T03:31:00Z")
    lab.restarted()
    await lab.look(at(21, 12))
    assert lab.told[-1][1].told() == "Cell 4 failed: ValueError: no data"
    assert lab.kept().results[0].ended == at(21, 3, 31), "as Docker says, not as late as it was seen"


async def test_a_run_that_was_missed_while_the_one_before_went_on_unseen_is_made_up(lab: Lab) -> None:
    await lab.add()
    await lab.look(at(21, 3))
    lab.guard.end(ALICE, 0, {"reason": "ok"}, "2026-11-21T03:20:00Z")
    lab.restarted()
    await lab.look(at(22, 9))
    assert len(lab.guard.made) == 2


async def test_a_hub_that_ended_before_the_container_was_made_begins_again(lab: Lab) -> None:
    await lab.add()
    lab.guard.makes = False
    await lab.look(at(21, 3))
    one = lab.kept()
    assert lab.guard.made == [] and one.running is not None
    assert one.due(at(21, 4)) is None and views.view(one, at(21, 4), None).state == "running"
    lab.restarted()
    lab.guard.makes = True
    await lab.look(at(21, 3, 5))
    assert len(lab.guard.made) == 1 and lab.kept().running is not None and lab.kept().results == ()


async def test_a_guard_that_is_silent_is_waited_for(lab: Lab) -> None:
    await lab.add()
    lab.guard.silent = True
    for hour in range(3, 9):
        await lab.look(at(21, hour))
    lab.guard.silent = False
    await lab.look(at(21, 9))
    assert len(lab.guard.made) == 1 and lab.told == []


async def test_a_hub_that_ended_just_after_the_container_was_made_takes_it_over(lab: Lab) -> None:
    await lab.add()
    await lab.look(at(21, 3))
    one = lab.kept()
    assert one.running is not None
    unseen = dataclasses.replace(one.running, container="")
    await lab.runs.store.change(one.id, lambda old: dataclasses.replace(old, running=unseen, handled=START))
    lab.guard.containers[ALICE]["state"] = "created"
    lab.restarted()
    await lab.look(at(21, 3, 1))
    kept = lab.kept().running
    assert len(lab.guard.made) == 1 and lab.guard.containers[ALICE]["state"] == "running"
    assert kept is not None and kept.container == "c1" and lab.kept().handled == at(21, 3)


async def test_containers_that_belong_to_no_run_are_removed_and_those_of_others_are_not(lab: Lab) -> None:
    await lab.add()
    await lab.look(at(21, 3))
    other = {**lab.guard.containers[ALICE], "Id": "other"}
    lab.guard.containers["labserver-hub-canary-run-jupyter-x"] = other
    await lab.runs.forget(IDS["first"])
    await lab.look(at(21, 3, 1))
    assert list(lab.guard.containers) == ["labserver-hub-canary-run-jupyter-x"]
    assert lab.told == []


async def test_what_is_left_in_the_name_is_replaced(lab: Lab) -> None:
    await lab.add()
    await lab.look(at(21, 2))
    lab.guard._create(ALICE, {"Labels": {"org.labserver.user": "alice", run.LABEL: "0" * 12 + "-" + "0" * 14}})
    lab.guard.made.clear()
    await lab.look(at(21, 3))
    assert len(lab.guard.made) == 1 and lab.guard.containers[ALICE]["Labels"][run.LABEL].startswith(IDS["first"])


async def test_a_run_that_cannot_begin_is_tried_again_and_told_of_after_a_while(lab: Lab) -> None:
    await lab.add()
    lab.guard.refusal = "home folder: /home/jupyter-alice does not exist"
    await lab.look(at(21, 3))
    assert lab.told == [] and lab.runs.stalled[IDS["first"]].text.startswith("Your home folder is missing")
    await lab.look(at(21, 3) + timedelta(seconds=PATIENCE_SECONDS - 1))
    assert lab.told == []
    await lab.look(at(21, 3) + timedelta(seconds=PATIENCE_SECONDS))
    ((name, result),) = lab.told
    assert name == "first.ipynb" and result.told().startswith("Your home folder is missing")
    lab.guard.refusal = ""
    await lab.look(at(21, 4))
    assert lab.guard.made == [], "it is over until tomorrow"
    await lab.look(at(22, 3))
    assert len(lab.guard.made) == 1 and lab.runs.stalled == {}


async def test_without_a_share_that_should_be_there_nothing_is_computed(lab: Lab) -> None:
    await lab.add()
    lab.guard.absent = {"data", "scratch"}
    await lab.look(at(21, 3))
    assert lab.guard.made == []
    lab.guard.absent = {"scratch"}  # which servers may lack
    await lab.look(at(21, 3, 5))
    (body,) = lab.guard.made
    assert "/srv/labserver/shares/data:/srv/labserver/shares/data:rw,rslave" in body["HostConfig"]["Binds"]
    assert not any("scratch" in bind for bind in body["HostConfig"]["Binds"])


async def test_the_image_is_one_that_the_person_may_use_and_the_newest_when_its_tag_is_gone(lab: Lab) -> None:
    await lab.add("first", image="notebook:0.9")
    await lab.add("second", "mary-ann", image="steps:1.0")
    await lab.add("third", image="steps:1.0")  # which alice may not use
    await lab.look(at(21, 3))
    assert [body["Labels"]["org.labserver.image"] for body in lab.guard.made] == ["notebook:1.0", "steps:1.0"]
    lab.guard.end(ALICE, 0, {"reason": "ok"}, "2026-11-21T03:00:10Z")
    await lab.look(at(21, 3, 1))
    await lab.look(at(21, 3, 2) + timedelta(seconds=PATIENCE_SECONDS))
    assert [result.told() for name, result in lab.told if name == "third.ipynb"] == [
        "The image steps:1.0 cannot be started. Choose another one."
    ]
    assert len(lab.guard.made) == 2
    chosen = json.loads((lab.folder / "choices.json").read_text())["choices"]
    assert {(one["user"], one["repository"]) for one in chosen} == {("alice", "notebook"), ("mary-ann", "steps")}


async def test_a_run_is_ended_some_time_after_its_limit_and_at_once_on_request(lab: Lab) -> None:
    await lab.add()
    await lab.look(at(21, 3))
    await lab.look(at(21, 4, 1))
    assert lab.guard.containers[ALICE]["state"] == "running", "it ends itself at its limit"
    await lab.look(at(21, 4, 3))
    await lab.look(at(21, 4, 4))
    assert lab.told[-1][1].told() == "It was ended after 1 h, its limit."
    await lab.runs.store.change(IDS["first"], lambda one: dataclasses.replace(one, asked=True))
    await lab.look(at(21, 5))
    assert len(lab.guard.made) == 2

    def stop(one: Definition) -> Definition:
        assert one.running is not None
        return dataclasses.replace(one, running=dataclasses.replace(one.running, stopped=True))

    await lab.runs.store.change(IDS["first"], stop)
    await lab.look(at(21, 5, 1))
    await lab.look(at(21, 5, 2))
    assert lab.told[-1][1].told() == "It was stopped on request."


async def test_a_container_that_disappeared_is_a_failure(lab: Lab) -> None:
    await lab.add()
    await lab.look(at(21, 3))
    lab.guard.containers.clear()
    await lab.look(at(21, 3, 1))
    assert [result.reason for _name, result in lab.told] == ["gone"]
    await lab.look(at(21, 3, 2))
    assert len(lab.guard.made) == 1


async def test_what_is_paused_does_not_run_and_what_is_switched_off_ends(lab: Lab) -> None:
    await lab.add(paused=True)
    await lab.look(at(21, 3))
    assert lab.guard.made == []
    await lab.runs.store.change(IDS["first"], lambda one: dataclasses.replace(one, paused=False))
    await lab.look(at(21, 3))
    lab.changes["runs_per_person"] = 0
    lab.restarted()
    await lab.look(at(21, 3, 1))
    assert lab.guard.containers == {} and lab.told[-1][1].reason == "off"
    await lab.look(at(22, 3))
    assert len(lab.guard.made) == 1


async def test_a_clock_that_was_far_ahead_keeps_nothing_from_running(lab: Lab) -> None:
    await lab.add(handled=START + 400 * AHEAD)
    await lab.look(at(21, 3, 1))
    assert len(lab.guard.made) == 1


async def test_a_file_that_cannot_be_read_is_left_alone_and_nothing_runs(lab: Lab) -> None:
    await lab.add()
    path = lab.folder / "runs.json"
    path.write_text("{half")
    lab.restarted()
    await lab.look(at(21, 3))
    assert lab.guard.made == [] and "runs.json cannot be used" in lab.runs.store.problem
    with pytest.raises(OSError, match=r"runs\.json cannot be used"):
        await lab.add("second")
    assert path.read_text() == "{half"


async def test_what_cannot_be_written_down_does_not_begin(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    await lab.add()

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("labhub.exchange.files.replace", full)
    await lab.look(at(21, 3))
    assert lab.guard.made == []
    monkeypatch.undo()
    await lab.look(at(21, 3, 1))
    assert len(lab.guard.made) == 1


async def test_administrators_are_shown_what_failed_last(lab: Lab) -> None:
    await lab.add("first")
    await lab.add("second", "mary-ann", image="steps:1.0")
    await lab.look(at(21, 3))
    lab.guard.end(ALICE, 1, {"reason": "missing"}, "2026-11-21T03:00:05Z")
    await lab.look(at(21, 3, 1))
    assert [one.owner for one in lab.runs.failing()] == ["alice"]
    assert isinstance(lab.runs, Runs)
