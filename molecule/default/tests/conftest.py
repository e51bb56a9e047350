# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lab server of this scenario is, and its people."""

from __future__ import annotations

import csv
import os
import socket
import subprocess
import typing as t
from pathlib import Path

import pytest
from hub_client import HubClient

INVENTORY = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "inventory"
NAME = "lab.example.test"
OWN_PASSWORDS = {"alice": "a long password of alice", "bob": "another one for bob", "carol": "carol came later"}


@pytest.fixture(scope="session")
def server() -> str:
    """The name of the host's container."""
    return os.environ.get("MOLECULE_INSTANCE", f"labserver-default{os.environ.get('LABSERVER_ID', '')}")


@pytest.fixture(scope="session")
def address(server: str) -> str:
    """The address of the host's container."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    command = ["docker", "inspect", "--format", form, server]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="session")
def url(address: str) -> t.Iterator[str]:
    """The hub as a person's browser names it. The name leads to the container, as the lab's DNS would have it."""
    real = socket.getaddrinfo

    def resolve(host: t.Any, *arguments: t.Any, **options: t.Any) -> t.Any:
        return real(address if host == NAME else host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", resolve)
        yield f"https://{NAME}"


@pytest.fixture(scope="session")
def authority(server: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The certificate of the lab's own authority, the only one that these tests trust."""
    command = ["docker", "exec", server, "cat", "/etc/labserver/public/ca.crt"]
    file = tmp_path_factory.mktemp("trust") / "ca.crt"
    file.write_text(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return str(file)


@pytest.fixture(scope="session")
def visitor(url: str, authority: str) -> t.Callable[[str], HubClient]:
    """Makes a browser session for a name."""
    return lambda name: HubClient(url, name, verify=authority)


def one_time_passwords(server: str) -> dict[str, str]:
    """What the role left beside the inventory for the administrator to hand out."""
    with (INVENTORY / "one-time-passwords" / f"{server}.txt").open() as file:
        return {row["name"]: row["password"] for row in csv.DictReader(file)}


def logged_in(person: HubClient) -> bool:
    """Tell whether the hub shows this session its own page."""
    answer = person.get("/hub/home")
    return answer.status_code == 200 and "/hub/login" not in answer.url


def enter(person: HubClient, server: str) -> None:
    """Log in as a person does the first time: with the one-time password, which has to be changed."""
    own = OWN_PASSWORDS[person.name]
    first = one_time_passwords(server).get(person.name)
    if first is None:  # an earlier run of these tests used it
        assert person.login(own).status_code == 302
        return
    assert "/hub/change-password" in person.login(first).headers["Location"]
    # Nothing can be started before it was changed.
    assert "/hub/change-password" in person.start().headers["Location"]
    assert person.change_password(first, own) == ""


@pytest.fixture(scope="session")
def people(visitor: t.Callable[[str], HubClient], server: str) -> t.Iterator[dict[str, HubClient]]:
    """Alice and bob, each with a running server."""
    clients = {name: visitor(name) for name in ("alice", "bob")}
    for client in clients.values():
        enter(client, server)
        client.start()
    for client in clients.values():
        client.wait_ready(90)
    yield clients
    for client in clients.values():
        client.api("DELETE", f"/hub/api/users/{client.name}/server")
