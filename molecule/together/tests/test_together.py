# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A room of a group: opened by its members, closed to others, and neither reaches the other's files."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t

from conftest import ROOM
from paths import ROOT

FORBIDDEN = (403, 404)


def test_the_room_has_an_account_of_its_own_that_nobody_logs_in_with(lab: t.Any) -> None:
    fields = lab.sh(f"getent passwd jupyter-{ROOM}").strip().split(":")
    assert fields[5:] == [f"/home/jupyter-{ROOM}", "/usr/sbin/nologin"]
    assert lab.sh(f"id -nG jupyter-{ROOM}").split() == [f"jupyter-{ROOM}", "course"]
    assert ROOM not in lab.sh("cat /var/lib/labserver/one-time-passwords.csv")
    roster = json.loads(lab.sh("cat /etc/labserver/public/roster.json"))["users"]
    assert roster[ROOM]["room"] == {"image": "notebook"} and "room" not in roster["mira"]


def test_two_people_in_two_browsers_work_in_one_notebook(lab: t.Any) -> None:
    pictures = ROOT / ".cache" / "screenshots" / "together"
    people = [
        f"{name}:{lab.password(name)}:{full}" for name, full in (("mira", "Mira Marlow"), ("jonas", "Jonas Falk"))
    ]
    walk = [sys.executable, str(ROOT / "tests/browser/together.py"), lab.base, "Physics I", *people]
    done = subprocess.run(
        [*walk, "--screenshots", str(pictures)], capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # What they made is a file of the room's account in the room's home.
    name = done.stdout.strip().rpartition(" in ")[2]
    owner = lab.sh(f"stat -c %U /home/jupyter-{ROOM}/{name}").strip()
    assert owner == f"jupyter-{ROOM}"
    lab.until("what they wrote", lambda: "together" in lab.sh(f"cat /home/jupyter-{ROOM}/{name}"), 30)


def test_what_runs_in_the_room_is_the_rooms_account_in_its_group_alone(lab: t.Any, room: str) -> None:
    uid, group = lab.sh(f"id -u jupyter-{ROOM}").strip(), lab.sh("getent group course").split(":")[2]
    assert lab.sh(f"docker exec {room} id -u").strip() == uid
    assert set(lab.sh(f"docker exec {room} id -G").split()) == {uid, group}
    assert lab.sh(f"docker inspect --format '{{{{.HostConfig.Memory}}}}' {room}").strip() == str(1 << 30)


def test_the_room_reaches_no_members_home_and_no_member_the_rooms(lab: t.Any, room: str) -> None:
    lab.sh("echo secret > /home/jupyter-mira/private && chown jupyter-mira /home/jupyter-mira/private")
    lab.sh(f"echo ours > /home/jupyter-{ROOM}/ours && chown jupyter-{ROOM} /home/jupyter-{ROOM}/ours")
    assert lab.sh(f"docker exec {room} ls /home").split() == [f"jupyter-{ROOM}"]
    assert lab.sh(f"docker exec {room} cat /home/jupyter-{ROOM}/ours").strip() == "ours"
    mounted = lab.sh(f"docker exec {room} cat /proc/self/mounts")
    assert "jupyter-mira" not in mounted and "jupyter-jonas" not in mounted
    # Nor by the way around the container, where accounts meet.
    assert lab.refused(
        f"setpriv --reuid jupyter-{ROOM} --regid jupyter-{ROOM} --init-groups cat /home/jupyter-mira/private"
    )
    mira = lab.person("mira")
    if mira.server() is None:
        mira.start("notebook:latest")
    mira.wait_ready()
    assert lab.sh("docker exec jupyter-mira ls /home").split() == ["jupyter-mira"]
    assert f"jupyter-{ROOM}" not in lab.sh("docker exec jupyter-mira cat /proc/self/mounts")
    assert lab.refused(f"setpriv --reuid jupyter-mira --regid jupyter-mira --init-groups cat /home/jupyter-{ROOM}/ours")
    # Nor over the network, either way.
    address = "docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'"
    for here, there in ((room, "jupyter-mira"), ("jupyter-mira", room)):
        target = lab.sh(f"{address} {there}").strip()
        code = f"import socket; socket.create_connection(('{target}', 8888), 5)"
        assert lab.refused(f'docker exec {here} python3 -c "{code}"'), f"{here} reaches {there}"


def test_the_rooms_token_is_good_for_nothing_of_its_members(lab: t.Any, room: str) -> None:
    code = (
        "import os, urllib.error, urllib.request as r\n"
        "def ask(method, path):\n"
        "    head = {'Authorization': 'token ' + os.environ['JUPYTERHUB_API_TOKEN']}\n"
        "    try:\n"
        "        request = r.Request(os.environ['JUPYTERHUB_API_URL'] + path, headers=head, method=method)\n"
        "        return r.urlopen(request).status\n"
        "    except urllib.error.HTTPError as error:\n"
        "        return error.code\n"
        "for method, path in (('GET', '/users'), ('GET', '/users/mira'), ('GET', '/users/mira/tokens'),\n"
        "                     ('POST', '/users/mira/server'), ('DELETE', '/users/mira/server')):\n"
        "    print(ask(method, path))\n"
        "print(ask('GET', '/user'))\n"
    )
    lab.sh(f"cat > /home/jupyter-{ROOM}/ask.py <<'END'\n{code}END\n")
    environment = "tr '\\0' '\\n' </proc/1/environ | grep ^JUPYTERHUB_API"
    answers = lab.sh(f'docker exec {room} sh -c "env $({environment}) python3 /home/jupyter-{ROOM}/ask.py"').split()
    assert answers[-1] == "200" and all(int(one) in FORBIDDEN for one in answers[:-1]), answers


def test_who_is_not_in_the_group_has_no_way_in(lab: t.Any, room: str) -> None:
    zoe = lab.person("zoe")
    assert "Physics I" not in zoe.get("/hub/home").text
    assert zoe.get(f"/hub/spawn/{ROOM}").status_code in FORBIDDEN
    assert zoe.get(f"/user/{ROOM}/lab").status_code in FORBIDDEN
    assert zoe.get(f"/user/{ROOM}/api/contents").status_code in FORBIDDEN


def test_a_server_is_shared_with_one_colleague(lab: t.Any) -> None:
    mira, zoe = lab.person("mira"), lab.person("zoe")
    if mira.server() is None:
        mira.start("notebook:latest")
    mira.wait_ready()
    assert zoe.get("/user/mira/api/contents").status_code in FORBIDDEN
    assert "Sharing my server" in mira.get("/hub/home").text
    answer = mira.session.post(
        f"{lab.base}/hub/api/shares/mira/", json={"user": "zoe"}, timeout=60,
        headers={"X-XSRFToken": mira._xsrf("/hub/"), "Referer": f"{lab.base}/hub/home"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    page = zoe.get("/user/mira/lab")
    assert "Authorize" in page.text or page.ok, "JupyterHub asks whether to go into somebody else's server"
    assert "Server of Mira Marlow" in zoe.get("/hub/home").text
    assert lab.person("jonas").get("/user/mira/api/contents").status_code in FORBIDDEN


def test_the_host_has_the_rooms_home_where_homes_are_backed_up(lab: t.Any) -> None:
    assert lab.sh(f"stat -c '%a %U' /home/jupyter-{ROOM}").strip() == f"700 jupyter-{ROOM}"
