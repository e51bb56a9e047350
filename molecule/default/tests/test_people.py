# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab server as its people see it, over HTTP; and as the host sees them, by its own tools."""

from __future__ import annotations

import json
import os
import subprocess
import time
import typing as t
from pathlib import Path

import pytest
from conftest import INVENTORY, OWN_PASSWORDS, enter, logged_in, one_time_passwords
from hub_client import HubClient
from long_tests import long

ROOT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
WHO = """
import getpass, json, os
limits = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "uid": os.getuid(), "gid": os.getgid(), "groups": sorted(os.getgroups()), "home": os.path.expanduser("~"),
    "name": getpass.getuser(), "memory": int(next(open(p).read() for p in limits if os.path.exists(p))),
    "caps": status["CapEff"].strip(), "no_new_privs": status["NoNewPrivs"].strip(),
}))
"""
GIB = 1024**3
Visitor = t.Callable[[str], HubClient]


def account(host: t.Any, name: str) -> dict[str, t.Any]:
    """What the host's own user database says about a person."""
    uid, gid, home = host.check_output(f"getent passwd jupyter-{name} | cut -d: -f3,4,6").split(":")
    groups = host.check_output(f"id -G jupyter-{name}").split()
    return {"uid": int(uid), "gid": int(gid), "home": home, "groups": sorted(map(int, groups))}


@pytest.mark.parametrize(("name", "memory"), [("alice", 4 * GIB), ("bob", 1 * GIB)])
def test_kernel_runs_as_the_persons_account(host: t.Any, people: dict[str, HubClient], name: str, memory: int) -> None:
    seen = json.loads(people[name].kernel().run(WHO))
    expected = account(host, name)
    assert {key: seen[key] for key in expected} == expected
    assert seen["name"] == f"jupyter-{name}"
    assert seen["memory"] == memory
    assert (int(seen["caps"], 16), seen["no_new_privs"]) == (0, "1")


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_file_written_in_the_notebook_belongs_to_the_person_on_the_host(
    host: t.Any, people: dict[str, HubClient], name: str
) -> None:
    people[name].kernel().run("open('written-here.txt', 'w').write('x' * 3)")
    file = host.file(f"/home/jupyter-{name}/written-here.txt")
    assert (file.user, file.group, file.size) == (f"jupyter-{name}", f"jupyter-{name}", 3)


def test_nobody_reads_the_home_of_another(host: t.Any, people: dict[str, HubClient]) -> None:
    people["bob"].kernel().run("open('secret.txt', 'w').write('bob only')")
    listing = (
        people["alice"]
        .kernel()
        .run("import os; print(os.path.exists('/home/jupyter-bob/secret.txt'), os.listdir('/home'))")
    )
    assert listing.startswith("False")
    assert "jupyter-bob" not in listing
    as_alice = host.run("runuser -u jupyter-alice -- cat /home/jupyter-bob/secret.txt")
    assert as_alice.rc != 0
    assert "Permission denied" in as_alice.stderr


def test_one_persons_session_opens_no_other_server(host: t.Any, people: dict[str, HubClient]) -> None:
    answer = people["alice"].get("/user/bob/api/status")
    assert answer.status_code in (403, 404)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", "not the password"),
        ("alice", ""),
        ("mallory", "anything at all"),
        ("root", "root"),
        ("jupyter-alice", "x"),
    ],
)
def test_wrong_password_and_unknown_name_get_in_nowhere(visitor: Visitor, name: str, password: str) -> None:
    stranger = visitor(name)
    assert stranger.login(password).status_code in (400, 403, 429)
    assert not logged_in(stranger)
    # Asking again with the same password must not have claimed the name.
    again = visitor(name)
    again.login(password)
    assert not logged_in(again)


def test_used_one_time_password_is_worth_nothing(
    host: t.Any, visitor: Visitor, people: dict[str, HubClient], server: str
) -> None:
    csv_of_the_host = one_time_passwords(server)
    if "alice" in csv_of_the_host:
        stranger = visitor("alice")
        stranger.login(csv_of_the_host["alice"])
        assert not logged_in(stranger)
    assert logged_in(people["alice"])


def run_site(**variables: t.Any) -> None:
    """Run the site again with other people in the inventory."""
    command = ["ansible-playbook", "-i", str(INVENTORY), "playbooks/site.yml", "-e", json.dumps(variables)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-2000:]


def test_people_come_and_go_without_a_restart_of_the_hub(
    host: t.Any, visitor: Visitor, server: str, people: dict[str, HubClient]
) -> None:
    """Carol is added and bob taken off the list: she logs in, he is out, alice notices nothing."""
    started = "docker inspect --format '{{.State.StartedAt}}' labserver-hub"
    before = host.check_output(started)
    run_site(
        accounts_users=[
            {"name": "alice", "full_name": "Alice Example", "groups": ["leem"], "admin": True},
            {"name": "carol", "full_name": "Carol Example", "groups": ["xps"]},
        ]
    )
    carol = visitor("carol")
    enter(carol, server)
    carol.start()
    carol.wait_ready(90)
    assert json.loads(carol.kernel().run(WHO))["uid"] == account(host, "carol")["uid"]
    carol.stop()

    assert people["alice"].kernel().run("print('still here')") == "still here\n"
    assert not logged_in(people["bob"])
    again = visitor("bob")
    again.login(OWN_PASSWORDS["bob"])
    assert not logged_in(again)
    assert host.check_output("docker ps --quiet --filter label=org.labserver.user=bob") == ""
    assert host.file("/home/jupyter-bob/secret.txt").content_string == "bob only"
    assert host.check_output(started) == before


def test_registry_lets_nobody_push_without_a_password(host: t.Any) -> None:
    status = "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:5000"
    host.check_output("command -v curl || apt-get install -y -qq curl")
    assert host.check_output(f"{status}/v2/notebook/tags/list") == "401"
    assert host.check_output(f"{status}/v2/notebook/blobs/uploads/ -X POST") == "401"
    puller = host.check_output("cat /etc/labserver/registry/secrets/puller")
    assert host.check_output(f"{status}/v2/notebook/tags/list -u puller:{puller}") == "200"
    assert host.check_output(f"{status}/v2/notebook/blobs/uploads/ -X POST -u puller:{puller}") == "401"


@long("soak-long")
def test_an_image_of_another_registry_is_pulled_and_offered(host: t.Any) -> None:
    """`source: pull`. The lab's own registry, read without a name at a port of its own, plays the other registry."""
    run_site(
        registry_anonymous_port=5001,
        images_notebooks=[
            {"repository": "notebook", "tag": "latest", "context": "notebook"},
            {"repository": "pulled", "tag": "1", "source": "pull", "reference": "127.0.0.1:5001/notebook:latest"},
        ],
    )
    puller = host.check_output("cat /etc/labserver/registry/secrets/puller")
    tags = host.check_output(f"curl -s -u puller:{puller} http://127.0.0.1:5000/v2/pulled/tags/list")
    assert json.loads(tags) == {"name": "pulled", "tags": ["1"]}
    deadline = time.monotonic() + 120
    while "pulled" not in host.file("/var/lib/labserver/catalogue/images.json").content_string:
        assert time.monotonic() < deadline, "the catalogue does not list it"
        time.sleep(2)
