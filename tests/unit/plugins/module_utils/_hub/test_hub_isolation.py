# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that keep people's servers apart: in a network namespace of the test's own, with both kinds of iptables."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import isolation, isolation_service, rules
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.isolation import World

DOCUMENT = {
    "version": 1, "subnet": "172.27.240.0/20", "people": "172.27.248.0/21", "hub": "172.27.240.2",
    "proxy": "172.27.240.3", "api_port": 8081, "host_ports": [443, 53, 80],
}  # fmt: skip
WANTED = rules.Desired.of(DOCUMENT)
FRONT = rules.Desired.of({**DOCUMENT, "mark": "0x4c000000/0xff000000", "front": "172.27.240.4"})
MARKED = rules.Desired.of({**DOCUMENT, "mark": "0x4c000000/0xff000000"})


def bridge(folder: Path, value: str = "1\n") -> Path:
    """Return a /proc whose switch is ``value``."""
    switch = folder / isolation.SWITCH
    switch.parent.mkdir(parents=True)
    switch.write_text(value)
    return folder


class Namespace:
    """A network namespace with rules of its own; ``kind`` is the kind of iptables."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.process = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo made; exec sleep 600"],
                                        stdout=subprocess.PIPE)  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"made\n"

    def run(self, command: Sequence[str], stdin: str = "") -> tuple[int, str]:
        name = command[0].replace("iptables", f"iptables-{self.kind}")
        return isolation.run(["nsenter", "--net", "--target", str(self.process.pid), name, *command[1:]], stdin)

    def iptables(self, *words: str) -> str:
        status, said = self.run(["iptables", *words])
        assert status == 0, said
        return said


@pytest.fixture(params=["nft", "legacy"])
def namespace(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    if os.geteuid() != 0 or shutil.which(f"iptables-{request.param}-save") is None or shutil.which("unshare") is None:
        pytest.skip("needs root, unshare and iptables")
    made = Namespace(request.param)
    if made.run(["iptables", "-S"])[0] != 0:
        made.process.kill()
        pytest.skip(f"the kernel has no iptables-{request.param}")
    yield made
    made.process.kill()
    made.process.wait()


def as_docker(namespace: Namespace) -> None:
    """Make the chains that Docker makes, as far as the hub's rules touch them."""
    for words in ("-N DOCKER-USER", "-A DOCKER-USER -j RETURN", "-N DOCKER", "-A FORWARD -j DOCKER-USER",
                  "-A FORWARD -j DOCKER", "-P FORWARD DROP"):  # fmt: skip
        namespace.iptables(*words.split())


@pytest.mark.parametrize("wanted", [WANTED, MARKED, FRONT], ids=["iptables", "for Docker's nftables", "ssh"])
def test_the_kernel_prints_the_rules_as_they_are_wanted(
    namespace: Namespace, tmp_path: Path, wanted: rules.Desired
) -> None:
    world = World(bridge(tmp_path, "0\n"), namespace.run)
    as_docker(namespace)
    first = isolation.converge(world, wanted)
    assert first.isolated, first
    assert first.mended
    assert (tmp_path / isolation.SWITCH).read_text() == "1\n"
    assert isolation.converge(world, wanted) == isolation.Outcome(), "a second look finds nothing"


@pytest.mark.parametrize(
    "harm",
    [
        ["-F"],
        ["-F", "-X"],
        ["-D DOCKER-USER -j LABSERVER-HUB"],
        ["-D FORWARD -j DOCKER-USER"],
        ["-F LABSERVER-HUB"],
        ["-D INPUT -j LABSERVER-HUB-HOST"],
        ["-D LABSERVER-HUB 3"],
        ["-I DOCKER-USER -j ACCEPT"],
        ["-I FORWARD -j ACCEPT"],
        ["-I LABSERVER-HUB-HOST -p tcp --dport 22 -j ACCEPT"],
        ["-F", "-X", "-P FORWARD ACCEPT"],
    ],
)
def test_what_a_flush_took_comes_back(namespace: Namespace, tmp_path: Path, harm: list[str]) -> None:
    world = World(bridge(tmp_path), namespace.run)
    as_docker(namespace)
    isolation.converge(world, WANTED)
    for words in harm:
        namespace.iptables(*words.split())
    outcome = isolation.converge(world, WANTED)
    assert outcome.isolated
    assert outcome.mended
    saved = rules.parse(namespace.run(["iptables-save", "-t", "filter"])[1])["filter"]
    assert saved["FORWARD"][0] == "-j DOCKER-USER"
    assert saved["DOCKER-USER"][0] == "-j LABSERVER-HUB"
    assert saved["INPUT"] == ["-j LABSERVER-HUB-HOST"]
    assert tuple(saved["LABSERVER-HUB"]) == rules.chains(WANTED)["filter"]["LABSERVER-HUB"]


def test_rules_of_others_stay(namespace: Namespace, tmp_path: Path) -> None:
    world = World(bridge(tmp_path), namespace.run)
    as_docker(namespace)
    namespace.iptables("-A", "INPUT", "-p", "tcp", "--dport", "22", "-j", "ACCEPT")
    namespace.iptables("-I", "DOCKER-USER", "-s", "192.0.2.0/24", "-j", "DROP")
    before = namespace.iptables("-S")
    isolation.converge(world, MARKED)
    assert isolation.withdraw(world) == ""
    assert namespace.iptables("-S") == before, "and without the hub all is as it was"
    assert "LABSERVER" not in namespace.run(["iptables-save"])[1]


def test_what_people_reach() -> None:
    """Read as the kernel reads: the first rule that fits decides."""
    filter_table = rules.chains(WANTED)["filter"]
    forward, host = filter_table[rules.FORWARD], filter_table[rules.HOST]
    assert forward.index("-s 172.27.248.0/21 -d 172.27.240.2/32 -p tcp -m tcp --dport 8081 -j ACCEPT") < forward.index(
        "-s 172.27.248.0/21 -d 172.27.240.0/20 -j DROP"
    )
    assert "-s 172.27.248.0/21 -d 169.254.0.0/16 -j DROP" in forward
    assert host[-1] == "-s 172.27.240.0/20 -j DROP"
    assert [rule for rule in host if "--dport" in rule] == [
        "-s 172.27.240.0/20 -p udp -m udp --dport 53 -j RETURN",
        "-s 172.27.240.0/20 -p tcp -m tcp --dport 53 -j RETURN",
        "-s 172.27.240.0/20 -p tcp -m tcp --dport 80 -j RETURN",
        "-s 172.27.240.0/20 -p tcp -m tcp --dport 443 -j RETURN",
    ]


def test_the_ssh_front_reaches_the_hub_and_containers_for_files_alone() -> None:
    filter_table = rules.chains(FRONT)["filter"]
    forward = [rule for rule in filter_table[rules.FORWARD] if "-s 172.27.240.4/32" in rule]
    assert forward == [
        "-s 172.27.240.4/32 -d 172.27.240.2/32 -p tcp -m tcp --dport 8081 -j ACCEPT",
        "-s 172.27.240.4/32 -d 172.27.248.0/21 -p tcp -m tcp --dport 2222 -j ACCEPT",
        "-s 172.27.240.4/32 -j DROP",
    ]
    host = filter_table[rules.HOST]
    assert host.index("-s 172.27.240.4/32 -j DROP") < min(host.index(rule) for rule in host if "--dport" in rule)
    assert not any("172.27.240.4" in rule for rule in rules.chains(WANTED)["filter"][rules.FORWARD])


def answering(table: dict[str, tuple[int, str]]) -> isolation.Runner:
    def run(command: Sequence[str], stdin: str) -> tuple[int, str]:
        return table.get(command[0], (0, ""))

    return run


def test_each_reason_is_said_in_words(tmp_path: Path) -> None:
    assert "br_netfilter is missing" in isolation.converge(World(tmp_path / "bare", answering({})), WANTED).reason
    world = World(bridge(tmp_path / "a"), answering({"iptables-save": (1, "\x1b[2Jno permission\n")}))
    assert isolation.converge(world, WANTED).reason == "iptables-save failed: no permission"
    world = World(bridge(tmp_path / "b"), answering({"iptables-restore": (2, "Can't initialize")}))
    reason = isolation.converge(world, WANTED).reason
    assert "the chain LABSERVER-HUB is empty or missing" in reason
    assert "iptables-restore failed: Can't initialize" in reason
    world = World(bridge(tmp_path / "c"), answering({}))
    assert "does not lead to" in isolation.converge(world, WANTED).reason, "a restore that changes nothing is noticed"
    with pytest.raises(ValueError, match="cannot be used"):
        isolation.desired(tmp_path / "none")


def test_who_asks_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    config = tmp_path / "network.json"
    config.write_text(json.dumps(DOCUMENT))
    broken = World(bridge(tmp_path / "proc"), answering({"iptables-save": (1, "no")}))
    service = isolation_service.Service(broken, config, said.append)
    listener = isolation_service.listen(tmp_path / "locks" / "a.sock")
    assert oct((tmp_path / "locks").stat().st_mode & 0o777) == "0o700"
    server = threading.Thread(target=service.serve, args=(listener, iter([False, False, False, True]).__next__))
    server.start()
    answers = []
    for _time in range(2):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(10)
            client.connect(str(tmp_path / "locks" / "a.sock"))
            answers.append(json.loads(client.makefile().read()))
    server.join(10)
    assert answers == [{"version": 1, "isolated": False, "reason": "iptables-save failed: no"}] * 2
    assert said == ["people's servers are not kept apart: iptables-save failed: no"], "once, not at every look"
