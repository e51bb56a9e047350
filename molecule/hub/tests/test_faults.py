# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What breaks around the hub: nobody who works notices, and it mends itself when the cause is gone."""

from __future__ import annotations

import json
import subprocess
import time
import typing as t

import pytest
from conftest import NOTEBOOK, OWN, ROSTER
from hub_client import HubClient, Kernel
from long_tests import long

STATE = "/srv/labserver/hub/state"


def goes_on(kernel: Kernel) -> None:
    """Ask the kernel, by a new connection, for what it knew before."""
    assert Kernel(kernel.client, kernel.identity).run("print(value + 1)").strip() == "42"


def starts(lab: t.Any, name: str) -> None:
    """Start a server for a person and stop it again, as often as it needs within two minutes."""

    def works() -> bool:
        try:
            person = lab.without_server(name)
            person.start(NOTEBOOK)
            person.wait_ready()
        except (AssertionError, OSError, ValueError):
            return False
        person.stop()
        return True

    lab.until(f"{name} can start a server", works, 120)


def test_a_hub_that_is_killed_during_a_start_leaves_nothing_in_the_way(lab: t.Any, kernel: Kernel) -> None:
    bob = lab.without_server("bob")
    bob.start(NOTEBOOK)
    lab.sh("docker kill labserver-hub >/dev/null && docker start labserver-hub >/dev/null")
    lab.hub_answers()
    starts(lab, "bob")
    goes_on(kernel)


@long("soak-long")
def test_a_hub_that_starts_while_the_guard_is_away_forgets_no_server(lab: t.Any, kernel: Kernel) -> None:
    before = lab.sh("docker inspect --format '{{.Id}}' jupyter-alice")
    lab.sh("docker stop -t 5 labserver-docker-guard >/dev/null && docker restart -t 5 labserver-hub >/dev/null")
    try:
        lab.hub_answers()
        time.sleep(25)
        goes_on(kernel)
    finally:
        lab.sh("docker start labserver-docker-guard >/dev/null")
    lab.until("the hub knows the server", lambda: (lab.person("alice").server() or {}).get("ready"), 60)
    assert lab.sh("docker inspect --format '{{.Id}}' jupyter-alice") == before
    goes_on(kernel)


def test_a_server_that_the_database_lost_is_taken_over(lab: t.Any, kernel: Kernel) -> None:
    lab.write(
        "/tmp/lose.py",
        f"import sqlite3\nhub = sqlite3.connect('{STATE}/jupyterhub.sqlite')\n"
        "hub.execute(\"UPDATE spawners SET server_id = NULL, state = '{}'\")\n"
        "hub.execute(\"DELETE FROM servers WHERE base_url LIKE '/user/%'\")\n"
        "hub.execute(\"DELETE FROM api_tokens WHERE note LIKE 'Server at%'\")\nhub.commit()\n",
    )
    lab.restart_hub("python3 /tmp/lose.py")
    lab.until("it is taken over", lambda: (lab.person("alice").server() or {}).get("ready"), 120)
    goes_on(kernel)


def test_one_tick_on_the_admin_page_harms_nobody(lab: t.Any, alice: HubClient, kernel: Kernel) -> None:
    answer = alice.api("PATCH", "/hub/api/users/alice", json={"name": "alice", "admin": True})
    assert answer.status_code == 403
    assert "inventory" in answer.json()["message"]
    assert alice.api("GET", "/hub/api/users").status_code == 200
    goes_on(kernel)


def test_wrong_passwords_count_by_the_address_of_the_client(lab: t.Any) -> None:
    """Through the real proxy: its own address would be that of everybody."""
    assert HubClient(lab.base, "mary-ann").login("wrong password").status_code == 403
    lab.write(
        "/tmp/subjects.py",
        f"import sqlite3\nstore = sqlite3.connect('{STATE}/passwords.sqlite')\n"
        "print(*(row[0] for row in store.execute('SELECT subject FROM failures')), sep='\\n')\n",
    )
    seen = lab.sh("python3 /tmp/subjects.py")
    assert "mary-ann " in seen
    assert "172.27.240.3" not in seen, "the proxy"


def test_a_hub_that_starts_on_half_a_roster_revokes_nobody(lab: t.Any, alice: HubClient, kernel: Kernel) -> None:
    token = alice.api("POST", "/hub/api/users/alice/tokens", json={"note": "kept"}).json()["token"]
    stranger, bearer = HubClient(lab.base, "alice"), {"Authorization": f"token {token}"}
    damage = f"cp {ROSTER} /tmp/whole.json && head -c 300 /tmp/whole.json > {ROSTER}"
    try:
        lab.restart_hub(damage)
        time.sleep(5)  # two rounds of the keeper
        assert stranger.get("/hub/api/user", headers=bearer).status_code == 200
        assert HubClient(lab.base, "bob").login("wrong").status_code == 403
        assert HubClient(lab.base, "alice").login(OWN).status_code == 302, "the last good roster counts"
        lab.restart_hub(f"rm {STATE}/roster.json")
        time.sleep(5)
        assert HubClient(lab.base, "alice").login(OWN).status_code == 503, "nobody gets in without a list"
        assert "no roster could be read so far" in lab.sh("docker logs --tail 100 labserver-hub 2>&1")
    finally:
        lab.sh(f"cp /tmp/whole.json {ROSTER}.new && mv {ROSTER}.new {ROSTER}")
    lab.until("it is read again", lambda: HubClient(lab.base, "alice").login(OWN).status_code == 302, 30)
    assert stranger.get("/hub/api/user", headers=bearer).status_code == 200, "nothing was revoked meanwhile"
    goes_on(kernel)


@long("soak-long")
def test_a_locked_database_holds_things_up_and_breaks_nothing(lab: t.Any, kernel: Kernel) -> None:
    lock = (
        f"import sqlite3, time; c = sqlite3.connect('{STATE}/jupyterhub.sqlite', isolation_level=None);"
        " c.execute('BEGIN EXCLUSIVE'); open('/tmp/locked', 'w').close(); time.sleep(25)"
    )
    lab.sh(f'rm -f /tmp/locked; python3 -c "{lock}" >/dev/null 2>&1 &')
    lab.until("it is locked", lambda: lab.host.file("/tmp/locked").exists, 20)
    goes_on(kernel)
    lab.sh("rm /tmp/locked")
    starts(lab, "bob")
    assert lab.running("alice")


def test_a_full_disk_stops_nobody_who_works(lab: t.Any, kernel: Kernel) -> None:
    """On a file system of its own, small enough to fill."""
    small = f"cp -a {STATE} /tmp/state && mount -t tmpfs -o size=16m,mode=0700,uid=64100,gid=64100 none {STATE}"
    lab.restart_hub(f"{small} && cp -a /tmp/state/. {STATE}/")
    try:
        lab.sh(f"head -c 64m /dev/zero > {STATE}/fill; [ $(df --output=avail {STATE} | tail -n 1) = 0 ]")
        time.sleep(10)
        assert HubClient(lab.base, "").get("/hub/health").status_code == 200
        goes_on(kernel)
        lab.sh(f"rm {STATE}/fill")
        starts(lab, "bob")
        assert lab.running("alice")
    finally:
        # What was written meanwhile counts.
        lab.restart_hub(
            f"rm -rf /tmp/state && cp -a {STATE} /tmp/state && umount {STATE} && cp -a /tmp/state/. {STATE}/"
        )
    assert lab.person("alice").server() is not None


CLOCK = """
import json, sys
sys.path.insert(0, "/usr/local/sbin/labserver")
from labserver_core._common.docker_api import DockerEngine
from labserver_core._hub.change import body_of, inspect
engine = DockerEngine()
body = body_of(inspect(engine, "labserver-hub"))
body["NetworkingConfig"]["EndpointsConfig"]["labserver-hub"]["Aliases"] = ["labserver-hub"]
body["Image"] = "clock"
body["Env"] += ["LD_PRELOAD=/usr/lib/faketime.so", "FAKETIME=+400d", "FAKETIME_DONT_FAKE_MONOTONIC=1"]
engine.request("POST", "/containers/create", body, {"name": "clock"})
"""


@long("soak-long")
def test_a_clock_that_jumps_a_year_and_back_stops_nobody(lab: t.Any, kernel: Kernel) -> None:
    """In a throwaway container in the hub's place: the clock of the host is not touched."""
    image = lab.sh("docker inspect --format '{{.Config.Image}}' labserver-hub").strip()
    faketime = (
        "apt-get update -qq && apt-get install -y -qq --no-install-recommends libfaketime >/dev/null"
        " && cp /usr/lib/*/faketime/libfaketime.so.1 /usr/lib/faketime.so"
    )
    lab.sh("mkdir -p /tmp/clock")
    lab.write("/tmp/clock/Dockerfile", f"FROM {image}\nUSER 0\nRUN {faketime}\nUSER 64100:64100\n")
    lab.sh("DOCKER_BUILDKIT=0 docker build -q -t clock /tmp/clock 2>&1")
    lab.write("/tmp/clock/make.py", CLOCK)
    lab.sh("python3 /tmp/clock/make.py && docker stop -t 5 labserver-hub >/dev/null && docker start clock >/dev/null")
    try:
        lab.hub_answers()
        year = lab.sh("docker exec clock date +%Y").strip()
        assert int(year) > int(lab.sh("date +%Y").strip())
        time.sleep(8)
        assert HubClient(lab.base, "alice").login(OWN).status_code == 302
        goes_on(kernel)
    finally:
        lab.sh("docker rm -f clock >/dev/null; docker start labserver-hub >/dev/null")
    lab.hub_answers()
    time.sleep(8)
    goes_on(kernel)
    assert lab.person("alice").server() is not None
    before = lab.sh(f"ls {STATE}/copies | tail -n 1")
    starts(lab, "bob")
    lab.until("and copies of the database go on", lambda: lab.sh(f"ls {STATE}/copies | tail -n 1") != before, 90)


@pytest.fixture
def reboot(lab: t.Any) -> t.Callable[[], None]:
    def reboot() -> None:
        name = lab.host.backend.get_hostname()
        subprocess.run(["docker", "restart", "-t", "30", name], check=True, capture_output=True, timeout=120)
        lab.until("the engine is back", lambda: lab.host.run("docker version").rc == 0, 90)

    return reboot


def test_a_rebooted_host_comes_back_by_itself(lab: t.Any, alice: HubClient, reboot: t.Callable[[], None]) -> None:
    reboot()
    lab.hub_answers()
    names = {"labserver-hub", "labserver-hub-proxy", "labserver-docker-guard", "labserver-registry"}
    lab.until("all are back", lambda: names <= set(lab.sh("docker ps --format '{{.Names}}'").split()), 60)
    again = lab.person("alice")
    lab.until("the hub knows that her server went", lambda: again.server() is None, 60)
    # With another address than before, in all likelihood: the route must be the new one at once.
    again.start(NOTEBOOK)
    again.wait_ready()
    assert again.kernel().run("print(6 * 7)").strip() == "42"
    assert "LABSERVER-HUB" in lab.sh("iptables -S DOCKER-USER"), "and people are kept apart"
    catalogue = json.loads(lab.sh("cat /var/lib/labserver/catalogue/images.json"))
    assert any(one["state"] == "ready" for one in catalogue["images"])
