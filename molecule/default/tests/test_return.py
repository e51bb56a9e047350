# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People who forgot the password, who are about to leave, and who left and come back: how the hub takes them."""

from __future__ import annotations

import datetime
import json
import stat
import subprocess
import typing as t
from pathlib import Path

import pytest
from conftest import INVENTORY, OWN_PASSWORDS, logged_in, one_time_passwords
from hub_client import HubClient
from long_tests import long
from test_people import ROOT, account, run_site

Visitor = t.Callable[[str], HubClient]
STARTED = "docker inspect --format '{{.State.StartedAt}}' labserver-hub labserver-hub-proxy"


def reset(names: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the playbook for new one-time passwords."""
    command = ["ansible-playbook", "-i", str(INVENTORY), *more, "playbooks/password.yml", "-e", f"user={names}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def bare() -> t.Iterator[str]:
    """A second server of the inventory, on which there is no hub."""
    image = subprocess.run(
        [ROOT / "tools/host-image.sh", "bookworm"], capture_output=True, text=True, check=True
    ).stdout.split()[-1]
    command = ["docker", "run", "--detach", "--rm", "--entrypoint", "sleep", image, "infinity"]
    name = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()[:12]
    yield name
    subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=True)


def folders(name: str) -> str:
    command = ["docker", "exec", name, "sh", "-c", "ls -d /srv/* /etc/labserver /var/lib/labserver 2>/dev/null; true"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_forgotten_password_is_reset_where_the_person_is_and_nothing_restarted(
    host: t.Any, visitor: Visitor, server: str, people: dict[str, HubClient], bare: str, tmp_path: Path
) -> None:
    second = tmp_path / "second.json"
    connection = {"ansible_connection": "community.docker.docker", "ansible_python_interpreter": "/usr/bin/python3"}
    second.write_text(json.dumps({"all": {"hosts": {bare: connection}}}))
    before, empty = host.check_output(STARTED), folders(bare)
    done = reset("alice", "-i", str(second))
    assert done.returncode == 0, done.stdout + done.stderr
    assert folders(bare) == empty
    once = one_time_passwords(server)
    assert "bob" not in once
    assert once["alice"] not in done.stdout + done.stderr

    slips = INVENTORY / "one-time-passwords" / f".{server}.html"
    for file in (slips.parent, slips, slips.with_name(f"{server}.txt")):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
    assert slips.read_text().count("<section>") == len(once)
    assert once["alice"] in slips.read_text()

    alice = visitor("alice")
    assert alice.login(OWN_PASSWORDS["alice"]).status_code == 403
    assert "/hub/change-password" in alice.login(once["alice"]).headers["Location"]
    assert alice.change_password(once["alice"], OWN_PASSWORDS["alice"]) == ""
    assert visitor("alice").login(once["alice"]).status_code == 403
    assert people["alice"].kernel().run("print('still here')") == "still here\n"
    assert host.check_output(STARTED) == before


def test_a_name_that_no_server_knows_stops_before_anybody_is_reset(visitor: Visitor) -> None:
    done = reset("alice,jupyter-bob")
    assert done.returncode != 0
    assert "knows jupyter-bob. Nothing was changed." in " ".join((done.stdout + done.stderr).split())
    alice = visitor("alice")
    assert "/hub/change-password" not in alice.login(OWN_PASSWORDS["alice"]).headers["Location"]


@long("soak-long")
def test_who_left_comes_back_with_the_same_number_and_a_new_password(
    host: t.Any, visitor: Visitor, server: str, people: dict[str, HubClient]
) -> None:
    alice = {"name": "alice", "full_name": "Alice Example", "groups": ["leem"], "admin": True}
    bob = {"name": "bob", "full_name": "Bob Example", "groups": ["xps"]}
    last = datetime.datetime.now().astimezone().date() + datetime.timedelta(days=5)
    before, number = host.check_output(STARTED), account(host, "bob")["uid"]
    host.check_output("runuser -u jupyter-bob -- sh -c 'echo kept > ~jupyter-bob/kept.txt'")
    run_site(accounts_users=[{**alice, "expires": last.isoformat()}, {**bob, "state": "absent"}])
    assert visitor("bob").login(OWN_PASSWORDS["bob"]).status_code == 403
    assert host.run('test -n "$(ls /srv/labserver/accounts/archive/jupyter-bob-*.sha256)"').rc == 0

    def told(person: HubClient) -> list[str]:
        texts = [one["text"] for one in person.get("/hub/announcements").json()["announcements"]]
        return [text for text in texts if "access ends" in text]

    (notice,) = told(people["alice"])
    assert f"{last} (in 5 days)" in notice
    assert told(visitor("alice")) == [], "nobody else, and nobody who is not logged in"

    run_site(accounts_users=[alice, bob])
    assert told(people["alice"]) == []
    again = visitor("bob")
    assert again.login(OWN_PASSWORDS["bob"]).status_code == 403, "whoever comes back starts anew"
    once = one_time_passwords(server)["bob"]
    assert "/hub/change-password" in again.login(once).headers["Location"]
    assert again.change_password(once, OWN_PASSWORDS["bob"]) == ""
    assert logged_in(again)
    assert account(host, "bob")["uid"] == number
    assert host.file("/home/jupyter-bob/kept.txt").content_string == "kept\n"
    assert host.check_output(STARTED) == before
