# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of one server, as the README tells an administrator to make it, and its server on a kernel of its own.

Runs of playbooks go through plain ssh and sudo; what they did is asked of the server's kernel, as root.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import yaml
from hub_client import HubClient
from machines import guest
from machines.places import ADMIN, ADMIN_ASKED, ASKED_PASSWORD, CONTROL, RUN
from paths import ROOT

FOLDER = RUN / "lab"  # the administrator's side: inventory, ssh, passwords, logs
INVENTORY = FOLDER / "inventory" / "mylab"
SERVER = "atlas"
OWN = {"alice": "a long password of alice", "bob": "another one for bob"}
MEMORY_OF_BOB = 1 << 30
QUOTA_OF_BOB = 40 << 20
SITE_SECONDS = 3600
START_SECONDS = 240

PEOPLE = {
    "accounts_groups": [{"name": "leem"}, {"name": "xps"}],
    "accounts_users": [
        {
            "name": "alice",
            "full_name": "{{ vault_full_name }}",
            "groups": ["leem"],
            "admin": True,
            "limits": {"cpu": 0.5},
        },
        {"name": "bob", "groups": ["xps"], "limits": {"memory": "1G", "pids": 300}, "quota": "40M"},
    ],
    "accounts_quota": "200M",
    # The image that is handed over; the example's other ones would be built.
    "images_notebooks": [{"repository": "notebook", "tag": "latest", "context": "notebook"}],
    "hub_default_image": "notebook",
    "hub_reserve_memory": "1G",
    "certificates_list": [
        {"name": "server", "source": "internal_ca", "names": ["atlas.lab.example.test", CONTROL[2]]},
    ],
    "hub_start_timeout_seconds": START_SECONDS,
}


def prepare() -> None:
    """Follow the README up to its step 4: an inventory copied from the example, an account with sudo, a vault."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    shutil.copytree(ROOT / "inventory/example", INVENTORY)
    shutil.rmtree(INVENTORY / "host_vars")
    hosts = {"all": {"children": {"labservers": {
        "hosts": {SERVER: {"ansible_host": CONTROL[2]}}, "vars": {"ansible_user": ADMIN},
    }}}}  # fmt: skip
    (INVENTORY / "hosts.yml").write_text(yaml.safe_dump(hosts))
    (INVENTORY / "group_vars/all/lab.yml").write_text(yaml.safe_dump(PEOPLE))
    for name, text in (("vault-password", "correct horse"), ("sudo-password", ASKED_PASSWORD)):
        (FOLDER / name).write_text(text + "\n")
        (FOLDER / name).chmod(0o600)
    vault = INVENTORY / "group_vars/all/vault.yml"
    editor = FOLDER / "editor"
    editor.write_text("#!/bin/sh\necho 'vault_full_name: Alice of the Vault' > \"$1\"\n")
    editor.chmod(0o755)
    # ansible-vault opens no editor without a terminal.
    create = ["script", "--quiet", "--return", "--command", f"ansible-vault create {vault}", "/dev/null"]
    given = environment() | {"EDITOR": str(editor)}
    subprocess.run(create, check=True, cwd=ROOT, env=given, stdin=subprocess.DEVNULL)
    assert vault.read_text().startswith("$ANSIBLE_VAULT")


def environment() -> dict[str, str]:
    """Return the environment of the administrator's commands."""
    shared = f"-F {guest.SSH_CONFIG} -o ControlMaster=auto -o ControlPersist=60s -o ControlPath=/tmp/{RUN.name}-%C"
    return {
        **os.environ, "ANSIBLE_SSH_ARGS": shared, "ANSIBLE_VAULT_PASSWORD_FILE": str(FOLDER / "vault-password"),
        "ANSIBLE_FORCE_COLOR": "0", "COLUMNS": "1000",
    }  # fmt: skip


def start_play(log: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start ansible-playbook; what it says goes to the log of this name."""
    command = ["ansible-playbook", "-i", str(INVENTORY), *arguments]
    with (FOLDER / f"{log}.log").open("wb") as out:
        return subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=out, stderr=subprocess.STDOUT)


def play(log: str, *arguments: str) -> dict[str, int]:
    """Run ansible-playbook as the administrator does; return the numbers of the recap, or raise AssertionError."""
    began = time.monotonic()
    status = start_play(log, *arguments).wait(SITE_SECONDS)
    text = (FOLDER / f"{log}.log").read_text()
    print(f"{log}: {time.monotonic() - began:.0f} s")
    assert status == 0, text[-6000:]
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", text.rsplit("PLAY RECAP", 1)[1])}


def as_who_is_asked() -> list[str]:
    """Return options for the account that sudo asks for its password."""
    return ["-e", f"ansible_user={ADMIN_ASKED}", "--become-password-file", str(FOLDER / "sudo-password")]


def out(command: str, seconds: float = 120) -> str:
    """Run a command as root on the server and return what it prints."""
    return guest.run(command, timeout=seconds).stdout.strip()


def until(what: str, ask: Any, seconds: float = 300) -> Any:
    """Ask until there is an answer that is true, whatever errors come meanwhile; return it."""
    deadline = time.monotonic() + seconds
    while True:
        found: object = None
        try:
            found = ask()
        except Exception as error:  # whatever a server says while it starts
            found, reason = None, error
        else:
            reason = AssertionError(f"{found!r}")
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:.0f} s") from reason
        time.sleep(2)


def person(name: str) -> HubClient:
    """Return somebody who is logged in over TLS that is checked, the first time with the one-time password."""
    authority = FOLDER / "ca.pem"
    if not authority.exists():
        authority.write_text(out("cat /etc/labserver/tls/server/ca.pem") + "\n")
    client = HubClient(f"https://{CONTROL[2]}", name, verify=str(authority))
    if client.login(OWN[name]).status_code != 302:
        with (INVENTORY / "one-time-passwords" / f"{SERVER}.txt").open() as file:
            first = {row["name"]: row["password"] for row in csv.DictReader(file)}[name]
        assert client.login(first).status_code == 302
        assert client.change_password(first, OWN[name]) == ""
    return client


def with_server(name: str) -> HubClient:
    """Return somebody whose server runs."""
    client = person(name)
    if client.server() is None:
        client.start((client.images() or [None])[0])  # type: ignore[list-item]
    print(f"server of {name}: {client.wait_ready(START_SECONDS + 60):.0f} s")
    return client


def group(name: str) -> Path:
    """Return the folder of the control group in which a person's server is, by its process."""
    process = out(f"docker inspect --format '{{{{.State.Pid}}}}' jupyter-{name}")
    return Path("/sys/fs/cgroup") / out(f"cat /proc/{process}/cgroup").removeprefix("0::").lstrip("/")


def limits(name: str) -> dict[str, str]:
    """Return what the kernel holds for a person's server."""
    folder = group(name)
    rows = out(f"cd {folder} && grep . memory.max memory.swap.max pids.max cpu.max").splitlines()
    return {row.partition(":")[0]: row.partition(":")[2] for row in rows}


def reaches(client: HubClient, other: str) -> bool:
    """Tell whether somebody's kernel reaches the port of another's server."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    address = out(f"docker inspect --format '{form}' jupyter-{other}")
    code = (
        "import socket\n"
        "try:\n"
        f"    socket.create_connection(('{address}', 8888), 8).close(); print('open')\n"
        "except OSError as error:\n"
        "    print('closed')\n"
    )
    return client.kernel().run(code) == "open\n"
