# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build waits for its turn, is followed over a restart of the hub, and ends as an image or with a sentence."""

from __future__ import annotations

import asyncio
import datetime
import logging
from pathlib import Path
from typing import Any

import pytest
from builds_lab import Lab
from labhub.builds import model, outcome, pages
from labhub.exchange.published import Published
from labhub.servers import build
from samples import DIGEST

ALICE, MARY = "build-jupyter-alice", "build-jupyter-mary-ann"


class Page:
    """What a page needs to have a build kept."""

    def __init__(self, lab: Lab):
        self.builds, self.log = lab.builds, logging.getLogger("labhub.tests")

    def enough(self) -> str:
        """Return what the page says of one too many."""
        return pages.BuildsHandler.enough(self)  # type: ignore[arg-type]

    async def add(self, new: model.Build) -> None:
        """Keep a build as every page does."""
        await pages.BuildsHandler.add(self, new)  # type: ignore[arg-type]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


async def test_from_a_wish_to_an_image(lab: Lab) -> None:
    one = await lab.add()
    await lab.look()
    (body,) = lab.guard.made
    assert body["User"] == "20001:20001" and body["Labels"][build.LABEL] == one
    assert body["Cmd"][-6:] == [one, "folder", "envs/a", "analysis", "1800", str(4 << 30)]
    assert lab.guard.containers[ALICE]["state"] == "running"
    running = lab.kept(one)
    assert (running.state, running.base_repository, running.base_digest) == (model.RUNNING, "notebook", DIGEST)
    lab.guard.log = b"\x01\0\0\0\0\0\0\x09== first\n\x02\0\0\0\0\0\0\x07second\n"
    assert await lab.builds.log(running) == ["== first", "second"]
    lab.guard.end(ALICE, 0, "ok")
    await lab.look(60)
    assert lab.guard.containers == {} and lab.kept(one).state == model.PACKING
    await lab.look()
    assert lab.kept(one).state == model.PACKING, "until the host says something"
    assert await lab.builds.log(lab.kept(one)) == ["== installing"]
    lab.published = {one: Published("ok", "", DIGEST)}
    await lab.look()
    done = lab.kept(one)
    assert (done.state, done.digest, done.image) == (
        model.DONE, DIGEST, "people/leem/alice/analysis:20261128-203400"
    )  # fmt: skip


async def test_builds_of_one_second_have_a_tag_each(lab: Lab) -> None:
    first = lab.kept(await lab.add(state=model.FAILED, tag="20261128-203359"))
    await asyncio.gather(*(Page(lab).add(model.again(first, lab.now)) for _press in range(3)))
    await lab.add("mary-ann")
    tags = sorted(one.tag for one in lab.builds.store.all() if one.owner == "alice")
    assert tags == ["20261128-203359", "20261128-203400", "20261128-203401", "20261128-203402"]
    (other,) = [one.tag for one in lab.builds.store.all() if one.owner == "mary-ann"]
    assert other == "20261128-203400", "an image of another name may have the same"
    new = model.again(first, datetime.datetime(2026, 11, 28, 23, 59, 59, tzinfo=datetime.UTC))
    assert model.with_own_tag(new, [new]).tag == "20261129-000000"


@pytest.mark.parametrize(
    ("code", "reason", "line", "state", "words"),
    [
        (1, "missing", "envs/a", {}, "There is no folder envs/a in the home."),
        (1, "nothing", "", {}, "There is no requirements.txt in envs/a."),
        (1, "dockerfile", "", {}, "A Dockerfile is not built here: its commands would run as root on this server."),
        (1, "conda", "", {}, "environment.yml is not built here"),
        (1, "silent", "x", {}, "envs/a did not answer in 5 minutes."),
        (1, "git", "fatal: not found", {}, "The Git repository could not be fetched: fatal: not found"),
        (1, "install", "ERROR: no such", {}, "The packages could not be installed: ERROR: no such"),
        (1, "install", "Killed", {"OOMKilled": True}, "It needed more memory than the limit of 1 GiB."),
        (1, "size", "", {}, "It grew beyond 4 GiB, the most that an image may hold."),
        (1, "disk", "no space", {}, "The disk, or your part of it, is full: no space"),
        (1, "forks", "", {}, "It started more processes than your server may have (1024)."),
        (1, "late", "", {}, "It was ended after 30 minutes, its limit."),
        (1, "stopped", "", {}, "It was interrupted"),
        (69, "", "", {}, "On the image notebook:1.0 nothing can be built"),
        (7, "", "", {}, "It ended by itself with exit code 7."),
        (1, "ok", "", {}, "It ended by itself with exit code 1."),
        (0, "made-up", "", {}, "It ended by itself with exit code 0."),
        (137, "", "", {"OOMKilled": True}, "It needed more memory"),
        (1, "install", "a" * 900, {}, "The packages could not be installed: aaaa"),
        (1, "install", "\x1b[31mred", {}, "The packages could not be installed: ?[31mred"),
    ],
)  # fmt: skip
async def test_each_failure_has_its_sentence(
    lab: Lab, code: int, reason: str, line: str, state: dict[str, Any], words: str
) -> None:
    one = await lab.add()
    await lab.look()
    lab.guard.end(ALICE, code, reason, line, **state)
    await lab.look(10)
    kept = lab.kept(one)
    assert kept.state == model.FAILED and kept.told().startswith(words), kept.told()
    assert len(kept.told()) < 500 and lab.guard.containers == {}


async def test_what_the_host_refuses_is_told(lab: Lab) -> None:
    for reason, words in (("archive", "no environment that can become an image"), ("refused", "could not be made"),
                          ("registry", "did not take the image"), ("new-word", "could not be made")):  # fmt: skip
        one = await lab.add(state=model.PACKING)
        lab.published = {one: Published(reason, "'../x' leads out")}
        await lab.look()
        assert lab.kept(one).state == model.FAILED
        assert words in lab.kept(one).told() and lab.kept(one).told().endswith("'../x' leads out")


async def test_a_program_that_is_killed_at_its_limit_and_one_that_does_not_end(lab: Lab) -> None:
    one = await lab.add()
    await lab.look()
    await lab.look(1861)
    assert lab.guard.containers[ALICE]["state"] == "exited", "the hub stops what does not end itself"
    lab.guard.end(ALICE, 137)
    await lab.look()
    assert lab.kept(one).told() == "It was ended after 30 minutes, its limit."


async def test_one_of_each_person_and_so_many_of_all_run_the_longest_waiting_first(lab: Lab) -> None:
    first = await lab.add()
    lab.now = lab.now.replace(minute=40)
    second = await lab.add("mary-ann")
    lab.now = lab.now.replace(hour=21)
    third = await lab.add()
    await lab.look()
    assert [lab.kept(one).state for one in (first, second, third)] == ["running", "waiting", "waiting"]
    lab.restarted(builds_at_once=5)
    await lab.look()
    assert [lab.kept(one).state for one in (first, second, third)] == ["running", "running", "waiting"]
    lab.guard.end(ALICE, 0, "ok")
    await lab.look()
    await lab.look()
    assert lab.kept(third).state == "waiting", "what the first left lies in the home until the host took it"
    lab.published = {first: Published("ok", "", DIGEST)}
    await lab.look()
    assert lab.kept(third).state == "running" and set(lab.guard.containers) == {ALICE, MARY}


async def test_what_waits_or_runs_is_stopped_on_request(lab: Lab) -> None:
    one, other = await lab.add(), await lab.add()
    await lab.look()
    for each in (one, other):
        await lab.builds.store.change(each, lambda old: model.dataclasses.replace(old, stopped=True))
    await lab.look()
    await lab.look()
    assert {lab.kept(each).told() for each in (one, other)} == {"It was stopped on request."}
    assert lab.guard.containers == {} and len(lab.guard.made) == 1


async def test_a_hub_that_starts_anew_follows_and_one_that_ended_in_between_begins_again(lab: Lab) -> None:
    one = await lab.add()
    await lab.look()
    lab.restarted()
    await lab.look()
    assert len(lab.guard.made) == 1 and lab.kept(one).state == "running"
    await lab.builds.store.change(one, lambda old: model.dataclasses.replace(old, container=""))
    await lab.look()
    assert lab.kept(one).container == "c1", "the container says whose it is"
    lab.guard.containers.clear()
    await lab.builds.store.change(one, lambda old: model.dataclasses.replace(old, container=""))
    await lab.look()
    assert len(lab.guard.made) == 2 and lab.kept(one).state == "running"
    lab.guard.containers.clear()
    await lab.look()
    assert lab.kept(one).told() == "Its container disappeared."


async def test_a_container_of_no_build_is_removed(lab: Lab) -> None:
    one = await lab.add()
    await lab.look()
    await lab.builds.store.remove(one)
    lab.restarted()
    await lab.look()
    assert lab.guard.containers == {}


@pytest.mark.parametrize("how", ["locked", "off", "group"])
async def test_who_may_not_any_more_has_nothing_built(lab: Lab, how: str) -> None:
    one, waiting = await lab.add(), await lab.add()
    await lab.look()
    if how == "locked":
        lab.out.add("alice")
    lab.restarted(**{"off": {"builds_per_person": 0}, "group": {"builds_groups": ("xps",)}}.get(how, {}))
    await lab.look()
    words = "switched off" if how == "off" else "may no longer log in, or is no longer in the group"
    for each in (one, waiting):
        assert lab.kept(each).state == model.FAILED and words in lab.kept(each).told()
    assert lab.guard.containers == {}


async def test_another_account_of_the_same_name_inherits_nothing(lab: Lab) -> None:
    one = await lab.add(uid=20999)
    await lab.look()
    assert lab.kept(one).state == model.FAILED and lab.guard.made == []


async def test_a_silent_guard_is_no_end_and_a_refusal_is(lab: Lab) -> None:
    one = await lab.add()
    await lab.look()
    lab.guard.silent = True
    await lab.look(10)
    assert lab.kept(one).state == "running" and await lab.builds.log(lab.kept(one)) == []
    lab.guard.silent = False
    lab.guard.end(ALICE, 1, "nothing")
    await lab.look()
    lab.guard.refusal = "refused by the lab's Docker guard: x"
    other = await lab.add()
    await lab.look()
    assert lab.kept(other).state == model.FAILED and lab.kept(other).text


async def test_an_image_that_is_gone_or_of_another_group_is_not_built_on(lab: Lab) -> None:
    for changes in ({"base": "notebook:2.0"}, {"base": "steps:1.0"}, {"base": "gone:1"}):
        one = await lab.add(**changes)
        await lab.look()
        assert lab.kept(one).told().endswith("cannot be used. Choose another one.")
    assert lab.guard.made == []


async def test_what_is_removed_goes_when_the_host_says_so(lab: Lab) -> None:
    one = await lab.add(state=model.REMOVING)
    lab.published = {one: Published("ok", "", DIGEST)}
    await lab.look()
    assert lab.kept(one).state == model.REMOVING
    lab.published = {one: Published("removed")}
    await lab.look()
    assert lab.builds.store.all() == ()


def test_the_log_is_the_last_lines_fit_to_be_shown() -> None:
    raw = b"old\rnew\n\x1b[2Jclear\n" + b"x\n" * 1000 + b'\nlabserver-build: {"reason": "ok"}\n'
    lines = outcome.lines(raw)
    assert len(lines) == outcome.LOG_LINES and set(lines) == {"x"}
    assert outcome.lines(b"old\rnew\n\x1b[2Jclear\n") == ["new", "?[2Jclear"]
    assert outcome.lines(b"\x01\0\0\0\0\0\xff\xffcut") == ["cut"]
    assert outcome.printed(b"labserver-build: {not json}\n") == {}
    assert outcome.printed(b'labserver-build: {"reason": "ok"}\nx\nlabserver-build: {"reason": "late"}\n') == {
        "reason": "late"
    }
