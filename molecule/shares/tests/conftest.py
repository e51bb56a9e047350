# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests on a real kernel share: the machines, containers in the guest, runs of the role."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SCENARIO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(SCENARIO))
import uml  # noqa: E402

from .hub import Hub  # noqa: E402

ROOT = "/srv/labserver/shares"
GROUPS = {"leem": 30001, "xps": 30002, "guests": 30003}
PEOPLE = {"alice": (20001, ["leem"]), "bob": (20002, ["xps"]), "dora": (20003, ["guests"])}


class Guest:
    """The lab server. ``run`` gives status and output of a shell command in it."""

    uml = uml

    def run(self, command: str, check: bool = False, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        return uml.guest(command, check=check, timeout=timeout)

    def out(self, command: str, timeout: float = 120) -> str:
        return uml.guest(command, timeout=timeout).stdout.strip()

    def person(self, name: str, command: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command as a person who is logged in on the host."""
        return self.run(f"runuser -u jupyter-{name} -- sh -c '{command}'", timeout=timeout)

    def notebook(
        self, name: str, command: str, root: bool = False, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in a person's container, as that person or as root in it."""
        user = "--user 0:0" if root else ""
        return self.run(f"timeout {timeout} docker exec {user} jupyter-{name} sh -c '{command}'", timeout=timeout + 20)

    def start_notebook(self, name: str, shares: list[str]) -> None:
        """Start a container without the hub, but like it: the folder above each share with rslave, the own groups."""
        uid, groups = PEOPLE[name]
        options = [f"-v {ROOT}/{share}:{ROOT}/{share}:rslave" for share in shares]
        options += [f"--group-add {GROUPS[group]}" for group in groups]
        image = "$(docker image ls --quiet 127.0.0.1:5000/notebook)"
        self.run(f"docker rm -f jupyter-{name}")
        self.run(
            f"docker run -d --network none --name jupyter-{name} --user {uid}:{uid} {' '.join(options)} {image}"
            " sleep 100000",
            check=True,
        )

    def nas_stop(self) -> None:
        """Stop Samba, the share with an umlaut in its password unmounted before.

        When the kernel logs in again by itself, it reads the password in its own default character set. That of
        user-mode Linux is Latin-1, so there a password outside ASCII is good for one session only.
        """
        self.run(f"systemctl stop $(systemd-escape --path {ROOT}/secret/files).mount")
        uml.nas_stop()

    def sources(self) -> dict[str, str]:
        """Mount point -> source of the mounted CIFS shares, from the kernel."""
        rows = [line.split() for line in self.out("cat /proc/self/mounts").splitlines()]
        return {row[1]: row[0].replace("\\040", " ") for row in rows if row[2] == "cifs"}

    def role(self, **variables: Any) -> str:
        """Run the role as molecule does, with other variables; returns what ansible-playbook printed."""
        command = [
            "ansible-playbook",
            "-i",
            os.environ.get("MOLECULE_INVENTORY_FILE") or inventory(),
            "-e",
            json.dumps(variables),
            str(SCENARIO / "converge.yml"),
        ]
        env = {**os.environ, "ANSIBLE_FORCE_COLOR": "0", "COLUMNS": "1000"}
        env.pop("ANSIBLE_CALLBACKS_ENABLED", None)  # molecule records its own runs only
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


def inventory() -> str:
    """Write an inventory like molecule's, for runs without molecule; returns its path."""
    import yaml  # noqa: PLC0415

    given = yaml.safe_load((SCENARIO / "molecule.yml").read_text())["provisioner"]["inventory"]
    options = "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o IdentitiesOnly=yes -o StrictHostKeyChecking=no"
    host = given["host_vars"]["labguest"] | {
        "ansible_host": uml.CONTROL[2],
        "ansible_user": "root",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_private_key_file": str(uml.KEY),
        "ansible_ssh_common_args": options,
        "ansible_ssh_executable": str(SCENARIO / "ssh.sh"),
    }
    file = uml.RUN / "inventory.json"
    file.write_text(json.dumps({"all": {"hosts": {"labguest": host}, "vars": given["group_vars"]["all"]}}))
    return str(file)


@pytest.fixture(scope="session")
def guest() -> Iterator[Guest]:
    guest = Guest()
    yield guest
    uml.cable(True)
    if not uml.answers(uml.NAS[1], 445):
        uml.nas_stop()
        uml.nas_start()
    if not uml.answers(uml.NAS[1], 2049):
        uml.nfs_stop()
        uml.nfs_start()


@pytest.fixture(scope="session")
def hub(guest: Guest) -> Hub:
    """The lab's hub, for three people of three groups."""
    hub = Hub()
    hub.start(PEOPLE, GROUPS)
    return hub


@pytest.fixture(scope="session")
def settings() -> dict[str, Any]:
    """The variables of the scenario."""
    import yaml  # noqa: PLC0415

    text = (SCENARIO / "molecule.yml").read_text()
    return dict(yaml.safe_load(text)["provisioner"]["inventory"]["group_vars"]["all"])
