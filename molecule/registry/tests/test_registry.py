# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry as Docker's own client and plain HTTP see it."""

from __future__ import annotations

import json
import typing as t

import pytest
from conftest import SECOND

ASK = """
import base64, sys, urllib.request, urllib.error
method, url, user = sys.argv[1:4]
request = urllib.request.Request(url, method=method, data=b"" if method not in ("GET", "HEAD") else None)
if user:
    password = sys.argv[4] if len(sys.argv) > 4 else open("/etc/labserver/registry/secrets/" + user).read().strip()
    request.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
try:
    print(urllib.request.urlopen(request, timeout=30).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


def ask(host: t.Any, method: str, url: str, user: str = "", password: str = "") -> int:
    """The status of a request from the host itself."""
    return int(host.check_output("python3 -c %s %s %s %s " + password, ASK, method, url, user))


def login(host: t.Any, user: str) -> None:
    secret = f"/etc/labserver/registry/secrets/{user}"
    host.check_output(f"docker login --username {user} --password-stdin 127.0.0.1:5000 < {secret}")


@pytest.fixture
def pusher(host: t.Any) -> t.Iterator[None]:
    login(host, "pusher")
    yield
    host.check_output("docker logout 127.0.0.1:5000")


def push(host: t.Any, name: str, content: str) -> str:
    """Push a tiny image and return its digest."""
    host.check_output(f"echo {content} > /tmp/content && tar -cC /tmp content | docker import - 127.0.0.1:5000/{name}")
    host.check_output(f"docker push 127.0.0.1:5000/{name}")
    return str(host.check_output(f"docker image inspect -f '{{{{index .RepoDigests 0}}}}' 127.0.0.1:5000/{name}"))


def tags(host: t.Any, repository: str) -> list[str]:
    root = f"/srv/labserver/registry/docker/registry/v2/repositories/{repository}/_manifests/tags"
    return sorted(host.check_output(f"ls {root}").split())


READ, WRITE = "http://127.0.0.1:5000/v2/", "http://127.0.0.1:5000/v2/lab/x/blobs/uploads/"


@pytest.mark.parametrize(
    ("user", "password", "read", "write"),
    [("", "", 401, 401), ("pusher", "wrong", 401, 401), ("puller", "", 200, 401), ("pusher", "", 200, 202)],
)
def test_who_may_do_what(host: t.Any, user: str, password: str, read: int, write: int) -> None:
    assert ask(host, "GET", READ, user, password) == read
    assert ask(host, "POST", WRITE, user, password) == write
    for method in ("PUT", "PATCH", "DELETE"):
        status = ask(host, method, "http://127.0.0.1:5000/v2/lab/x/manifests/t", user, password)
        assert (status == 401) == (write == 401), (method, status)


def test_anonymous_port_reads_only(host: t.Any) -> None:
    assert ask(host, "GET", "http://127.0.0.1:5001/v2/") == 200
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert ask(host, method, "http://127.0.0.1:5001/v2/lab/x/blobs/uploads/", "pusher") == 405


def test_registry_is_published_on_loopback_only(host: t.Any) -> None:
    address = host.check_output("hostname -I").split()[0]
    assert host.run(f"timeout 5 bash -c ': < /dev/tcp/{address}/5000'").rc != 0
    assert host.run("timeout 5 bash -c ': < /dev/tcp/127.0.0.1/5000'").rc == 0


def test_passwords_are_roots_secret(host: t.Any) -> None:
    for user in ("pusher", "puller"):
        secret = host.file(f"/etc/labserver/registry/secrets/{user}")
        assert (secret.user, secret.mode) == ("root", 0o600)
    readers = host.file("/etc/labserver/registry/container/readers")
    assert (readers.user, readers.gid, readers.mode) == ("root", 64101, 0o640)
    assert all(line.split(":")[1].startswith("$2b$05$") for line in readers.content_string.splitlines())


def test_container_is_confined(host: t.Any) -> None:
    found = json.loads(host.check_output("docker inspect labserver-registry"))[0]
    assert found["HostConfig"]["ReadonlyRootfs"] is True
    assert found["HostConfig"]["RestartPolicy"]["Name"] == "always"
    assert host.check_output("docker exec labserver-registry id -u") == "64101"


def test_health_check_tells_the_truth(host: t.Any) -> None:
    command = "for i in $(seq 60); do s=$(docker inspect -f '{{.State.Health.Status}}' labserver-registry); "
    assert host.check_output(command + '[ "$s" = healthy ] && break; sleep 1; done; echo $s') == "healthy"
    host.check_output("docker exec labserver-registry health")


def test_docker_pushes_and_pulls(host: t.Any) -> None:
    login(host, "puller")
    host.check_output("echo 1 > /tmp/content && tar -cC /tmp content | docker import - 127.0.0.1:5000/lab/first:1")
    assert host.run("docker push 127.0.0.1:5000/lab/first:1").rc != 0
    login(host, "pusher")
    host.check_output("docker push 127.0.0.1:5000/lab/first:1")
    host.check_output("docker rmi 127.0.0.1:5000/lab/first:1")
    login(host, "puller")
    host.check_output("docker pull 127.0.0.1:5000/lab/first:1")
    host.check_output("docker logout 127.0.0.1:5000")
    host.check_output("docker pull 127.0.0.1:5001/lab/first:1")


@pytest.mark.usefixtures("pusher")
def test_weekly_job_prunes_and_spares_what_is_used(host: t.Any) -> None:
    """By a container, as the hub's default, by hand and by the policy; the fourth image the hub only lists."""
    for tag in ("1", "2", "3", "stable", "4", "5"):
        push(host, f"pruned/image:{tag}", f"image {tag}")
        push(host, f"other/image:{tag}", f"image {tag}")
    host.check_output("docker create --name registry-user 127.0.0.1:5000/pruned/image:2 /nothing")
    listed = [{"repository": "pruned/image", "tag": tag, "digest": "", "state": "ready"} for tag in ("1", "3", "4")]
    offered = {"version": 1, "default_image": "pruned/image:3", "images": listed}
    catalogue = "/var/lib/labserver/catalogue"
    host.check_output(f"mkdir -p {catalogue} && echo %s > {catalogue}/images.json", json.dumps(offered))
    report = f"/etc/labserver/registry/in-use.d/{SECOND}.json"
    host.check_output(f"mkdir -p $(dirname {report}) && echo %s > {report}", json.dumps({"version": 1, "images": []}))
    host.check_output("labserver run registry-outlook")
    promised = json.loads(host.check_output("labserver status --json"))["pruning"]["repositories"]
    assert (promised["pruned/image"]["tags"], promised["pruned/image"]["remove_tags"]) == (6, 1)
    assert promised["other/image"]["remove_tags"] == 0 and len(tags(host, "pruned/image")) == 6
    host.check_output("labserver run registry-maintenance")
    left = json.loads(host.check_output("labserver status --json"))["pruning"]
    assert (left["free_bytes"], left["repositories"]["pruned/image"]["tags"]) == (0, 5)
    kept = ["1", "2", "3", "5", "stable"]
    assert tags(host, "pruned/image") == kept
    assert tags(host, "other/image") == sorted([*kept, "4"])
    status = json.loads(host.file("/var/lib/labserver/jobs/registry-maintenance.json").content_string)
    assert status["level"] == "ok", host.check_output("tail -n 50 /var/log/labserver/registry-maintenance.log")
    for tag in kept:
        host.check_output(f"docker pull 127.0.0.1:5000/pruned/image:{tag}")
    host.check_output(f"docker rm registry-user && rm {catalogue}/images.json")


@pytest.mark.usefixtures("pusher")
def test_docker_pushes_while_maintenance_comes_and_goes(host: t.Any) -> None:
    """Docker repeats the upload of a layer and not all else, so the front must turn nothing away."""
    rounds = (
        "for i in 1 2 3 4 5 6; do echo $i > /tmp/r && tar -cC /tmp r | docker import - 127.0.0.1:5000/pruned/rounds:$i "
        "&& docker push -q 127.0.0.1:5000/pruned/rounds:$i && labserver registry-maintain || exit 1; done"
    )
    pushes = (
        "n=0; while [ ! -e /tmp/rounds-done ]; do n=$((n + 1)); echo $n > /tmp/p && tar -cC /tmp p | "
        "docker import - 127.0.0.1:5000/busy/image:$n > /dev/null && "
        "docker push -q 127.0.0.1:5000/busy/image:$n > /dev/null || exit 1; done; echo $n"
    )
    both = f"rm -f /tmp/rounds-done; ({rounds}; echo $? > /tmp/rounds-done) > /tmp/rounds.log 2>&1 & {pushes}"
    done = host.run("bash -c %s", both)
    assert done.rc == 0, done.stderr + host.check_output("cat /tmp/rounds.log")
    assert int(done.stdout) > 5 and host.check_output("cat /tmp/rounds-done") == "0"
    assert tags(host, "pruned/rounds") == ["6"] and len(tags(host, "busy/image")) == int(done.stdout)


def test_registry_comes_back_when_maintenance_is_killed(host: t.Any) -> None:
    """The way of the job: take the gate, ask the registry to end, and then die without a word."""
    locks = "/srv/labserver/registry/.locks"
    work = (
        f"exec 8< {locks}/gate; flock 8; docker kill --signal USR1 labserver-registry; flock {locks}/store true; "
        "echo $$ > /tmp/killed; exec sleep 600"
    )
    host.check_output("setsid bash -c %s > /dev/null 2>&1 < /dev/null & sleep 3", work)
    assert ask(host, "GET", READ, "puller") == 503
    host.check_output("kill -9 $(cat /tmp/killed)")
    host.check_output("for i in $(seq 50); do docker exec labserver-registry health && exit 0; sleep 0.1; done; exit 1")
    assert ask(host, "GET", READ, "puller") == 200
