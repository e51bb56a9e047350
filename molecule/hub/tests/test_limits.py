# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits as the kernel keeps them: of one server, of all together, and graphics cards that two people never share."""

from __future__ import annotations

import json
import typing as t

import pytest
from conftest import NOTEBOOK

MIB = 1 << 20
REGISTRY = "127.0.0.1:5000"
MEMORY = ("memory.limit_in_bytes", "memory.max")
SWAP = ("memory.memsw.limit_in_bytes", "memory.swap.max")
# What a kernel runs: a child that wants memory, and how it ended.
BOMB = (
    "import subprocess, sys\n"
    "code = 'x = bytearray({size}); print(len(x))'\n"
    "print(subprocess.run([sys.executable, '-c', code], capture_output=True).returncode)"
)
# What a kernel sees of the folders for temporary files: their size, and how a program there ended.
TEMPORARY = (
    "import os, pathlib, subprocess\n"
    "for folder in ('/tmp', '/var/tmp'):\n"
    "    room = os.statvfs(folder)\n"
    "    program = pathlib.Path(folder, 'program')\n"
    "    program.write_text('#!/bin/sh\\nexit 0\\n')\n"
    "    program.chmod(0o700)\n"
    "    print(room.f_blocks * room.f_frsize, subprocess.run([program]).returncode)"
)


def inspect(lab: t.Any, name: str) -> dict[str, t.Any]:
    found: dict[str, t.Any] = json.loads(lab.sh(f"docker inspect {name}"))[0]
    return found


def group(lab: t.Any, container: str, controller: str) -> str:
    """Return the folder of a container's control group, as the kernel knows it."""
    pid = inspect(lab, container)["State"]["Pid"]
    for line in lab.sh(f"cat /proc/{pid}/cgroup").splitlines():
        _number, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return f"/sys/fs/cgroup/{controller}{path}"
        if controllers == "":
            unified = f"/sys/fs/cgroup{path}"
    return unified


def value(lab: t.Any, folder: str, *names: str) -> str:
    """Return the content of the first of these files that is there, an empty string without any."""
    return str(lab.sh("; ".join(f"cat {folder}/{name} 2>/dev/null" for name in names) + "; true")).strip()


@pytest.fixture(scope="module")
def modest(lab: t.Any) -> str:
    """Return the name of an image that says it needs little."""
    lab.sh(f"docker login -u pusher --password-stdin {REGISTRY} < /etc/labserver/registry/secrets/pusher 2>/dev/null")
    labels = f"LABEL org.labserver.memory_bytes={320 * MIB} org.labserver.pids=150"
    lab.sh("mkdir -p /tmp/modest")
    lab.write("/tmp/modest/Dockerfile", f"FROM {REGISTRY}/{NOTEBOOK}\n{labels}\n")
    lab.sh(f"DOCKER_BUILDKIT=0 docker build -q -t {REGISTRY}/modest:1 /tmp/modest 2>/dev/null")
    lab.sh(f"docker push -q {REGISTRY}/modest:1")

    def ready() -> bool:
        images = json.loads(lab.sh("cat /var/lib/labserver/catalogue/images.json"))["images"]
        return any((one["repository"], one["state"]) == ("modest", "ready") for one in images)

    lab.until("it is offered", ready, 90)
    return "modest:1"


def test_the_least_of_person_and_image_is_what_the_kernel_keeps(lab: t.Any, modest: str) -> None:
    bob = lab.without_server("bob")
    # What the accounts role has merged for bob: half a core, 400 MiB, fewer processes than the image may have.
    lab.edit_roster(
        lambda roster: roster["users"]["bob"].update(limits={"cpu": 0.5, "memory_bytes": 400 * MIB, "pids": 120})
    )
    try:
        bob.start(modest)
        bob.wait_ready()
        host = inspect(lab, "jupyter-bob")["HostConfig"]
        assert (host["Memory"], host["MemorySwap"]) == (320 * MIB, 320 * MIB), "the image asks for less than bob may"
        assert (host["CpuQuota"], host["CpuPeriod"], host["PidsLimit"]) == (50_000, 100_000, 120)
        memory, cpu = group(lab, "jupyter-bob", "memory"), group(lab, "jupyter-bob", "cpu")
        assert value(lab, memory, *MEMORY) == str(320 * MIB)
        # v1 counts memory and swap together, v2 swap alone; the first is missing where the kernel does not count swap.
        assert value(lab, memory, *SWAP) in (str(320 * MIB), "0", "")
        assert value(lab, cpu, "cpu.cfs_quota_us", "cpu.max") in ("50000", "50000 100000")
        kernel = bob.kernel()
        assert kernel.run(BOMB.format(size=600 * MIB)).strip() == "-9", "the child is killed"
        code = (
            "import threading, time\n"
            "event, started = threading.Event(), 0\n"
            "try:\n"
            "    for started in range(400):\n"
            "        threading.Thread(target=event.wait).start()\n"
            "except RuntimeError:\n"
            "    pass\n"
            "event.set()\n"
            "print(started)"
        )
        assert 30 < int(kernel.run(code)) < 120
        assert kernel.run("print('still there')").strip() == "still there"
        assert kernel.run(TEMPORARY).split() == [str(160 * MIB), "0"] * 2, "half of the memory, and programs run there"
    finally:
        lab.edit_roster(lambda roster: roster["users"]["bob"].update(limits={}))
        bob.stop()
    bob.start(modest)
    bob.wait_ready()
    host = inspect(lab, "jupyter-bob")["HostConfig"]
    assert (host["CpuQuota"], host["PidsLimit"]) == (100_000, 150), (
        "without limits of his own the hub's and the image's"
    )
    assert "LM_LICENSE_FILE=27000@licences.lab.test" in inspect(lab, "jupyter-bob")["Config"]["Env"], "hub_environment"
    bob.stop()


def test_all_notebooks_together_leave_a_reserve(lab: t.Any) -> None:
    alice, bob = lab.person("alice"), lab.person("bob")
    for person in (alice, bob):
        person.start(NOTEBOOK)
        person.wait_ready()
    own = {name: group(lab, name, "memory") for name in ("jupyter-alice", "jupyter-bob", "labserver-hub")}
    parent = own["jupyter-alice"].rsplit("/", 1)[0]
    assert parent.rsplit("/", 1)[1].removesuffix(".slice") == "labnotebooks"
    assert own["jupyter-bob"].rsplit("/", 1)[0] == parent
    assert not own["labserver-hub"].startswith(parent), "the hub has its own"
    total = int(lab.sh("grep MemTotal /proc/meminfo").split()[1]) * 1024
    page = 4096
    assert abs(int(value(lab, parent, *MEMORY)) - max(total - 2048 * MIB, total // 2)) <= page
    cpu = group(lab, "jupyter-alice", "cpu").rsplit("/", 1)[0]
    assert value(lab, cpu, "cpu.shares", "cpu.weight") in ("512", "50"), "half the weight of the rest of the host"
    pids = group(lab, "jupyter-alice", "pids").rsplit("/", 1)[0]
    assert 1024 <= int(value(lab, pids, "pids.max")) < int(lab.sh("cat /proc/sys/kernel/pid_max"))
    # A host on which little is left for the notebooks: alice may have 512 MiB, but there are not so many for all. The
    # child becomes larger than the server before that, so it is what the kernel ends.
    kernel = alice.kernel()
    statistics = dict(line.split() for line in value(lab, parent, "memory.stat").splitlines())
    used = int(statistics.get("total_rss") or statistics["anon"])
    limit = next(name for name in MEMORY if lab.sh(f"ls {parent}/{name} 2>/dev/null; true"))
    try:
        lab.sh(f"echo {used + 180 * MIB} > {parent}/{limit}")
        assert kernel.run(BOMB.format(size=230 * MIB)).strip() == "-9"
        assert alice.get("/hub/health").status_code == 200
        assert lab.running("bob")
    finally:
        said = lab.sh("labserver notebooks-limits")
    assert f"{max(total - 2048 * MIB, total // 2) >> 20} MiB of memory, all cores" in said
    assert kernel.run(BOMB.format(size=230 * MIB)).strip() == "0", "the limit is back"
    for person in (alice, bob):
        person.stop()


def test_two_servers_of_one_person_share_the_limits_of_one(lab: t.Any) -> None:
    bob = lab.without_server("bob")
    place, further = "/hub/api/users/bob/servers/sim", "server-sim.jupyter-bob"
    lab.edit_roster(lambda roster: roster["users"]["bob"].update(limits={"memory_bytes": 1024 * MIB, "servers": 2}))
    try:
        bob.start(NOTEBOOK)
        bob.wait_ready()
        assert bob.api("POST", place, json={"image": NOTEBOOK, "memory": "512"}).status_code in (201, 202)
        lab.until("the further server runs", lambda: further in lab.sh("docker ps --format '{{.Names}}'").split(), 90)
        for name in ("jupyter-bob", further):
            assert value(lab, group(lab, name, "memory"), *MEMORY) == str(512 * MIB), "half of what bob may use"
        cpu = [inspect(lab, name)["HostConfig"]["CpuQuota"] for name in ("jupyter-bob", further)]
        assert cpu == [50_000, 50_000], "of the one core that the hub grants"
        refused = bob.api("POST", "/hub/api/users/bob/servers/two", json={})
        assert (refused.status_code, "You may have 2 servers" in refused.text) == (400, True)
    finally:
        bob.api("DELETE", place, json={"remove": True})
        lab.edit_roster(lambda roster: roster["users"]["bob"].update(limits={}))
        bob.stop()
    lab.until("it is gone", lambda: lab.sh(f"docker ps -aq --filter name={further}").strip() == "", 60)


def test_a_slice_of_systemd_takes_the_same_limits(lab: t.Any) -> None:
    """This host's engine has the driver cgroupfs; with the driver systemd the group is a slice."""
    code = (
        "import sys; sys.path.insert(0, '/usr/local/sbin/labserver'); from labserver_core._hub import reserve as r;"
        "r.apply(r.SLICE, r.Limits(3 << 30, 1.5, 2048)); r.apply(r.SLICE, r.Limits({}, {}, 4096))"
    )
    show = "systemctl show -p MemoryMax,CPUWeight,CPUQuotaPerSecUSec,TasksMax labnotebooks.slice"
    try:
        for cores, quota in (("2.5", "2.500000s"), ("None", "infinity")):
            lab.sh(f'python3 -c "{code.format(2 << 30, cores)}"')
            shown = dict(line.split("=") for line in lab.sh(show).split())
            wanted = {"MemoryMax": str(2 << 30), "CPUWeight": "50", "TasksMax": "4096"}
            assert shown | wanted == shown
            assert shown["CPUQuotaPerSecUSec"] in (quota, quota.replace("00000", ""))
    finally:
        lab.sh("systemctl revert labnotebooks.slice; rm -rf /run/systemd/system.control/labnotebooks.slice.d")


def start_with_gpus(person: t.Any, count: int) -> None:
    person.get("/hub/spawn", allow_redirects=False)
    person.post("/hub/spawn", {"image": NOTEBOOK, "gpus": str(count)}, allow_redirects=False)


def cards(lab: t.Any, name: str) -> list[str]:
    requests = inspect(lab, f"jupyter-{name}")["HostConfig"]["DeviceRequests"] or []
    return [card for request in requests for card in request["DeviceIDs"]]


def test_each_graphics_card_has_one_holder_whom_the_page_names(lab: t.Any) -> None:
    people = {name: lab.without_server(name) for name in ("alice", "bob", "mary-ann")}

    def grant(count: int) -> t.Callable[[dict[str, t.Any]], None]:
        return lambda roster: [roster["users"][name]["limits"].update(gpus=count) for name in people] and None

    assert "Graphics cards" not in people["bob"].get("/hub/spawn").text, "nothing for people without a grant"
    lab.edit_roster(grant(1))
    try:
        assert "GPU 0: free, GPU 1: free" in people["alice"].get("/hub/spawn").text
        for name, card in (("alice", "GPU-0a"), ("bob", "GPU-1b")):
            start_with_gpus(people[name], 1)
            people[name].wait_ready()
            assert cards(lab, name) == [card]
            seen = people[name].kernel().run("import os; print(os.environ['NVIDIA_VISIBLE_DEVICES'])")
            assert seen.strip() == card, "the runtime was told of this card and of no other"
        mary = people["mary-ann"]
        assert "GPU 0: alice, GPU 1: bob" in mary.get("/hub/spawn").text
        start_with_gpus(mary, 1)
        lab.until("it is refused", lambda: mary.server() is None, 60)
        assert "are all in use: GPU 0: alice, GPU 1: bob." in mary.failure()
        people["alice"].stop()
        start_with_gpus(mary, 1)
        mary.wait_ready()
        assert cards(lab, "mary-ann") == ["GPU-0a"], "what became free"
        start_with_gpus(people["alice"], 0)
        people["alice"].wait_ready()
        assert cards(lab, "alice") == [], "without a card there is always room"
    finally:
        lab.edit_roster(grant(0))
        for person in people.values():
            if person.server() is not None:
                person.stop()
