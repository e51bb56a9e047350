# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry's retention and the hub's catalogue on one host: what is used stays and starts, the rest goes."""

from __future__ import annotations

import json
import os
import typing as t

import pytest
from conftest import catalogue, push
from long_tests import long

REPOSITORY = "retained"
COUNT = 27 if os.environ.get("LABSERVER_LONG") == "1" else 9
"""The hub starts each tag once for trial: the trials of 27 take minutes."""
TAGS = [f"{number:02}" for number in range(1, COUNT + 1)]
SETTINGS = "/etc/labserver/registry/maintenance.json"
ASK = """
import base64, sys, urllib.request
secret = open("/etc/labserver/registry/secrets/puller").read().strip()
request = urllib.request.Request(f"http://127.0.0.1:5000/v2/{sys.argv[1]}/tags/list")
request.add_header("Authorization", "Basic " + base64.b64encode(f"puller:{secret}".encode()).decode())
print(urllib.request.urlopen(request, timeout=30).read().decode())
"""


@pytest.fixture
def policy(lab: t.Any) -> t.Iterator[None]:
    """Keep the last four images of one repository, whatever their age."""
    before = lab.sh(f"cat {SETTINGS}")
    policies = [{"repositories": [REPOSITORY], "keep_last": 4, "min_age": 0}]
    lab.write(SETTINGS, json.dumps({**json.loads(before), "policies": policies}))
    yield
    lab.write(SETTINGS, before)


def tags(lab: t.Any) -> list[str]:
    """What the registry says that it has, by its own API."""
    lab.write("/tmp/ask.py", ASK)
    return sorted(json.loads(lab.sh(f"python3 /tmp/ask.py {REPOSITORY}"))["tags"])


@long("soak-long")
def test_of_many_tags_those_stay_that_somebody_uses(lab: t.Any, pusher: None, policy: None) -> None:
    for tag in TAGS[:2]:
        push(lab, REPOSITORY, f"LABEL tag={tag}", tag)
    first = {f"{REPOSITORY}:{tag}" for tag in TAGS[:2]}
    lab.until("two are ready", lambda: {n for n, one in catalogue(lab).items() if one["state"] == "ready"} >= first, 90)
    alice, bob = lab.without_server("alice"), lab.without_server("bob")
    for person, tag in ((alice, "01"), (bob, "02")):
        person.start(f"{REPOSITORY}:{tag}")
        person.wait_ready()
    bob.stop()
    who = "docker inspect --format '{{.Id}} {{.State.StartedAt}}' jupyter-alice"
    running = lab.sh(who)
    assert not lab.running("bob"), "of his choice no container is left"

    for tag in TAGS[2:]:
        push(lab, REPOSITORY, f"LABEL tag={tag}", tag)
    listed = {f"{REPOSITORY}:{tag}" for tag in TAGS}
    lab.until("the hub lists them all", lambda: listed <= catalogue(lab).keys(), 60)

    table = lab.sh("labserver run registry-maintenance; tail -n 40 /var/log/labserver/registry-maintenance.log")
    kept = [*TAGS[:2], *TAGS[-4:]]
    assert tags(lab) == kept, table
    status = json.loads(lab.sh("cat /var/lib/labserver/jobs/registry-maintenance.json"))
    assert status["level"] == "ok", table

    def offered() -> dict[str, str]:
        return {one["tag"]: one["state"] for one in catalogue(lab).values() if one["repository"] == REPOSITORY}

    # Each of them was started for trial; what is gone is no longer listed.
    lab.until("the hub offers what is left", lambda: offered() == dict.fromkeys(kept, "ready"), 240)
    # A kernel from before would have to answer the pings of its server all the while.
    assert lab.sh(who) == running
    assert alice.kernel().run("print(6 * 7)").strip() == "42"
    bob.start(f"{REPOSITORY}:02")
    bob.wait_ready()
    bob.stop()
    alice.stop()
    alice.start(f"{REPOSITORY}:{TAGS[-1]}")
    alice.wait_ready()
    alice.stop()
