# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people use is recorded as the kernel counts it, shown to each of them, and to root alone."""

from __future__ import annotations

import json
import typing as t

import pytest
from conftest import NOTEBOOK

NUMBERS = ("seconds", "cpu_seconds", "memory_byte_seconds", "starts")
# Four seconds of CPU, and so long by the clock that memory, which is looked at every ten seconds, is seen once.
BURN = (
    "import time\nend = time.monotonic() + 12\nbegan = time.process_time()\n"
    "while time.process_time() - began < 4:\n    pass\ntime.sleep(max(0, end - time.monotonic()))"
)


def of(lab: t.Any, person: str) -> dict[str, float]:
    """Return what the program says of a person, all images and groups together."""
    rows = json.loads(lab.sh("labserver usage-report --json"))["rows"]
    mine = [row for row in rows if row["person"] == person]
    return {
        name: sum(row[name] for row in mine) for name in ("seconds", "cpu_seconds", "memory_byte_seconds", "starts")
    }


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_what_a_server_used_is_known_as_soon_as_it_ended(lab: t.Any, how: str) -> None:
    assert lab.sh("systemctl is-active labserver-usage-watch.service").strip() == "active"
    bob = lab.without_server("bob")
    before = of(lab, "bob")
    bob.start(NOTEBOOK)
    bob.wait_ready()
    bob.kernel().run(BURN)
    if how == "stop":
        bob.stop()
    else:
        lab.sh("docker kill jupyter-bob")
    lab.until("it is written", lambda: of(lab, "bob")["cpu_seconds"] > before["cpu_seconds"] + 4, 15)
    after = of(lab, "bob")
    assert after["starts"] == before["starts"] + 1
    assert after["seconds"] > before["seconds"] + 4 and after["memory_byte_seconds"] > before["memory_byte_seconds"]


def test_people_see_their_own_use_and_nobody_else_does(lab: t.Any) -> None:
    lab.sh("labserver run usage")
    assert lab.sh("stat -c '%a %u %g' /etc/labserver/hub/usage.json").split() == ["640", "0", "64100"]
    assert lab.sh("stat -c '%a %u' /srv/labserver/usage /srv/labserver/usage/usage.sqlite").split() == [
        "700",
        "0",
        "600",
        "0",
    ]
    people = json.loads(lab.sh("cat /etc/labserver/hub/usage.json"))["people"]
    page = lab.person("bob").get("/hub/home").text
    assert 'id="my-usage"' in page and f"{people['bob']['hours']:.1f} hours of my server" in " ".join(page.split())
