# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry behind its front, as the container runs both: maintenance turns no request away."""

from __future__ import annotations

import functools
import os
import signal
import time
import typing as t
from pathlib import Path

import images
import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import pause
from front_server import BASIC, Front, push_through


@pytest.fixture
def front(tmp_path: Path) -> t.Iterator[Front]:
    tmp_path.chmod(0o755)
    running = Front(tmp_path)
    try:
        running.wait()
        yield running
    finally:
        running.process.terminate()
        running.process.wait(20)


def test_no_push_fails_in_a_row_of_maintenance_rounds(front: Front) -> None:
    """By a client that repeats nothing: what Docker does not repeat is among its requests."""
    pushed = push_through(front, lambda so_far: so_far.rounds >= 12)
    print(f"{len(pushed.done)} pushes, longest pause {pushed.longest_seconds:.2f} s")
    assert pushed.failures == []
    assert len(pushed.done) > 30
    registry = images.Registry(front.url, BASIC)
    for tag, thing in pushed.done:
        assert registry.pull("lab/live", tag) == thing.everything()


def test_a_request_waits_for_its_turn_and_not_for_ever(front: Front) -> None:
    """Whoever may not come in is told so at once; who may is held, and after a while told to come again."""
    stop = functools.partial(os.kill, front.process.pid, signal.SIGUSR1)
    with pause.supervised(front.store / ".locks", stop):
        began = time.monotonic()
        assert images.Registry(front.url).call("GET", "/v2/")[0] == 401
        assert time.monotonic() - began < 2
        status, headers, _body = images.Registry(front.url, BASIC).call("GET", "/v2/")
        assert (status, headers["retry-after"]) == (503, "3")
        assert 15 < time.monotonic() - began < 30
    front.wait()
    assert images.Registry(front.url, BASIC).call("GET", "/v2/")[0] == 200


def test_a_registry_that_ends_by_itself_ends_the_container(front: Front) -> None:
    parent = front.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    (registry,) = (pid for pid in children if "docker-registry" in Path(f"/proc/{pid}/cmdline").read_text())
    os.kill(int(registry), signal.SIGTERM)
    assert front.process.wait(20) != 0
