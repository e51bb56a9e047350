# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab server in the guest: commands as people and in their notebooks, runs of roles."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml
from machines import guest, nas
from machines.places import CONTROL, KEY, RUN
from paths import SCENARIOS, SUPPORT
from role_run import run_playbook

SCENARIO = SCENARIOS / "shares"
ROOT = "/srv/labserver/shares"
GROUPS = {"leem": 30001, "xps": 30002, "guests": 30003}
PEOPLE = {"alice": (20001, ["leem"]), "bob": (20002, ["xps"]), "dora": (20003, ["guests"])}


class LabServer:
    """The lab server, with the people of this page. ``run`` gives status and output of a shell command in it."""

    def run(self, command: str, check: bool = False, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        return guest.run(command, check=check, timeout=timeout)

    def out(self, command: str, timeout: float = 120) -> str:
        return guest.run(command, timeout=timeout).stdout.strip()

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
        self.run(f"docker rm -f jupyter-{name}")
        self.run(
            f"docker run -d --network none --name jupyter-{name} --user {uid}:{uid} {' '.join(options)} box"
            " sleep 100000",
            check=True,
        )

    def nas_stop(self) -> None:
        """Stop Samba, the share with an umlaut in its password unmounted before.

        When the kernel logs in again by itself, it reads the password in its own default character set. That of
        user-mode Linux is Latin-1, so there a password outside ASCII is good for one session only.
        """
        self.run(f"systemctl stop $(systemd-escape --path {ROOT}/secret/files).mount")
        nas.stop()

    def sources(self) -> dict[str, str]:
        """Mount point -> source of the mounted CIFS shares, from the kernel."""
        rows = [line.split() for line in self.out("cat /proc/self/mounts").splitlines()]
        return {row[1]: row[0].replace("\\040", " ") for row in rows if row[2] == "cifs"}

    def role(self, **variables: Any) -> str:
        """Run the role ``shares`` as molecule does, with other variables; returns what ansible-playbook printed."""
        status, text = run_playbook(SCENARIO / "converge.yml", variables, inventory=inventory())
        assert status == 0, text
        return text


def inputs() -> dict[str, Any]:
    """Return the variables of the scenario ``shares``."""
    return dict(yaml.safe_load((SCENARIO / "group_vars" / "all.yml").read_text()))


def inventory() -> Path:
    """Return molecule's inventory; without molecule one like it is written."""
    if "MOLECULE_INVENTORY_FILE" in os.environ:
        return Path(os.environ["MOLECULE_INVENTORY_FILE"])
    options = "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o IdentitiesOnly=yes -o StrictHostKeyChecking=no"
    host = {
        "ansible_host": CONTROL[2],
        "ansible_user": "root",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_private_key_file": str(KEY),
        "ansible_ssh_common_args": options,
        "ansible_ssh_executable": str(SUPPORT / "machines" / "ssh.sh"),
        "ansible_ssh_transfer_method": "piped",
    }
    file = RUN / "inventory.json"
    file.write_text(json.dumps({"all": {"hosts": {"labguest": host}, "vars": inputs()}}))
    return file
