# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole proof on one machine, called by tools/try-host.sh. It asks the machine, not the roles."""

from __future__ import annotations

import argparse
import csv
import datetime
import getpass
import os
import re
import shlex
import shutil
import ssl
import subprocess
import sys
import time
import traceback
import typing as t
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from hub_client import HubClient

ROOT = Path(__file__).resolve().parents[1]
OWN = {"alice": "a long password of alice", "bob": "another one for bob"}
MEMORY_OF_BOB = 1 << 30  # inventory/demo gives bob 1G
SITE_SECONDS = 7200
WAIT_SECONDS = 600


class FailedError(Exception):
    """A step did not show what it has to."""


@dataclass
class Host:
    """A machine: ``target`` for ssh (or the name of a container), ``folder`` for inventory, logs and report."""

    target: str
    connection: str
    folder: Path
    password: str = ""
    ssh_config: str = ""
    notes: list[tuple[str, str, float, str]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.target.rpartition("@")[2]

    def run(self, command: str, seconds: float = 120) -> str:
        """Run a shell command as root on the machine and return what it prints."""
        if self.connection != "ssh":
            argv = ["docker", "exec", self.target, "sh", "-c", command]
        else:
            sudo = ["sudo", "-S", "-p", ""] if self.password else ["sudo", "-n"]
            words = ["env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c", command]
            ssh = [
                "ssh",
                *self.ssh_options(),
                "-o",
                "BatchMode=yes",
                "-o",
                "ConnectTimeout=10",
                "-o",
                "ControlPath=none",
            ]
            argv = [*ssh, self.target, shlex.join([*sudo, *words])]
        given = f"{self.password}\n" if self.password else ""
        done = subprocess.run(argv, input=given, capture_output=True, text=True, check=False, timeout=seconds)
        if done.returncode != 0:
            raise FailedError(f"{command}: {(done.stderr or done.stdout).strip()[-500:]}")
        return done.stdout.strip()

    def ssh_options(self) -> list[str]:
        """Return the options that name a configuration of ssh other than the user's own."""
        return ["-F", self.ssh_config] if self.ssh_config else []

    def address(self) -> str:
        """Return the address at which a browser finds the machine."""
        if self.connection != "ssh":
            form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
            command = ["docker", "inspect", "--format", form, self.target]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        command = ["ssh", *self.ssh_options(), "-G", self.target]
        known = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return re.findall(r"^hostname (.+)$", known, re.MULTILINE)[0]

    def play(self, log: str, *arguments: str) -> str:
        """Run ansible-playbook against the machine; its output goes into a file, and back."""
        command = ["ansible-playbook", "-i", str(self.folder / "inventory"), *arguments]
        environment = {**os.environ, "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_BECOME_PASS": self.password}
        with (self.folder / f"{log}.log").open("w+") as file:
            status = subprocess.run(
                command,
                cwd=ROOT,
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=SITE_SECONDS,
            ).returncode
            file.seek(0)
            text = file.read()
        if status != 0:
            found = re.findall(r"^(?:fatal|\[ERROR\]|ERROR).*", text, re.MULTILINE)
            raise FailedError(f"{log}.log: " + "; ".join(found[-3:] or text.splitlines()[-3:]))
        return text

    def client(self, name: str) -> HubClient:
        """Return a person who is logged in, with a password of her own."""
        client = HubClient(f"https://{self.address()}", name, verify=False)
        if client.login(OWN[name]).status_code != 302:
            slips = self.folder / "inventory" / "one-time-passwords" / f"{self.name}.txt"
            with slips.open() as file:
                first = {row["name"]: row["password"] for row in csv.DictReader(file)}[name]
            if client.login(first).status_code != 302:
                raise FailedError(f"{name} cannot log in with the one-time password")
            objection = client.change_password(first, OWN[name])
            if objection:
                raise FailedError(f"{name} cannot choose a password: {objection}")
        return client


def recap(text: str) -> dict[str, int]:
    """Return the numbers of the last line of a run."""
    line = text.rsplit("PLAY RECAP", 1)[1]
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line)}


def wait(what: str, ask: t.Callable[[], object], seconds: float = WAIT_SECONDS) -> None:
    """Ask until there is an answer without an error."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            ask()
            return
        except Exception as error:  # whatever a machine says while it starts
            if time.monotonic() > deadline:
                raise FailedError(f"{what} does not answer after {seconds:.0f} s: {error}") from error
        time.sleep(2)


def look(host: Host) -> str:
    text = host.play("look", "playbooks/validate.yml", "-e", "hosts_too=true")
    summary = re.findall(r"msg\W+(.*GiB free)", text)
    version = host.run("cat /etc/os-release | sed -n 's/^PRETTY_NAME=//p' | tr -d '\"'; uname -a")
    return f"{summary[0] if summary else ''}\n{version}"


def check(host: Host) -> str:
    numbers = recap(host.play("check", "playbooks/site.yml", "--check", "--diff"))
    return f"{numbers['changed']} tasks would change something"


def site(host: Host) -> str:
    return f"{recap(host.play('site', 'playbooks/site.yml'))['changed']} tasks changed something"


def again(host: Host) -> str:
    text = host.play("again", "playbooks/site.yml")
    if recap(text)["changed"]:
        changed = re.findall(r"TASK \[(.*)\] \*+\nchanged", text)
        raise FailedError("a second run changed: " + "; ".join(changed))
    return "nothing changed"


def certificate(host: Host) -> str:
    served = ssl.get_server_certificate((host.address(), 443)).strip()
    if served not in host.run("cat /etc/labserver/tls/server/cert.pem"):
        raise FailedError("port 443 serves another certificate than /etc/labserver/tls/server/cert.pem")
    return "port 443 serves the certificate of the lab's own authority"


def spawn(host: Host) -> str:
    spent = []
    for name in OWN:
        client = host.client(name)
        client.start((client.images() or [None])[0])  # type: ignore[list-item]
        spent.append(f"{name} {client.wait_ready(WAIT_SECONDS):.1f} s")
        said = client.kernel().run(
            "from pathlib import Path; Path('kept.txt').write_text('kept'); import os; print(os.getuid())"
        )
        uid = host.run(f"id -u jupyter-{name}")
        if said.strip() != uid:
            raise FailedError(f"the kernel of {name} runs as {said.strip()}, the account is {uid}")
    return "login, server and a cell: " + ", ".join(spent)


def limits(host: Host) -> str:
    """By the kernel's files alone."""
    process = host.run("docker inspect --format '{{.State.Pid}}' jupyter-bob")
    # Lines such as "0::/labnotebooks.slice/docker-1.scope" (v2) and "4:memory:/docker/1" (v1).
    lines = host.run(f"cat /proc/{process}/cgroup").splitlines()
    groups = {controllers: path for _number, controllers, path in (line.split(":", 2) for line in lines)}
    version = host.run("test -e /sys/fs/cgroup/cgroup.controllers && echo v2 || echo v1")
    if version == "v2":
        folder = f"/sys/fs/cgroup{groups['']}"
        memory = host.run(f"cat {folder}/memory.max")
        more = host.run(f"cd {folder} && grep . memory.swap.max pids.max cpu.max | tr '\\n' ' '")
    else:
        memory = host.run(f"cat /sys/fs/cgroup/memory{groups['memory']}/memory.limit_in_bytes")
        more = "pids.max:" + host.run(f"cat /sys/fs/cgroup/pids{groups['pids']}/pids.max")
    if int(memory) != MEMORY_OF_BOB:
        raise FailedError(f"bob's limit is {memory} bytes, not {MEMORY_OF_BOB}")
    return f"cgroup {version}: memory {memory} bytes, {more}"


def isolation(host: Host) -> str:
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    other = host.run(f"docker inspect --format '{form}' jupyter-alice")
    code = (
        "import socket\n"
        "try:\n"
        f"    socket.create_connection(('{other}', 8888), 5); print('open')\n"
        "except OSError as error:\n"
        "    print('closed', error)\n"
    )
    said = host.client("bob").kernel().run(code)
    if not said.startswith("closed"):
        raise FailedError(f"bob's server reaches alice's at {other}:8888")
    return f"bob's server does not reach alice's ({said.strip()})"


def reboot(host: Host) -> str:
    before = host.run("cat /proc/sys/kernel/random/boot_id") if host.connection == "ssh" else ""
    began = time.monotonic()
    if host.connection == "ssh":
        host.run("systemd-run --on-active=1 systemctl reboot")
        time.sleep(5)

        def booted() -> None:
            if host.run("cat /proc/sys/kernel/random/boot_id", 20) == before:
                raise FailedError("it has not gone down yet")

        wait("ssh", booted)
    else:
        subprocess.run(["docker", "restart", host.target], check=True, capture_output=True)
    wait("the hub", lambda: host.client("alice").get("/hub/home").raise_for_status())
    after = time.monotonic() - began
    for name in OWN:
        client = host.client(name)
        if client.server() is None:
            client.start((client.images() or [None])[0])  # type: ignore[list-item]
        client.wait_ready(WAIT_SECONDS)
        if client.kernel().run("from pathlib import Path; print(Path('kept.txt').read_text())").strip() != "kept":
            raise FailedError(f"the file of {name} is gone")
    return f"the hub answers {after:.0f} s after the order to reboot; servers and files are there"


STEPS: dict[str, tuple[str, t.Callable[[Host], str]]] = {
    "look": ("the host can become a lab server", look),
    "check": ("check mode on the bare host", check),
    "site": ("site.yml", site),
    "again": ("second run", again),
    "certificate": ("certificate", certificate),
    "spawn": ("login and server of two people", spawn),
    "limits": ("limits in the kernel", limits),
    "isolation": ("isolation of people's servers", isolation),
    "reboot": ("reboot", reboot),
    "limits after": ("limits after the reboot", limits),
    "isolation after": ("isolation after the reboot", isolation),
    "again after": ("run after the reboot", again),
}
STOPS_ALL = ("look", "site")


def prepare(host: Host) -> None:
    """Write the inventory: that of the demo, with this machine in it."""
    shutil.rmtree(host.folder, ignore_errors=True)
    inventory = host.folder / "inventory"
    shutil.copytree(ROOT / "inventory/demo/group_vars", inventory / "group_vars")
    main = inventory / "group_vars/all/main.yml"
    people = yaml.safe_load(main.read_text())
    people["certificates_list"][0]["names"] = [host.name, "localhost"]
    main.write_text(yaml.safe_dump(people))
    user, _at, _machine = host.target.rpartition("@")
    variables = {"ansible_connection": host.connection}
    if host.connection != "ssh":
        variables["ansible_host"] = host.target
    else:
        variables |= {"ansible_user": user} if user else {}
        variables |= {"ansible_ssh_common_args": shlex.join(host.ssh_options())} if host.ssh_config else {}
    (inventory / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {host.name: variables}}}))


def report(host: Host) -> str:
    """Return the report in Markdown."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    lines = [
        f"# {host.name}, {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
        "",
        f"Collection at {commit.stdout.strip() or 'unknown'}, connection {host.connection}. Logs: {host.folder}",
        "",
        "| step | result | seconds | |",
        "|---|---|---|---|",
    ]
    for what, verdict, seconds, note in host.notes:
        lines.append(f"| {what} | {verdict} | {seconds:.0f} | {note.replace('|', '/').replace(chr(10), '<br>')} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="tools/try-host.sh", description="Prove the collection on one machine over SSH."
    )
    parser.add_argument("host", help="[USER@]HOST as ssh takes it")
    parser.add_argument("--yes", action="store_true", help="do not ask whether the machine may be changed")
    parser.add_argument("--ask-become-pass", action="store_true", help="ask for the password of sudo")
    parser.add_argument("--ssh-config", type=Path, help="a configuration of ssh other than your own, as for ssh -F")
    parser.add_argument("--connection", default="ssh", help="for tests: community.docker.docker, HOST is a container")
    parser.add_argument("--report", type=Path, help="where to write the report")
    options = parser.parse_args()
    name = options.host.rpartition("@")[2]
    if not options.yes:
        print(f"{name} becomes the lab server of inventory/demo (people alice and bob) and is rebooted.")
        if input(f"Type {name} to go on: ").strip() != name:
            return 2
    password = getpass.getpass("Password of sudo: ") if options.ask_become_pass else ""
    folder = ROOT / ".cache" / "try-host" / name
    config = str(options.ssh_config.resolve()) if options.ssh_config else ""
    host = Host(options.host, options.connection, folder, password, config)
    warnings.filterwarnings("ignore", message="Unverified HTTPS request")  # the step "certificate" looks at it
    prepare(host)
    target = options.report or host.folder / "report.md"
    failed = 0
    for key, (what, step) in STEPS.items():
        print(f"{what} ...", flush=True)
        began = time.monotonic()
        try:
            verdict, note = "ok", step(host)
        except Exception as error:
            verdict, note = "FAILED", str(error) or repr(error)
            if not isinstance(error, FailedError | AssertionError):
                (host.folder / f"{key}.trace").write_text(traceback.format_exc())
            failed += 1
        host.notes.append((what, verdict, time.monotonic() - began, note))
        print(f"  {verdict}: {note}", flush=True)
        target.write_text(report(host))
        if failed and key in STOPS_ALL:
            break
    print(f"{len(host.notes) - failed} of {len(STEPS)} steps are ok; the report is {target}")
    return 1 if failed or len(host.notes) < len(STEPS) else 0


if __name__ == "__main__":
    sys.exit(main())
