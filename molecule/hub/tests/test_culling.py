# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Idle servers are stopped, and nobody's work: with real kernels, terminals and processes."""

from __future__ import annotations

import concurrent.futures
import json
import threading
import typing as t

import pytest
from conftest import NOTEBOOK
from hub_client import HubClient

SETTINGS = "/etc/labserver/hub/hub.json"
IDLE_SECONDS, WARNING_SECONDS = 24, 12
SLEEPING = "import time\ntime.sleep(1000)"
# Started by a cell that has long ended: the kernel is idle, the process uses a third of a core.
BURNING = (
    "import subprocess, sys\n"
    "code = 'import time\\nwhile True:\\n  end = time.process_time() + 0.05\\n'"
    "'  while time.process_time() < end: pass\\n  time.sleep(0.1)'\n"
    "subprocess.Popen([sys.executable, '-c', code])\n"
)
# A program that reads an instrument: no output, hardly any CPU time, a line in a file each second.
MEASURING = "import subprocess\nsubprocess.Popen(['sh', '-c', 'while sleep 1; do date >> measured.txt; done'])\n"
MARKED = "import subprocess\nsubprocess.Popen(['bash', '-c', 'exec -a labserver-keep sleep 1000'])\n"
WARNED = "Your server is idle"


@pytest.fixture
def quick_culling(lab: t.Any) -> t.Iterator[None]:
    """Shorten the times from hours to seconds; members of leem are never stopped."""
    settings = json.loads(lab.sh(f"cat {SETTINGS}"))
    settings |= {"culling_enabled": True, "culling_idle_seconds": IDLE_SECONDS, "culling_groups": {"leem": 0},
                 "culling_warning_seconds": WARNING_SECONDS}  # fmt: skip
    lab.sh(f"cp {SETTINGS} /tmp/hub.json")
    lab.write("/tmp/quick.json", json.dumps(settings))
    yield
    lab.restart_hub(f"cp /tmp/hub.json {SETTINGS}")


def warned(person: HubClient) -> bool:
    return any(WARNED in one["text"] and one["stay"] for one in person.announcements())


def test_idle_servers_are_stopped_and_work_is_not(lab: t.Any, quick_culling: None) -> None:
    names = {"busy": "student1", "cpu": "student2", "terminal": "student3", "idle": "student4", "extending": "student5",
             "never": "mary-ann", "measuring": "student6", "marked": "student7"}  # fmt: skip

    def ready(name: str) -> HubClient:
        person: HubClient = lab.person(name)
        if person.server() is None:
            person.start(NOTEBOOK)
        person.wait_ready(180)
        return person

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        people = dict(zip(names, pool.map(ready, names.values()), strict=True))
    kernels = [people[which].kernel() for which in ("busy", "cpu", "idle", "measuring", "marked")]
    kernels[0].send(SLEEPING)
    kernels[1].run(BURNING)
    kernels[2].run("print('this is over')")
    kernels[3].run(MEASURING)
    kernels[4].run(MARKED)
    terminal = people["terminal"].terminal("while sleep 1; do echo still here; done")
    # The times begin now: a hub that was just started knows nothing of before.
    lab.restart_hub(f"cp /tmp/quick.json {SETTINGS}")

    stop_polling = threading.Event()

    def open_page() -> None:
        """What a page that somebody left open asks for all day."""
        while not stop_polling.wait(1):
            for kind in ("kernels", "sessions", "terminals", "contents"):
                people["idle"].get(f"/user/{names['idle']}/api/{kind}")

    page = threading.Thread(target=open_page)
    page.start()
    try:
        lab.until("both are warned", lambda: warned(people["idle"]) and warned(people["extending"]), 90)
        assert lab.running(names["idle"]), "told before"
        assert people["extending"].api("POST", "/hub/stay").status_code == 204
        assert not warned(people["extending"]), "who says so counts as active"
    finally:
        stop_polling.set()
        page.join()
    lab.until("the idle one is stopped", lambda: not lab.running(names["idle"]), 90)
    assert lab.running(names["extending"])
    lab.until("and warned again later", lambda: warned(people["extending"]), 90)
    for which in ("busy", "cpu", "terminal", "never", "measuring", "marked"):
        assert lab.running(names[which]), which
        assert not warned(people[which]), which
    terminal.close()
    log = lab.sh("docker logs labserver-hub 2>&1")
    assert f"stopping the idle server of {names['idle']}" in log
    assert f"warned {names['idle']}" in log
