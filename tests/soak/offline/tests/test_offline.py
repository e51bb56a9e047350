# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab server that was set up from a bundle alone, and the next bundle."""

from __future__ import annotations

import json
import os
import subprocess
import typing as t
from collections.abc import Callable
from pathlib import Path

import hub_host
import pytest
from hub_client import HubClient
from paths import ROOT
from role_run import run_playbook, run_role

OWN = "A password of my own"
FOLDER = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
BUNDLE = FOLDER / "lab.bundle"
NEXT = FOLDER / "next.bundle"
PLACE = "/var/lib/labserver/bundle"
ID = os.environ.get("LABSERVER_ID", "")
NOTEBOOK = {"repository": "notebook", "tag": "latest", "context": "notebook"}
PULLED = {"repository": "notebook", "tag": "next", "source": "pull", "reference": "lab.test/notebook:next"}
GONE = {"repository": "gone", "tag": "latest", "source": "pull", "reference": "lab.test/gone:1"}

Shell = Callable[[str], str]


def shell(name: str) -> Shell:
    """Run commands as root in the container of a host, which needs no network."""

    def run(command: str) -> str:
        argv = ["docker", "exec", f"labserver-{name}{ID}", "sh", "-c", command]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def offline() -> Shell:
    return shell("offline")


def alice(offline: Shell) -> HubClient:
    """Return alice, logged in at the hub."""
    address = offline("ip -4 -o address show eth0 | awk '{print $4}'").split("/")[0]
    return hub_host.logged_in(offline, f"http://{address}:8000", "alice", OWN)


def calculated(person: HubClient, code: str) -> str:
    """Return what a cell prints in a person's server."""
    kernel = person.kernel()
    said = kernel.run(code)
    kernel.end()
    return said


def bundle_role(folder: Path, bundle: Path, **variables: t.Any) -> tuple[int, str]:
    """Install a bundle and nothing else; returns exit status and what is said."""
    return run_role(folder, "bundle", "labservers", labserver_bundle=str(bundle), **variables)


def test_nothing_reached_the_host_over_its_network(offline: Shell) -> None:
    """What it was set up from is hundreds of megabytes. (This test is first: the others talk to the hub.)"""
    assert offline("ip route show default") == ""
    assert int(offline("cat /sys/class/net/eth0/statistics/rx_bytes")) < 1_000_000
    assert BUNDLE.stat().st_size > 500_000_000


def test_somebody_logs_in_and_runs_a_cell(offline: Shell) -> None:
    person = alice(offline)
    person.start()
    person.wait_ready(150)
    assert "42" in calculated(person, "print(6 * 7)")


def test_every_package_came_from_the_bundle(offline: Shell) -> None:
    versions = json.loads(offline(f"cat {PLACE}/current/manifest.json"))["packages"]
    listed = offline("dpkg-query -W -f '${Package}|${Version}\\n'").splitlines()
    installed = dict(line.split("|") for line in listed)
    for name in ("docker.io", "nginx", "python3-bcrypt", "zstd"):
        assert installed[name] == versions[name]
    # The host's own sources were not asked: it has no lists of them.
    assert offline("ls /var/lib/apt/lists | grep -c Packages || true").strip() == "0"


def test_damaged_bundles_and_those_of_strangers_change_nothing(offline: Shell, tmp_path: Path) -> None:
    state = f"readlink {PLACE}/current; ls {PLACE}; docker image ls --quiet --no-trunc"
    before = offline(state)
    flipped = tmp_path / "flipped.bundle"
    content = bytearray(BUNDLE.read_bytes())
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    status, said = bundle_role(tmp_path, flipped)
    assert status != 0
    assert "in the bundle is damaged: its SHA-256 is another" in said
    private, public = tmp_path / "other.key", tmp_path / "other.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    status, said = bundle_role(tmp_path, BUNDLE, bundle_public_key=str(public))
    assert status != 0
    assert "its signature was not made with the key of other.pub" in said
    status, said = bundle_role(tmp_path, BUNDLE, images_notebooks=[NOTEBOOK, GONE])
    assert status != 0
    assert "the bundle lacks lab.test/gone:1, which the inventory asks for" in said
    assert offline(state) == before


def test_the_next_bundle_updates_the_server(offline: Shell, tmp_path: Path) -> None:
    builder = shell("builder")
    image = builder("docker image ls --format '{{.Repository}}:{{.Tag}}' | grep '^labserver/notebook/latest:'").strip()
    dockerfile = f"FROM {image}\\nENV LAB_RELEASE=next\\n"
    builder(f"printf '{dockerfile}' | docker build --quiet --tag {PULLED['reference']} -")
    wanted: dict[str, t.Any] = {"images_notebooks": [NOTEBOOK, PULLED], "labserver_hosts": "labservers"}
    made = {**wanted, "bundle_output": str(NEXT), "labserver_bundle_builder": f"labserver-builder{ID}"}
    status, said = run_playbook(ROOT / "playbooks" / "bundle.yml", made, seconds=900)
    assert status == 0, said
    first = offline(f"readlink {PLACE}/current").strip()
    used = {**wanted, "labserver_bundle": str(NEXT)}
    status, said = run_playbook(ROOT / "playbooks" / "site.yml", used, seconds=900)
    assert status == 0, said
    second = offline(f"readlink {PLACE}/current").strip()
    assert second != first
    assert sorted(offline(f"ls {PLACE}").split()) == sorted([second, "current"])
    person = alice(offline)
    if person.server() is not None:
        person.stop()
    person.start("notebook:next")
    person.wait_ready(150)
    assert "next" in calculated(person, "import os; print(os.environ['LAB_RELEASE'])")
    status, said = bundle_role(tmp_path, BUNDLE)
    assert status != 0
    assert "go back with bundle_accept_older: true" in said
    assert offline(f"readlink {PLACE}/current").strip() == second
