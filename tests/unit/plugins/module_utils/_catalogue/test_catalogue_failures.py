# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that cannot be fetched or do not start: they are not offered, hold up no other, and are tried again."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.service import BROKEN_AGAIN_SECONDS
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.trial import Outcome
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._catalogue.catalogue_lab import Lab, sha

FAULTS = [
    (Outcome(False, status=127, output="exec: jupyterhub-singleuser: not found"), "(status 127): exec"),
    (Outcome(False, status=1, output="Traceback\nNo module named 'jupyterhub'\n"), "No module named 'jupyterhub'"),
    (Outcome(False, status=137, out_of_memory=True), "needs more than 1024 MiB to start"),
    (Outcome(True, "4.1.6"), "it has JupyterHub 4.1.6; the hub needs 5 or later"),
    (Outcome(True, ""), "no server of JupyterHub 5"),
]


@pytest.mark.parametrize(("outcome", "reason"), FAULTS)
def test_an_image_without_a_server_is_not_offered(lab: Lab, outcome: Outcome, reason: str) -> None:
    lab.engine.results[f"127.0.0.1:5000/notebook@{sha('a')}"] = outcome
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "broken"}
    assert reason in lab.document()["images"][0]["reason"]
    assert any(reason in line for line in lab.said), "the pusher sees it in the journal"
    lab.now += BROKEN_AGAIN_SECONDS + 1
    lab.service.round()
    assert len(lab.said) == 1, "the same digest is not tried again"


def test_a_server_that_came_up_too_slowly_is_tried_again_later(lab: Lab) -> None:
    lab.engine.results[f"127.0.0.1:5000/notebook@{sha('a')}"] = Outcome(False, output="loading\n")
    lab.service.round()
    assert "no notebook server answered in it within 60 seconds: loading" in lab.document()["images"][0]["reason"]
    lab.engine.results.clear()
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "broken"}
    lab.now += BROKEN_AGAIN_SECONDS + 1
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


def test_an_image_that_hangs_holds_up_no_other(lab: Lab) -> None:
    lab.engine.hanging[f"127.0.0.1:5000/notebook@{sha('a')}"] = release = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        lab.restart(pool)
        lab.service.round()
        assert lab.states() == {"notebook:1.0": "pulling"}
        lab.registry.content["other"] = {"1": sha("b")}
        lab.service.round()
        until = time.monotonic() + 20
        while lab.states()["other:1"] != "ready" and time.monotonic() < until:
            lab.service.wait(0.1)
        assert lab.states() == {"notebook:1.0": "pulling", "other:1": "ready"}
        del lab.registry.content["notebook"]
        lab.service.round()
        release.set()
    lab.service.round()
    assert lab.states() == {"other:1": "ready"}, "what was deleted meanwhile does not come back"


def test_a_fetch_that_failed_is_tried_again_later(lab: Lab) -> None:
    lab.engine.full = True
    lab.service.round()
    assert "disk is full" in lab.document()["images"][0]["reason"]
    lab.engine.full = False
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "broken"}
    lab.now += BROKEN_AGAIN_SECONDS + 1
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


def test_a_fetch_that_failed_before_a_restart_is_tried_again(lab: Lab) -> None:
    lab.engine.full = True
    lab.service.round()
    lab.engine.full = False
    lab.restart()
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready"}


def test_an_odd_image_does_not_hold_up_the_others(lab: Lab) -> None:
    lab.registry.content["arm"] = {"1.0": sha("e")}
    lab.registry.odd.add(sha("e"))
    lab.service.round()
    assert lab.states() == {"notebook:1.0": "ready", "arm:1.0": "broken"}
    assert "kind of processor" in lab.document()["images"][0]["reason"]
    assert not lab.service.round()


@pytest.mark.parametrize(
    ("docker", "people"),
    [
        ("POST /images/create: write /var/lib/docker/x: no space left on device", "the server's disk is full"),
        (
            "POST /images/create: manifest for 127.0.0.1:5000/a@sha256:1 not found: manifest unknown",
            "no longer complete",
        ),
        ("POST /images/create: unauthorized: authentication required", "the registry refuses the password"),
        ("no answer from the Docker engine at /var/run/docker.sock: timed out", "Docker does not answer"),
        ("POST /images/create: x\x1b[2J\nsomething new", "it could not be fetched: x something new"),
    ],
)
def test_a_failure_is_told_in_words_for_people(lab: Lab, docker: str, people: str) -> None:
    lab.engine.error = docker
    lab.service.round()
    assert people in lab.document()["images"][0]["reason"]
    assert "/images/create" not in lab.document()["images"][0]["reason"]


def test_words_of_an_image_are_one_short_line(lab: Lab) -> None:
    labels = {"title": "a\x1b[2J\nb", "description": "x" * 1000}
    lab.registry.labels[sha("a")] = {f"org.labserver.{key}": value for key, value in labels.items()}
    lab.service.round()
    (image,) = lab.document()["images"]
    assert image["title"] == "a b" and len(image["description"]) == 300
