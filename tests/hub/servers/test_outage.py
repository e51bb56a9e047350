# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked every few seconds is told once."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest
from labhub.servers.outage import Outage, is_silence

LOG = logging.getLogger("labhub.test")


def test_an_outage_is_told_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage("nothing is known", "it is known again")
    for error in (OSError("no route"), TimeoutError(), OSError("no route")):
        outage.begin(LOG, error)
    outage.end(LOG)
    outage.end(LOG)
    outage.begin(LOG, TimeoutError())
    assert [record.getMessage() for record in caplog.records] == [
        "nothing is known: no route",
        "it is known again",
        "nothing is known: TimeoutError",
    ]


@pytest.mark.parametrize(("status", "silent"), [(403, False), (404, False), (500, True), (None, True)])
def test_one_container_that_is_gone_is_no_outage(status: int | None, silent: bool) -> None:
    response: Any = SimpleNamespace(status_code=status)
    error = docker.errors.APIError("x", response=response) if status else OSError("x")
    assert is_silence(error) is silent
