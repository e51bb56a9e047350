# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry among the servers of a lab: images that another host uses, a reboot, another address, new passwords."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
import typing as t
from pathlib import Path

import pytest
import testinfra
from conftest import REGISTRY, SECOND
from paths import ROOT
from role_run import run_ansible
from test_registry import READ, ask, login, push, tags

REPORT = f"/etc/labserver/registry/in-use.d/{SECOND}.json"
USERS = ("pusher", "puller")
UP = ("running", "degraded")  # what systemd says of a host that has booted


def ansible(*arguments: str, good: bool = True) -> str:
    """Run a playbook or a module on the hosts of this scenario."""
    status, text = run_ansible(arguments[0], arguments[1:])
    assert (status == 0) is good, text[-7000:]
    return text


def weekly_job(host: t.Any) -> tuple[str, str]:
    """Run the job as cron does; its level and its log."""
    host.run("labserver run registry-maintenance")
    status = json.loads(host.file("/var/lib/labserver/jobs/registry-maintenance.json").content_string)
    return status["level"], host.check_output("tail -n 20 /var/log/labserver/registry-maintenance.log")


def used_bytes(host: t.Any) -> int:
    blobs = "/srv/labserver/registry/docker/registry/v2/blobs"
    return int(
        host.check_output(f"find {blobs} -name data -printf '%s\\n' | awk '{{ s += $1 }} END {{ print s + 0 }}'")
    )


@pytest.fixture
def shared(host: t.Any) -> t.Iterator[str]:
    """A repository of three images; on the second of them another server of the lab has a stopped container."""
    name = f"shared/{secrets.token_hex(4)}"
    image = f"127.0.0.1:5000/{name}:2"
    login(host, "pusher")
    for number in (1, 2, 4):
        push(host, f"{name}:{number}", f"shared {number}")
    save = f"docker exec {REGISTRY} docker save {image} | docker exec -i {SECOND} docker load"
    subprocess.run(["bash", "-o", "pipefail", "-c", save], check=True, capture_output=True)
    other = testinfra.get_host(f"docker://{SECOND}")
    other.check_output(f"docker create --name elsewhere {image} /nothing")
    yield name
    host.check_output("docker logout 127.0.0.1:5000")
    other.check_output("docker rm elsewhere")


def test_images_that_another_host_uses_stay(host: t.Any, shared: str) -> None:
    """The weekly job waits for that host's word; the playbook asks it, and the job knows it from then on."""
    host.check_output(f"rm -f {REPORT}")
    level, log = weekly_job(host)
    assert level == "critical" and f"{SECOND} has never told which images it uses" in log
    assert tags(host, shared) == ["1", "2", "4"]

    # Young blobs are left alone, since the push that they belong to may not be over.
    host.check_output("find /srv/labserver/registry/docker -name data -exec touch -d '2 hours ago' {} +")
    promised = ansible("ansible-playbook", "playbooks/prune.yml", "--check", "--diff")
    assert tags(host, shared) == ["1", "2", "4"] and not host.file(REPORT).exists
    table = promised.partition(f"{shared}\n")[2]
    row = {line.split()[0]: line for line in reversed(table.splitlines()) if line.startswith("  ")}
    assert f"kept     in use on {SECOND} by elsewhere" in row["2"], promised
    assert "REMOVED  not kept by keep_last=1" in row["1"] and "kept     keep_last=1" in row["4"], promised
    free = int(promised.partition(" bytes) come free")[0].rpartition("(")[2])

    before = used_bytes(host)
    ansible("ansible-playbook", "playbooks/prune.yml")
    assert tags(host, shared) == ["2", "4"]
    assert before - used_bytes(host) == free > 0

    push(host, f"{shared}:5", "shared 5")
    assert weekly_job(host)[0] == "ok"
    assert tags(host, shared) == ["2", "5"], "by the report, with nobody asked"

    host.check_output(f"touch -d '60 days ago' {REPORT}")
    level, log = weekly_job(host)
    assert level == "critical" and f"{SECOND} told 60 days ago which images it uses, more than 45" in log
    ansible("ansible-playbook", "playbooks/prune.yml")
    assert weekly_job(host)[0] == "ok"


def test_reboot_in_the_middle_of_a_collection(host: t.Any) -> None:
    """The whole host restarts while the registry rests: it runs again, and takes pushes."""
    arguments = {
        "store": "/srv/labserver/registry",
        "username": "pusher",
        "password_file": "/etc/labserver/registry/secrets/pusher",
        "collect_command": ["sh", "-c", "touch /srv/labserver/registry/resting; sleep 600"],
    }
    host.check_output("rm -f /srv/labserver/registry/resting")
    inventory = str(Path(os.environ["MOLECULE_INVENTORY_FILE"]).parent)
    command = ["ansible", "registries", "-i", inventory, "-m", "labserver.jupyter.registry_gc"]
    job = subprocess.Popen([*command, "-a", json.dumps(arguments)], stdout=subprocess.DEVNULL, cwd=ROOT)
    try:
        resting = "for i in $(seq 600); do [ -e /srv/labserver/registry/resting ] && exit 0; sleep 0.1; done; exit 1"
        host.check_output(resting)
        assert ask(host, "GET", READ, "puller") == 503
        subprocess.run(["docker", "restart", "--time", "5", REGISTRY], check=True, capture_output=True)
    finally:
        job.kill()
        job.wait()
    booted = f"docker exec {REGISTRY} systemctl is-system-running --wait"
    end = time.monotonic() + 120
    while subprocess.run(booted.split(), capture_output=True, text=True, check=False).stdout.strip() not in UP:
        assert time.monotonic() < end, "the host did not boot"
        time.sleep(0.5)
    host.check_output("rm /srv/labserver/registry/resting")
    up = "for i in $(seq 600); do docker exec labserver-registry health && exit 0; sleep 0.1; done; exit 1"
    host.check_output(up)
    login(host, "pusher")
    push(host, "lab/after:1", "after the reboot")
    host.check_output("docker rmi 127.0.0.1:5000/lab/after:1 && docker pull 127.0.0.1:5000/lab/after:1")
    host.check_output("docker logout 127.0.0.1:5000")


def test_another_address_and_a_new_password(host: t.Any) -> None:
    """An IPv6 address, and back; on the way the puller gets a new password, and the pusher keeps his."""
    # The engine gives its containers no IPv6, and such a container is this host.
    lo = "/proc/sys/net/ipv6/conf/lo/disable_ipv6"
    host.check_output(f"mount -o remount,rw,bind /proc/sys && echo 0 > {lo}")
    role = ("registries", "-m", "ansible.builtin.include_role", "-a", "name=labserver.jupyter.registry")
    ansible("ansible", *role, "-e", "registry_bind_address=::1")
    assert ask(host, "GET", "http://[::1]:5000/v2/", "puller") == 200
    assert ask(host, "GET", "http://[::1]:5001/v2/") == 200
    assert host.run("timeout 5 bash -c ': < /dev/tcp/127.0.0.1/5000'").rc != 0
    assert weekly_job(host)[0] == "ok", "the job uses the address too"

    old = {user: host.file(f"/etc/labserver/registry/secrets/{user}").content_string.strip() for user in USERS}
    ansible("ansible", *role, "-e", '{"registry_rotate_users": ["puller"]}')
    new = {user: host.file(f"/etc/labserver/registry/secrets/{user}").content_string.strip() for user in USERS}
    assert new["pusher"] == old["pusher"] and new["puller"] != old["puller"]
    assert ask(host, "GET", READ, "puller", old["puller"]) == 401
    assert [ask(host, "GET", READ, user) for user in USERS] == [200, 200]
