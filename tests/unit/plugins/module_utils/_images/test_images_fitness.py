# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which images are not pushed, and what is said of them. The trial itself needs an engine: tests/images."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue import trial
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._images import fitness, publish


class Api:
    """An engine that knows one image."""

    def __init__(self, **image: Any) -> None:
        self.image = image

    def get(self, path: str, **_query: Any) -> Any:
        return {"Arch": "amd64"} if path == "/version" else self.image


def try_out(monkeypatch: pytest.MonkeyPatch, outcome: trial.Outcome | EngineError, **image: Any) -> fitness.Fitness:
    class Engine:
        def __init__(self, _api: object) -> None:
            """Take the place of the real one."""

        def try_out(self, *_arguments: object) -> trial.Outcome:
            if isinstance(outcome, EngineError):
                raise outcome
            return outcome

    monkeypatch.setattr(fitness, "Engine", Engine)
    return fitness.try_out(Api(**image), "x:1")  # type: ignore[arg-type]


ANSWERED = trial.Outcome(True, "6.1.1")


@pytest.mark.parametrize(
    ("outcome", "image", "part"),
    [
        (ANSWERED, {"Architecture": "arm64"}, "it is made for arm64 processors and this server has amd64; build it"),
        (
            trial.Outcome(False, "", 1, output="exec /x: exec format error"),
            {},
            "for another processor than this server",
        ),
        (
            trial.Outcome(
                False, "", 127, output="[FATAL tini (7)] exec jupyterhub-singleuser failed: No such file or directory"
            ),
            {},
            "it has no jupyterhub-singleuser; build it on an image of the lab",
        ),
        (trial.Outcome(False, "", 1, output="chown: Operation not permitted"), {}, "it wants rights that a person's"),
        (trial.Outcome(False, "", 0, output="hello"), {}, "its entry point ended without starting what it was given"),
        (trial.Outcome(False, "", 3, output="bye"), {}, "jupyterhub-singleuser cannot start in it (status 3): bye"),
        (EngineError("POST /x: exec format error", 400), {}, "exec format error"),
    ],
)
def test_an_image_that_cannot_run_has_its_sentence(
    monkeypatch: pytest.MonkeyPatch, outcome: Any, image: dict[str, Any], part: str
) -> None:
    found = try_out(monkeypatch, outcome, **image)
    assert part in found.problem
    assert found.warning == ""


def test_an_image_that_is_huge_or_slow_is_pushed_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    huge = try_out(monkeypatch, ANSWERED, Architecture="amd64", Size=11_200_000_000)
    assert huge.problem == "" and huge.warning.startswith("it has 11 GB: each server fetches and keeps all of it")
    slow = try_out(monkeypatch, trial.Outcome(False, output="loading"))
    assert slow.problem == "" and "no notebook server answered" in slow.warning


def test_an_image_that_people_never_start_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = {"Labels": {"org.labserver.spawnable": "false"}}
    assert try_out(monkeypatch, trial.Outcome(False, "", 1), Config=labels) == fitness.Fitness()


def test_a_silent_engine_is_not_the_images_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError):
        try_out(monkeypatch, EngineError("no answer"))


def test_the_good_ones_are_pushed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"a": fitness.Fitness(), "b": fitness.Fitness("it is broken"), "c": fitness.Fitness("", "it is huge")}
    monkeypatch.setattr(fitness, "try_out", lambda _engine, source: found[source])
    pushes = [publish.Push(publish.Image(name, name, "1"), "not in the registry") for name in found]
    good, problems, warnings = publish.judge(pushes, Api())  # type: ignore[arg-type]
    assert [step.image.name for step in good] == ["a:1", "c:1"]
    assert problems == ["b:1 cannot be started and was not pushed: it is broken"]
    assert warnings == ["c:1: it is huge"]
