# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lab server of this scenario is, and its people."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "shared"))
from hub_client import HubClient

INVENTORY = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "inventory"
OWN_PASSWORDS = {"alice": "a long password of alice", "bob": "another one for bob", "carol": "carol came later"}


@pytest.fixture(scope="session")
def server() -> str:
    """The name of the host's container."""
    return os.environ.get("MOLECULE_INSTANCE", f"labserver-default{os.environ.get('LABSERVER_ID', '')}")


@pytest.fixture(scope="session")
def url(server: str) -> str:
    """The hub's address as a person's browser sees it."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    command = ["docker", "inspect", "--format", form, server]
    address = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return f"http://{address}:8000"


def one_time_passwords(server: str) -> dict[str, str]:
    """What the role left beside the inventory for the administrator to hand out."""
    with (INVENTORY / ".labserver" / "one-time-passwords" / f"{server}.txt").open() as file:
        return {row["name"]: row["password"] for row in csv.DictReader(file)}


def enter(url: str, name: str, server: str) -> HubClient:
    """Log in as a person does the first time: with the one-time password, which has to be changed."""
    person = HubClient(url, name)
    own = OWN_PASSWORDS[name]
    first = one_time_passwords(server).get(name)
    if first is None:  # an earlier run of these tests used it
        person.login(own)
        return person
    answer = person.login(first)
    assert "/hub/change-password" in answer.url, f"not led to the page that changes the password but to {answer.url}"
    assert person.change_password(first, own).status_code == 200
    return person


@pytest.fixture(scope="session")
def people(url: str, server: str) -> t.Iterator[dict[str, HubClient]]:
    """Alice and bob, each with a running server."""
    clients = {name: enter(url, name, server) for name in ("alice", "bob")}
    for client in clients.values():
        client.spawn()
    yield clients
    for client in clients.values():
        client.stop()
