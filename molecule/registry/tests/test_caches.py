# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Caches of other registries as Docker's own client sees them: as a mirror of Docker Hub, and by their names."""

from __future__ import annotations

import collections
import json
import re
import time
import typing as t
import uuid

import pytest
from test_registry import login

CONFIG = """version: 0.1
log: {level: info}
storage: {filesystem: {rootdirectory: /tmp/store}}
http: {addr: ":5000"}
"""
OWN, UPSTREAM = "127.0.0.1:5000", "127.0.0.1:5999"
TAG = uuid.uuid4().hex[:12]
"""Of this run of the tests: what an earlier one pulled is kept."""


@pytest.fixture
def upstream(host: t.Any) -> t.Iterator[None]:
    """A second registry, which takes the place of Docker Hub and of quay.io, with one image each."""
    image = host.check_output("docker inspect -f '{{.Config.Image}}' labserver-registry")
    host.check_output("mkdir -p /tmp/upstream && echo %s > /tmp/upstream/config.yml", CONFIG)
    host.check_output(
        "docker run -d --name upstream -p 5999:5000 -v /tmp/upstream:/upstream:ro --tmpfs /tmp "
        f"--entrypoint docker-registry {image} serve /upstream/config.yml"
    )
    wait = f"for i in $(seq 100); do : < /dev/tcp/{UPSTREAM.replace(':', '/')} && exit 0; sleep 0.1; done; exit 1"
    host.check_output("bash -c %s", wait)
    for name in ("library/course", "lab/tools"):
        image = f"{UPSTREAM}/{name}:{TAG}"
        host.check_output(f"echo {name} {TAG} > /tmp/content && tar -cC /tmp content | docker import - {image}")
        host.check_output(f"docker push {image} && docker rmi {image}")
    yield
    host.check_output("docker rm -f upstream")


def asked(host: t.Any) -> collections.Counter[str]:
    """How often the upstream was asked for each blob."""
    log = host.run("docker logs upstream 2>&1").stdout
    return collections.Counter(re.findall(r'"GET (/v2/[^ ]*/blobs/sha256:[0-9a-f]+) HTTP', log))


def pull(host: t.Any, name: str) -> None:
    host.check_output(f"docker pull {name} && docker rmi {name}")


def services(host: t.Any) -> t.Any:
    """Run the job that looks at the services, after the one that cron may have started."""
    for _ in range(60):
        done = host.run("labserver services")
        if done.rc != 3:  # another run holds the lock
            return done
        time.sleep(1)
    raise AssertionError(done)


@pytest.mark.usefixtures("upstream")
def test_what_was_pulled_once_is_kept(host: t.Any) -> None:
    login(host, "puller")
    names = tuple(f"{one}:{TAG}" for one in ("course", f"{OWN}/quay.io/lab/tools", "127.0.0.1:5001/quay.io/lab/tools"))
    for name in (*names, *names):
        pull(host, name)
    # Each of the two images has a layer and a configuration.
    assert len(asked(host)) == 4 and set(asked(host).values()) == {1}
    assert "quay.io" not in services(host).stdout
    host.check_output("docker stop upstream")
    for name in names:
        pull(host, name)
    told = services(host)
    assert told.rc == 1
    assert "quay.io: http://172.17.0.1:5999 cannot be reached" in told.stdout.replace("\n", " "), told.stdout
    host.check_output(f"docker logout {OWN}")
    assert host.run(f"docker pull {OWN}/quay.io/lab/tools:{TAG}").rc != 0


def test_nothing_of_the_caches_is_open_to_others(host: t.Any) -> None:
    address = host.check_output("hostname -I").split()[0]
    assert host.run(f"timeout 5 bash -c ': < /dev/tcp/{address}/5002'").rc != 0
    for name in ("caches.json", "outgoing.env"):
        file = host.file(f"/etc/labserver/registry/caches/{name}")
        assert (file.user, file.gid, file.mode) == ("root", 64101, 0o640)
    assert "of the test" not in host.check_output("docker inspect labserver-registry-caches")


def test_a_backup_would_leave_the_kept_out(host: t.Any) -> None:
    mark = host.file("/srv/labserver/registry-caches/CACHEDIR.TAG").content_string
    assert mark.startswith("Signature: 8a477f597d28d172789f06886806bc55")


def test_the_inventory_of_an_image_is_what_its_dpkg_says(host: t.Any) -> None:
    image = host.check_output("docker inspect -f '{{.Config.Image}}' labserver-registry")
    query = "dpkg-query -W -f '${Package} ${Version}\\n'"
    listed = host.check_output(f"docker exec labserver-registry {query}").splitlines()
    before = host.check_output("docker ps -aq")
    document = json.loads(host.check_output(f"labserver inventory --json {image}"))
    found = [f"{one['name']} {one['version']}" for one in document["components"] if one["purl"].startswith("pkg:deb/")]
    assert sorted(found) == sorted(listed)
    assert host.check_output("docker ps -aq") == before
