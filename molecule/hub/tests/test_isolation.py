# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people and a hub that was taken over cannot reach."""

from __future__ import annotations

import json
import typing as t

import pytest
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


def test_people_are_kept_apart(lab: t.Any, metadata: None) -> None:
    alice, bob = lab.person("alice"), lab.person("bob")
    for person in (alice, bob):
        person.start(NOTEBOOK)
        person.wait_ready()
    format_ = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    address = {
        name: lab.sh(f"docker inspect --format '{format_}' {name}").strip()
        for name in ("jupyter-bob", "labserver-hub", "labserver-hub-proxy", "labserver-registry")
    }
    targets = [
        (address["labserver-hub"], 8081),
        (address["jupyter-bob"], 8888),
        (address["labserver-hub"], 8000),
        (address["labserver-hub-proxy"], 8001),
        (address["labserver-hub-proxy"], 8000),
        (address["labserver-registry"], 5000),
        ("172.27.240.1", 5000),
        ("169.254.169.254", 80),
    ]
    code = (
        "import json, socket\n"
        "def reach(target):\n"
        "    try:\n"
        "        socket.create_connection(tuple(target), 2).close()\n"
        "        return True\n"
        "    except OSError:\n"
        "        return False\n"
        f"print(json.dumps([reach(target) for target in {targets!r}]))"
    )
    assert json.loads(alice.kernel().run(code)) == [True] + [False] * 7
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
