# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people and a hub that was taken over cannot reach."""

from __future__ import annotations

import json
import typing as t

import pytest
import websocket
from conftest import NOTEBOOK
from hub_client import HubClient


def test_the_guard_stops_a_hub_that_was_taken_over(lab: t.Any, alice: HubClient) -> None:
    """Asks as the hub's user, over the only socket that the hub has."""
    code = (
        "import docker, json, sys\n"
        "client = docker.APIClient('unix:///var/lib/labserver/hub-guard/docker.sock', version='1.41')\n"
        "out = []\n"
        "def attempt(call):\n"
        "    try:\n"
        "        call(); out.append('done')\n"
        "    except docker.errors.APIError as error:\n"
        "        out.append(error.response.status_code)\n"
        "inspected = client.inspect_container('jupyter-alice')\n"
        "config = dict(inspected['Config'], HostConfig={'Privileged': True, 'Binds': ['/:/host']})\n"
        "attempt(lambda: client.create_container_from_config(config, 'jupyter-bob'))\n"
        "attempt(lambda: client.create_container_from_config({'Image': inspected['Config']['Image']}, 'evil'))\n"
        "attempt(lambda: client.stop('labserver-registry'))\n"
        "attempt(lambda: client.remove_container('labserver-hub', force=True))\n"
        "attempt(lambda: client.containers())\n"
        "attempt(lambda: client.exec_create('jupyter-alice', 'id'))\n"
        "attempt(lambda: client.put_archive('jupyter-alice', '/', b''))\n"
        "print(json.dumps(out))\n"
    )
    lab.write("/tmp/attack.py", code)
    image = lab.sh("docker inspect --format '{{.Config.Image}}' labserver-hub").strip()
    folder = "/var/lib/labserver/hub-guard"
    run = f"docker run --rm --network none -v {folder}:{folder} -v /tmp/attack.py:/attack.py:ro {image}"
    assert json.loads(lab.sh(f"{run} python /attack.py")) == [403] * 7
    assert "labserver-registry" in lab.sh("docker ps")


METADATA = """
ip netns add metadata
ip link add to-metadata type veth peer name metadata netns metadata
ip addr add 169.254.1.1/16 dev to-metadata
ip link set to-metadata up
ip -n metadata addr add 169.254.169.254/16 dev metadata
ip -n metadata link set metadata up
ip -n metadata route add default via 169.254.1.1
ip netns exec metadata python3 -m http.server 80 >/dev/null 2>&1 & echo $! >/run/metadata.pid
"""


@pytest.fixture
def metadata(lab: t.Any) -> t.Iterator[None]:
    """A cloud's metadata service as a host sees it."""
    lab.sh("command -v ip >/dev/null && mkdir -p /run/netns")
    lab.sh(METADATA)
    look = "curl -sf -m 2 http://169.254.169.254/ || python3 -c 'import urllib.request as u;"
    lab.until("the host sees it", lambda: "ok" in lab.sh(f"{look} u.urlopen(\"http://169.254.169.254/\", timeout=2)'"
                                                         " >/dev/null 2>&1 && echo ok || true"), 20)  # fmt: skip
    yield
    lab.sh("kill $(cat /run/metadata.pid); ip link del to-metadata; ip netns del metadata")


LISTEN = (
    "python3 -m http.server {port} --bind 0.0.0.0 --directory /run >/dev/null 2>&1 & echo $! >/run/listen-{port}.pid"
)
REACH = """
import json, socket
def reach(target):
    try:
        socket.create_connection(tuple(target), 2).close()
        return True
    except OSError:
        return False
print(json.dumps([reach(target) for target in TARGETS]))
"""
ADDRESS = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"


@pytest.fixture
def listening(lab: t.Any) -> t.Iterator[tuple[int, int]]:
    """Two ports on all addresses of the host: one that people may reach, and one as if it were its SSH."""
    ports = (443, 2222)
    for port in ports:
        lab.sh(LISTEN.format(port=port))
    yield ports
    for port in ports:
        lab.sh(f"kill $(cat /run/listen-{port}.pid)")


def computed(person: HubClient, code: str) -> str:
    """Run code in a kernel of its own, and end that: many of them would fill the memory of the person's server."""
    kernel = person.kernel()
    try:
        return str(kernel.run(code))
    finally:
        kernel.end()


def reached(person: HubClient, targets: list[tuple[str, int]]) -> list[bool]:
    found: list[bool] = json.loads(computed(person, REACH.replace("TARGETS", repr(targets))))
    return found


def test_people_are_kept_apart(lab: t.Any, metadata: None, listening: tuple[int, int]) -> None:
    alice, bob = lab.person("alice"), lab.person("bob")
    for person in (alice, bob):
        person.start(NOTEBOOK)
        person.wait_ready()
    address = {
        name: lab.sh(f"docker inspect --format '{ADDRESS}' {name}").strip()
        for name in ("jupyter-bob", "labserver-hub", "labserver-hub-proxy", "labserver-registry")
    }
    # Both ways to the host itself: its address in the hub's network, and that in the network of the lab.
    bridge = lab.sh("ip -4 -o addr show to 172.27.240.0/20 | awk '{print $4}' | cut -d/ -f1").strip()
    outside = lab.sh("hostname -I").split()[0]
    allowed, closed = listening
    targets = [
        (address["labserver-hub"], 8081),
        (bridge, allowed),
        (outside, allowed),
        (address["jupyter-bob"], 8888),
        (address["labserver-hub"], 8000),
        (address["labserver-hub-proxy"], 8001),
        (address["labserver-hub-proxy"], 8000),
        (address["labserver-registry"], 5000),
        (bridge, closed),
        (outside, closed),
        (bridge, 5000),
        ("169.254.169.254", 80),
    ]
    assert reached(alice, targets) == [True] * 3 + [False] * 9
    bob.stop()


def answers(person: HubClient) -> bool:
    """Tell whether a kernel of a person's server computes."""
    try:
        return computed(person, "print(6 * 7)").strip() == "42"
    except (OSError, websocket.WebSocketException):
        return False


def test_a_firewall_that_was_flushed_does_not_stay_open(lab: t.Any) -> None:
    alice, bob = lab.person("alice"), lab.person("bob")
    bob.start(NOTEBOOK)
    bob.wait_ready()
    alice.start(NOTEBOOK)
    alice.wait_ready()
    targets = [(lab.sh(f"docker inspect --format '{ADDRESS}' jupyter-bob").strip(), 8888)]
    lab.sh("iptables -F && iptables -X && iptables -P FORWARD ACCEPT")
    lab.until("it is closed again", lambda: reached(alice, targets) == [False], 45)
    assert "-j LABSERVER-HUB" in lab.sh("iptables -S DOCKER-USER")
    assert "rules of the network restored" in lab.sh("journalctl -u labserver-hub-network.service -n 5 -o cat")
    # Docker's own rules went too; with live-restore it makes them anew and leaves people's servers alone.
    lab.sh("systemctl restart docker")
    lab.hub_answers()
    # While Docker writes its rules, a connection may be refused.
    lab.until("alice goes on", lambda: answers(alice), 30)
    assert reached(alice, targets) == [False]
    assert lab.sh("systemctl is-active labserver-hub-network.service").strip() == "active"
    bob.stop()


def test_without_isolation_no_server_starts(lab: t.Any) -> None:
    lab.sh("systemctl stop labserver-hub-network.service")
    try:
        bob = lab.without_server("bob")
        bob.start(NOTEBOOK)
        lab.until("it failed", lambda: bob.server() is None, 60)
        assert "cannot be kept apart on this host now" in bob.failure()
    finally:
        lab.sh("systemctl start labserver-hub-network.service")
    bob.start(NOTEBOOK)
    bob.wait_ready()
    bob.stop()


def test_a_host_that_cannot_keep_people_apart_says_so(lab: t.Any) -> None:
    """As on a kernel without the module br_netfilter: its switch is not there."""
    lab.sh("mount -t tmpfs -o ro none /proc/sys/net/bridge")
    try:
        assert lab.host.run("systemctl restart labserver-hub-network.service").rc != 0
        said = lab.sh("journalctl -u labserver-hub-network.service -n 8 -o cat --no-pager")
        assert "the kernel module br_netfilter is missing" in said
    finally:
        lab.sh("umount /proc/sys/net/bridge && systemctl restart labserver-hub-network.service")
    inside = (
        "docker network inspect --format '{{index .Options \"com.docker.network.bridge.enable_icc\"}}' labserver-hub"
    )
    assert lab.sh(inside).strip() == "false", "and without the rules there is no way"
