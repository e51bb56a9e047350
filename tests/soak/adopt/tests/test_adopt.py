# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fifty people of TLJH, looked at, taken over and given back; they log in as browsers do, with the passwords they have.

The tests follow each other, as the days of a takeover do.
"""

from __future__ import annotations

import base64
import os
import signal
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hub_host
import pytest
import yaml
from hub_client import HubClient
from paths import ROOT
from role_run import run_playbook, start_playbook

PEOPLE = ["ada", *(f"person{number}" for number in range(49))]
OLD_PORT, NEW_PORT = 15001, 8000
TOUCHED = "/etc/passwd /etc/group /etc/shadow /etc/gshadow /etc/subuid /etc/subgid /etc/fstab"
STATE = f"sha256sum {TOUCHED} 2>/dev/null; stat -c '%a %U %g %n' {TOUCHED} /home/jupyter-* 2>/dev/null"
BOOK = ROOT / "playbooks" / "adopt.yml"


def password(name: str) -> str:
    return f"{name} likes ferrets"


class Server:
    """The host, an inventory folder as a lab has one, and what is said of both."""

    def __init__(self, host: t.Any, folder: Path, inventory: Path):
        self.host, self.folder, self.inventory = host, folder, inventory
        self.name = host.backend.name
        self.address = hub_host.base_url(self.sh).rpartition(":")[0]
        self.before = ""

    def sh(self, command: str) -> str:
        done = self.host.run("sh -c %s", command)
        assert done.rc == 0, f"{command}\n{done.stdout}{done.stderr}"
        return str(done.stdout)

    def adopt(self, *options: str, **words: object) -> tuple[int, str]:
        return run_playbook(BOOK, words, options, self.inventory, seconds=900)

    def log_in(self, port: int, names: list[str]) -> list[str]:
        """Log people in, several at a time; returns who cannot."""

        def one(name: str) -> bool:
            return HubClient(f"{self.address}:{port}", name).login(password(name)).status_code == 302

        with ThreadPoolExecutor(4) as pool:
            return [name for name, let_in in zip(names, pool.map(one, names), strict=True) if not let_in]

    def write(self, path: str, text: str) -> None:
        self.sh(f"echo {base64.b64encode(text.encode()).decode()} | base64 -d > {path}")

    def wait(self, port: int) -> None:
        for _ in range(200):
            if self.answers(port):
                return
            time.sleep(0.3)
        raise AssertionError(f"nothing answers at port {port}")

    def answers(self, port: int) -> bool:
        try:
            return HubClient(f"{self.address}:{port}", "").get("/hub/login").status_code == 200
        except OSError:
            return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    import testinfra  # noqa: PLC0415

    molecule = Path(os.environ["MOLECULE_INVENTORY_FILE"])
    named = testinfra.get_hosts(["all"], connection="ansible", ansible_inventory=str(molecule))[0]
    host = testinfra.get_host(f"docker://{named.backend.get_hostname()}")
    folder = tmp_path_factory.mktemp("lab")
    (folder / "hosts.yml").write_text(molecule.read_text())
    (folder / "group_vars").symlink_to(molecule.parent / "group_vars")
    return Server(host, folder, folder / "hosts.yml")


def test_people_choose_their_passwords_at_tljh(server: Server) -> None:
    """FirstUseAuthenticator keeps what each of them types first; two never come, and two never start a server."""
    assert server.log_in(OLD_PORT, PEOPLE[:-1]) == []
    assert HubClient(f"{server.address}:{OLD_PORT}", "ada").login("something else").status_code == 403
    server.before = server.sh(STATE)


def test_looking_writes_the_inventory_and_changes_nothing(server: Server) -> None:
    began = server.sh(STATE + "; find /opt/tljh /etc/systemd /var/lib -newer /root/hub.py -type f | sort")
    status, output = server.adopt("--check")
    assert status == 0, output
    assert "50 people, 49 with a password: can be taken over" in output
    after = server.sh(STATE + "; find /opt/tljh /etc/systemd /var/lib -newer /root/hub.py -type f | sort")
    assert after == began
    inventory = yaml.safe_load((server.folder / "host_vars" / server.name / "adopted.yml").read_text())
    people = {each["name"]: each for each in inventory["accounts_users_host"]}
    assert sorted(people) == sorted(PEOPLE)
    assert people["ada"]["admin"] and people["ada"]["groups"] == ["optics"]
    assert people["ada"]["uid"] == int(server.sh("id -u jupyter-ada"))
    assert "uid" not in people["person48"]
    assert inventory["accounts_groups_host"] == [
        {"name": "optics", "gid": int(server.sh("getent group optics | cut -d: -f3"))}
    ]
    assert (inventory["hub_default_memory"], inventory["hub_default_cpu"]) == ("1G", 2.0)
    assert inventory["hub_culling_idle_seconds"] == 3600
    page = (server.folder / "reports" / f"adopt-{server.name}.html").read_text()
    assert "jupyter-gone" in page and "$2b$" not in page
    assert "numpy==2.1.0" in (server.folder / "reports" / f"adopt-{server.name}-packages.txt").read_text()


def test_what_is_in_the_way_is_said_before_anything_is_touched(server: Server) -> None:
    server.sh("systemd-run --quiet --unit=jupyter-person3-singleuser sleep 1000")
    status, output = server.adopt(adopt_in_place=server.name)
    server.sh("systemctl stop jupyter-person3-singleuser")
    assert status == 2 and "Servers of 1 people run (person3)" in output
    assert server.adopt(adopt_in_place="another")[0] == 2
    assert server.sh(STATE) == server.before
    assert server.answers(OLD_PORT) and "No such" in server.sh("ls /var/lib/labserver/adopt 2>&1 || true")


def test_a_run_that_is_lost_in_the_middle_is_taken_back_by_the_host(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The controller is killed right after the old hub was stopped."""
    record = "cat /var/lib/labserver/adopt/before.json 2>/dev/null || true"

    def until(what: str, seconds: float, *, fits: t.Callable[[], bool]) -> float:
        began = time.monotonic()
        while not fits():
            assert time.monotonic() - began < seconds, what
            time.sleep(0.5)
        return time.monotonic() - began

    run = start_playbook(BOOK, {"adopt_in_place": server.name}, tmp_path / "log", inventory=server.inventory)
    try:
        until("the old hub is stopped", 900, fits=lambda: '"state": "switched"' in server.sh(record))
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    took = until("the old hub is back", 120, fits=lambda: '"state": "back"' in server.sh(record))
    with capsys.disabled():
        print(f"the host went back {took:.0f} s after the run was killed")
    server.wait(OLD_PORT)
    assert server.log_in(OLD_PORT, PEOPLE[:5]) == []
    assert server.sh(STATE) == server.before
    assert "labserver" not in server.sh("docker ps --format '{{.Names}}'")
    assert server.sh("systemctl is-enabled jupyterhub").strip() == "enabled"
    assert server.sh("ls /etc/systemd/system/labserver-adopt.service 2>/dev/null || true") == ""
    assert "went back by itself" in server.sh("journalctl --quiet --unit labserver-adopt || true")
    status, output = server.adopt("--check")
    assert status == 0 and "the takeover before: nothing was heard of its run" in output, output


def test_everybody_logs_in_with_the_old_password(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    stopped: list[float] = []

    def watch() -> None:
        """Look from outside for how long nobody can log in."""
        while not server.answers(NEW_PORT):
            if not server.answers(OLD_PORT):
                stopped.append(time.monotonic())
            time.sleep(1)
        stopped.append(time.monotonic())

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        status, output = server.adopt(adopt_in_place=server.name)
        assert status == 0, output
        watching.result(60)
    with capsys.disabled():
        print(f"nobody could log in for {stopped[-1] - stopped[0]:.0f} s")
    assert not server.answers(OLD_PORT)
    assert server.log_in(NEW_PORT, PEOPLE[:-1]) == []
    one_time = hub_host.one_time_passwords(server.sh)
    assert set(one_time) == {"person48"}
    late = HubClient(f"{server.address}:{NEW_PORT}", "person48")
    assert late.login(password("person48")).status_code == 403
    assert late.login(one_time["person48"]).status_code == 302


def test_people_find_what_is_theirs(server: Server) -> None:
    ada = HubClient(f"{server.address}:{NEW_PORT}", "ada")
    assert ada.login(password("ada")).status_code == 302
    assert ada.get("/hub/admin").status_code == 200
    if ada.server() is None:
        ada.start("notebook:latest")
    ada.wait_ready(120)
    kernel = ada.kernel()
    said = kernel.run("import os, pathlib; print(pathlib.Path('notes.txt').read_text(), os.getuid(), os.getgroups())")
    assert said.split()[:2] == ["of", "ada"]
    assert int(said.split()[2]) == int(server.sh("id -u jupyter-ada"))
    assert server.sh("getent group optics | cut -d: -f3").strip() in said
    ada.stop()


def test_a_second_run_changes_nothing(server: Server) -> None:
    status, output = server.adopt(adopt_in_place=server.name)
    assert status == 0, output
    steps = output.split("\nTASK [")
    assert [step.split("]")[0] for step in steps if "\nchanged: [" in step] == []


def test_the_way_back_brings_the_old_hub_as_it_was(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    status, output = server.adopt(adopt_back=True)
    assert status == 0, output
    with capsys.disabled():
        print(f"the way back took {time.monotonic() - began:.0f} s")
    server.wait(OLD_PORT)
    assert server.log_in(OLD_PORT, PEOPLE[:5]) == []
    assert not server.answers(NEW_PORT)
    assert server.sh(STATE) == server.before
    assert server.sh("systemctl is-enabled jupyterhub").strip() == "enabled"
    assert server.sh("cat /home/jupyter-ada/notes.txt") == "of ada\n"


def test_a_hub_in_a_container_is_taken_over_as_well(server: Server) -> None:
    """It has the same people; the host was taken over and given back before, and does not mind."""
    script = (ROOT / "tests" / "soak" / "adopt" / "files" / "compose.sh").read_text()
    server.write("/root/compose.sh", script)
    server.sh("bash /root/compose.sh")
    server.wait(NEW_PORT)
    assert server.log_in(NEW_PORT, PEOPLE[:3]) == []
    server.before = server.sh(STATE)
    (server.folder / "host_vars" / server.name / "adopted.yml").unlink()
    status, output = server.adopt(adopt_without="gone")
    assert status == 0, output
    assert "a hub by Docker Compose 5.4.6, 50 people, 49 with a password: can be taken over" in output
    assert "hub_default_memory: 3G" in (server.folder / "host_vars" / server.name / "adopted.yml").read_text()
    status, output = server.adopt(adopt_in_place=server.name, adopt_without="gone")
    assert status == 0, output
    running = server.sh("docker ps --format '{{.Names}}'").split()
    assert "labserver-hub" in running and "oldhub-hub-1" not in running
    assert server.log_in(NEW_PORT, PEOPLE[:10]) == []


def test_its_container_is_back_as_it_was(server: Server) -> None:
    status, output = server.adopt(adopt_back=True)
    assert status == 0, output
    server.wait(NEW_PORT)
    assert server.log_in(NEW_PORT, PEOPLE[:3]) == []
    told = server.sh("docker inspect -f '{{.State.Running}} {{.HostConfig.RestartPolicy.Name}}' oldhub-hub-1")
    assert told.split() == ["true", "unless-stopped"]
    assert "labserver" not in server.sh("docker ps --format '{{.Names}}'")
    assert server.sh(STATE) == server.before
