# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is announced stands on the login page, in the hub and in JupyterLab, at its time and without a restart."""

from __future__ import annotations

import datetime
import json
import re
import typing as t

import pytest
from conftest import NOTEBOOK
from hub_client import HubClient

FILE = "/etc/labserver/public/announcements.json"
NOW = datetime.datetime.now(datetime.UTC)


def at(minutes: int) -> str:
    return (NOW + datetime.timedelta(minutes=minutes)).isoformat(timespec="seconds")


ALL = [
    {"text": "no end and no beginning", "severity": "info"},
    {"text": "the NAS is serviced", "severity": "danger", "from": at(-5), "until": at(60)},
    {"text": "only for those of xps", "severity": "warning", "groups": ["xps"]},
    {"text": "long past", "severity": "danger", "until": at(-1)},
    {"text": "not yet", "severity": "danger", "from": at(30)},
]
EVERYBODY = [("danger", "the NAS is serviced"), ("info", "no end and no beginning")]
XPS = [EVERYBODY[0], ("warning", "only for those of xps"), EVERYBODY[1]]


def shown(page: str) -> list[tuple[str, str]]:
    """Return severity and text of the announcements of a page, in its order."""
    return re.findall(r'alert-(\w+) lab-announcement" role="status">(.*?)</div>', page)


@pytest.fixture
def announced(lab: t.Any) -> t.Iterator[str]:
    """Announce; returns when the hub was started."""
    started = lab.sh("docker inspect --format '{{.State.StartedAt}}' labserver-hub")
    before = lab.sh(f"cat {FILE}")
    lab.write(f"{FILE}.new", json.dumps({"version": 1, "announcements": ALL}))
    lab.sh(f"mv {FILE}.new {FILE}")
    yield started
    lab.write(FILE, before)


def test_it_is_shown_where_people_look(lab: t.Any, announced: str) -> None:
    assert shown(HubClient(lab.base, "alice").get("/hub/login").text) == EVERYBODY
    bob, mary = lab.person("bob"), lab.person("mary-ann")
    assert shown(bob.get("/hub/home").text) == XPS
    assert shown(mary.get("/hub/home").text) == EVERYBODY, "not of that group"
    bob.start(NOTEBOOK)
    bob.wait_ready()
    asked = json.loads(bob.get("/hub/announcements").text)["announcements"]
    assert [(one["severity"], one["text"]) for one in asked] == XPS, "what the banner in JupyterLab shows"
    assert "labserver-announcements" in bob.get("/user/bob/lab").text, "the extension that shows it"
    bob.stop()
    assert lab.sh("docker inspect --format '{{.State.StartedAt}}' labserver-hub") == announced


def test_what_is_over_is_gone(lab: t.Any) -> None:
    assert shown(HubClient(lab.base, "alice").get("/hub/login").text) == []
