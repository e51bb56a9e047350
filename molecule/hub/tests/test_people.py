# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People at the hub: their passwords, whom their servers run as, and the roster being changed under them."""

from __future__ import annotations

import json
import time
import typing as t

import pytest
from conftest import NOTEBOOK, OWN, ROSTER
from hub_client import HubClient


@pytest.mark.parametrize("name", ["alice", "nobody-we-know", "root", "jupyter-alice", ""])
def test_wrong_passwords_and_unknown_names_get_in_nowhere(lab: t.Any, name: str) -> None:
    assert HubClient(lab.base, name).login("wrong password").status_code == 403


def test_a_one_time_password_leads_to_choosing_one(lab: t.Any) -> None:
    name = "student18"  # with whom no other test logs in before
    if name not in lab.one_time():
        pytest.skip("was used in an earlier run of this verification")
    password = lab.one_time()[name]
    student = HubClient(lab.base, name)
    answer = student.login(password)
    assert (answer.status_code, "/hub/change-password" in answer.headers["Location"]) == (302, True)
    assert "/hub/change-password" in student.start().headers["Location"], "no start before the change"
    refused = student.api("POST", f"/hub/api/users/{name}/server")
    assert refused.status_code == 403, "nor through the API"
    assert "at most 72" in student.change_password(password, "x" * 73)
    assert student.change_password(password, OWN) == ""
    assert HubClient(lab.base, name).login(password).status_code == 403, "it was for one time"
    lab.until("the line goes", lambda: name not in lab.one_time(), 60)


def test_servers_run_as_their_people(lab: t.Any) -> None:
    for name, uid, groups in (("alice", 20001, [20001, 30001, 30002]), ("mary-ann", 20003, [20003, 30001])):
        person = lab.person(name)
        person.start(NOTEBOOK)
        person.wait_ready()
        seen = person.kernel().run(
            "import getpass, json, os\n"
            "status = open('/proc/self/status').read()\n"
            "def limit(*paths):\n"
            "    return next(int(open(p).read()) for p in paths if os.path.exists(p))\n"
            "open('made-here', 'w').write('x')\n"
            "print(json.dumps([os.getuid(), sorted(os.getgroups()), os.getcwd(), getpass.getuser(),"
            " 'CapEff:\\t0000000000000000' in status, 'NoNewPrivs:\\t1' in status,"
            " limit('/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'),"
            " sorted(os.listdir('/home'))]))"
        )
        home = f"/home/jupyter-{name}"
        system = f"jupyter-{name}"
        assert json.loads(seen) == [uid, groups, home, system, True, True, 512 << 20, [system]]
        assert lab.sh(f"stat -c '%U %G' {home}/made-here").strip() == f"{system} {system}"


def test_a_person_who_is_removed_is_out_within_seconds(lab: t.Any) -> None:
    mary = lab.person("mary-ann")
    mary.start(NOTEBOOK)
    mary.wait_ready()
    token = mary.api("POST", "/hub/api/users/mary-ann/tokens", json={"note": "kept"}).json()["token"]
    bearer = {"Authorization": f"token {token}"}
    stranger = HubClient(lab.base, "mary-ann")
    assert stranger.get("/hub/api/user", headers=bearer).status_code == 200
    lab.edit_roster(lambda roster: roster["users"]["mary-ann"].update(state="locked"))
    try:
        lab.until("the server stops", lambda: not lab.running("mary-ann"), 60)
        assert stranger.get("/hub/api/user", headers=bearer).status_code in (401, 403)
        assert mary.get("/hub/home", allow_redirects=False).status_code == 302, "the session is over"
        assert HubClient(lab.base, "mary-ann").login(OWN).status_code == 403
    finally:
        lab.edit_roster(lambda roster: roster["users"]["mary-ann"].update(state="present"))
    assert HubClient(lab.base, "mary-ann").login(OWN).status_code == 302, "and back, without a restart"


def test_a_new_person_needs_no_restart_of_the_hub(lab: t.Any) -> None:
    started = lab.sh("docker inspect --format '{{.State.StartedAt}}' labserver-hub")
    lab.edit_roster(lambda roster: roster["users"]["student20"].update(expires="2020-01-01"))
    assert HubClient(lab.base, "student20").login(lab.one_time()["student20"]).status_code == 403
    lab.edit_roster(lambda roster: roster["users"]["student20"].update(expires=None))
    assert HubClient(lab.base, "student20").login(lab.one_time()["student20"]).status_code == 302
    assert lab.sh("docker inspect --format '{{.State.StartedAt}}' labserver-hub") == started


def test_a_half_written_roster_changes_nothing(lab: t.Any, alice: HubClient) -> None:
    whole = f"cp {ROSTER} /tmp/whole.json"
    lab.sh(f"{whole} && head -c 300 /tmp/whole.json > {ROSTER}")
    try:
        time.sleep(5)
        assert lab.running("alice")
        assert HubClient(lab.base, "alice").login(OWN).status_code == 302
    finally:
        lab.sh(f"cp /tmp/whole.json {ROSTER}.new && mv {ROSTER}.new {ROSTER}")
