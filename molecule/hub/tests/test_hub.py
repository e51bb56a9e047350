# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people meet at the hub: logging in, starting, failing, and the hub being changed under them."""

from __future__ import annotations

import concurrent.futures
import html
import json
import os
import time
import typing as t
from pathlib import Path

import pytest
from conftest import NOTEBOOK, OWN, ROSTER
from hub_client import HubClient

REGISTRY = "127.0.0.1:5000"


@pytest.fixture(scope="module")
def pusher(lab: t.Any) -> None:
    """Log the host's engine in to the registry as the one who may push."""
    lab.sh(f"docker login -u pusher --password-stdin {REGISTRY} < /etc/labserver/registry/secrets/pusher 2>/dev/null")


def push(lab: t.Any, name: str, dockerfile: str, tag: str = "1") -> None:
    """Build an image on the notebook's and push it."""
    lab.sh(f"mkdir -p /tmp/{name}")
    lab.write(f"/tmp/{name}/Dockerfile", f"FROM {REGISTRY}/notebook:latest\n{dockerfile}\n")
    lab.sh(f"DOCKER_BUILDKIT=0 docker build -q -t {REGISTRY}/{name}:{tag} /tmp/{name} 2>/dev/null")
    lab.sh(f"docker push -q {REGISTRY}/{name}:{tag}")


def catalogue(lab: t.Any) -> dict[str, dict[str, t.Any]]:
    document = json.loads(lab.sh("cat /var/lib/labserver/catalogue/images.json"))
    return {f"{one['repository']}:{one['tag']}": one for one in document["images"]}


def test_the_scenario_offers_an_image(lab: t.Any) -> None:
    lab.until("the first image", lambda: catalogue(lab)["notebook:latest"]["state"] == "ready", 60)


@pytest.mark.parametrize("name", ["alice", "nobody-we-know", "root", "jupyter-alice", ""])
def test_wrong_passwords_and_unknown_names_get_in_nowhere(lab: t.Any, name: str) -> None:
    assert HubClient(lab.base, name).login("wrong password").status_code == 403


def test_a_one_time_password_leads_to_choosing_one(lab: t.Any) -> None:
    if "mary-ann" not in lab.one_time():
        pytest.skip("was used in an earlier run of this verification")
    password = lab.one_time()["mary-ann"]
    mary = HubClient(lab.base, "mary-ann")
    answer = mary.login(password)
    assert (answer.status_code, "/hub/change-password" in answer.headers["Location"]) == (302, True)
    assert "/hub/change-password" in mary.start().headers["Location"], "no start before the change"
    refused = mary.api("POST", "/hub/api/users/mary-ann/server")
    assert refused.status_code == 403, "nor through the API"
    assert "at most 72" in mary.change_password(password, "x" * 73)
    assert mary.change_password(password, OWN) == ""
    assert HubClient(lab.base, "mary-ann").login(password).status_code == 403, "it was for one time"
    lab.until("the line goes", lambda: "mary-ann" not in lab.one_time(), 60)


def test_servers_run_as_their_people(lab: t.Any) -> None:
    for name, uid, groups in (("alice", 20001, [20001, 30001, 30002]), ("mary-ann", 20003, [20003, 30001])):
        person = lab.person(name)
        person.start(NOTEBOOK)
        person.wait_ready()
        seen = person.kernel().run(
            "import getpass, json, os\n"
            "status = open('/proc/self/status').read()\n"
            "def limit(*paths):\n"
            "    return next(int(open(p).read()) for p in paths if os.path.exists(p))\n"
            "open('made-here', 'w').write('x')\n"
            "print(json.dumps([os.getuid(), sorted(os.getgroups()), os.getcwd(), getpass.getuser(),"
            " 'CapEff:\\t0000000000000000' in status, 'NoNewPrivs:\\t1' in status,"
            " limit('/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'),"
            " sorted(os.listdir('/home'))]))"
        )
        home = f"/home/jupyter-{name}"
        system = f"jupyter-{name}"
        assert json.loads(seen) == [uid, groups, home, system, True, True, 512 << 20, [system]]
        assert lab.sh(f"stat -c '%U %G' {home}/made-here").strip() == f"{system} {system}"


def test_the_guard_stops_a_hub_that_was_taken_over(lab: t.Any) -> None:
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


def test_what_is_pushed_can_be_chosen_without_a_restart(lab: t.Any, pusher: None) -> None:
    bob = lab.without_server("bob")
    # One that never comes up, pushed first: nobody waits for it.
    push(lab, "endless", 'ENTRYPOINT ["/bin/sh", "-c", "sleep 3600"]')
    push(lab, "fresh", 'LABEL org.labserver.title="Fresh"')
    # How long it takes depends on how busy the machine is: it is printed, not asserted. The page is asked afterwards:
    # while there is only one image it has no form, and asking for it starts that image.
    took = lab.until("it was tried", lambda: catalogue(lab).get("fresh:1", {}).get("state") == "ready", 60)
    print(f"ready {took:.1f} s after the push")
    assert catalogue(lab)["endless:1"]["state"] == "pulling"
    assert "fresh:1" in bob.images()
    bob.start("fresh:1")
    bob.wait_ready()
    assert "fresh@sha256:" in lab.sh("docker inspect --format '{{.Config.Image}}' jupyter-bob")
    bob.stop()


def test_tags_that_differ_only_in_case_are_two_images(lab: t.Any, pusher: None) -> None:
    for tag in ("Case", "case"):
        push(lab, "letters", f'LABEL org.labserver.title="{tag}"', tag)
    names = {"letters:Case", "letters:case"}
    lab.until("both", lambda: {name for name, one in catalogue(lab).items() if one["state"] == "ready"} >= names, 60)
    assert names <= set(lab.person("bob").images())
    found = catalogue(lab)
    assert found["letters:Case"]["digest"] != found["letters:case"]["digest"]


SINGLEUSER = "/opt/jupyter/bin/jupyterhub-singleuser"


def script(*lines: str) -> str:
    """Return the Dockerfile's part that puts a script in the place of the notebook server; the real one is `real`."""
    echoes = "".join(f" && echo '{line}' >> {SINGLEUSER}" for line in ("#!/bin/sh", *lines))
    return f"USER 0\nRUN mv {SINGLEUSER} /opt/jupyter/bin/real{echoes} && chmod 755 {SINGLEUSER}\nUSER 65534"


def test_an_image_that_cannot_run_a_server_is_not_offered(lab: t.Any, pusher: None) -> None:
    push(lab, "empty", f"USER 0\nRUN rm {SINGLEUSER}")
    # Tells its version, and ends when it has to serve.
    push(lab, "crashing", script('[ "$1" = --version ] && exec real "$@"', "echo a library is missing; exit 3"))
    wanted = {"empty:1": "jupyterhub-singleuser", "crashing:1": "(status 3): a library is missing"}
    for name, why in wanted.items():
        lab.until(f"{name} was tried", lambda name=name: catalogue(lab).get(name, {}).get("state") == "broken", 60)
        told = lab.sh("labserver catalogue --list")
        assert why in next(line for line in told.splitlines() if line.startswith(name)), told
    bob = lab.without_server("bob")
    page = html.unescape(bob.get("/hub/spawn", allow_redirects=False).text)
    assert not set(wanted) & set(bob.images())
    assert all(f"<code>{name}</code>: " in page and why in page for name, why in wanted.items()), "the pusher sees why"


CAUSES = {
    "quota": ("echo Disk quota exceeded; exit 1", "Your disk quota is full", "Disk quota exceeded"),
    "memory": (
        "exec python3 -c 'len(b\"x\" * (900 << 20))'",
        "The server ran out of memory while it started (limit 512 MiB)",
        "",
    ),
    "image": ("exec /no/such/server", "The image has no notebook server", "/no/such/server"),
    "exit": ("echo goodbye; exit 3", "The server stopped by itself with exit code 3", "goodbye"),
}


@pytest.fixture(scope="module")
def failing(lab: t.Any, pusher: None) -> str:
    """Push an image that passes the trial and then fails as the person's home says."""
    for_trial = '[ "$JUPYTERHUB_USER" = labserver-trial ] && exec real "$@"'
    push(lab, "failing", script(for_trial, 'exec sh "$HOME/.cause"'))
    lab.until("it is offered", lambda: catalogue(lab).get("failing:1", {}).get("state") == "ready", 60)
    return "failing:1"


def failure(lab: t.Any, person: HubClient, image: str) -> tuple[str, dict[str, t.Any]]:
    """Start a server that fails; return the words on the page, and what the administrator reads."""
    person.start(image)
    lab.until("it failed", lambda: person.server() is None, 60)
    assert not lab.running(person.name)
    return person.failure(), json.loads(lab.sh("tail -n 1 /srv/labserver/hub/state/failures.jsonl"))


@pytest.mark.parametrize("cause", CAUSES)
def test_a_start_that_fails_is_explained(lab: t.Any, failing: str, cause: str) -> None:
    commands, sentence, last_line = CAUSES[cause]
    bob = lab.without_server("bob")
    lab.write("/home/jupyter-bob/.cause", commands + "\n")
    words, kept = failure(lab, bob, failing)
    assert sentence in words
    assert last_line in words, "the last lines of the log are shown"
    assert (kept["user"], kept["reason"], kept["image"]) == ("bob", cause, failing)
    assert last_line in "\n".join(kept["log"])


def test_a_limit_that_is_too_low_is_explained(lab: t.Any) -> None:
    bob = lab.without_server("bob")
    lab.edit_roster(lambda roster: roster["users"]["bob"]["limits"].update(memory_bytes=16 << 20))
    try:
        words, kept = failure(lab, bob, NOTEBOOK)
        assert "The memory limit is too low to start anything" in words
        assert kept["reason"] == "limit"
    finally:
        lab.edit_roster(lambda roster: roster["users"]["bob"].update(limits={}))


def test_a_share_that_is_away_is_explained(lab: t.Any) -> None:
    bob, path = lab.without_server("bob"), "/etc/labserver/public/shares.json"
    data = {"type": "cifs", "mount_point": "/srv/labserver/shares/data/files", "path": "/mnt/data", "others": "none",
            "bind": "/srv/labserver/shares/data", "access": {"xps": "rw"}, "when_absent": "refuse"}  # fmt: skip
    lab.write(f"{path}.new", json.dumps({"version": 1, "shares": {"data": data}}))
    lab.sh(f"mkdir -p /srv/labserver/shares/data/files && mv {path}.new {path}")
    try:
        bob.start(NOTEBOOK)
        lab.until("it failed", lambda: bob.server() is None, 60)
        assert "The shared folder data is not available" in bob.failure()
        kept = json.loads(lab.sh("tail -n 1 /srv/labserver/hub/state/failures.jsonl"))
        assert (kept["user"], kept["reason"]) == ("bob", "share"), "the administrator hears of it as well"
    finally:
        lab.write(f"{path}.new", json.dumps({"version": 1, "shares": {}}))
        lab.sh(f"mv {path}.new {path}")


def test_an_image_that_is_deleted_while_it_is_chosen_is_explained(lab: t.Any, failing: str) -> None:
    bob = lab.without_server("bob")
    reference = catalogue(lab)[failing]["reference"]
    assert failing in bob.images()
    lab.sh("systemctl stop labserver-catalogue")  # which would fetch it again within seconds
    try:
        lab.sh(f"docker rmi -f $(docker image inspect --format '{{{{.Id}}}}' {reference}) >/dev/null")
        words, kept = failure(lab, bob, failing)
        assert "The image is no longer on this server" in words
        assert kept["reason"] == "image"
    finally:
        lab.sh("systemctl start labserver-catalogue")
    lab.until(
        "it is fetched again", lambda: catalogue(lab)[failing]["state"] == "ready" and present(lab, reference), 60
    )


def present(lab: t.Any, reference: str) -> bool:
    return str(lab.sh(f"docker image inspect {reference} >/dev/null 2>&1 && echo yes || echo no")).strip() == "yes"


def test_a_missing_home_is_explained(lab: t.Any) -> None:
    bob = lab.without_server("bob")
    lab.sh("mv /home/jupyter-bob /home/away")
    try:
        bob.start(NOTEBOOK)
        lab.until("it failed", lambda: bob.server() is None, 60)
        assert "Your home folder is missing" in bob.failure()
    finally:
        lab.sh("mv /home/away /home/jupyter-bob")


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


def test_people_go_on_while_the_hub_is_replaced(lab: t.Any) -> None:
    alice = lab.person("alice")
    alice.start(NOTEBOOK)
    alice.wait_ready()
    kernel = alice.kernel()
    kernel.run("value = 41")
    lab.sh("docker kill labserver-hub && docker start labserver-hub")
    assert kernel.run("print(value + 1)").strip() == "42", "the open connection never broke"
    lab.until("the hub is back", lambda: alice.get("/hub/health").status_code == 200, 60)
    assert alice.server() is not None
    again = lab.person("alice")
    again.wait_ready()
    assert again.kernel().run("print(1)").strip() == "1"


def test_a_replaced_proxy_gets_its_routes_back(lab: t.Any) -> None:
    alice = lab.person("alice")
    assert alice.server() is not None
    lab.sh("docker restart -t 1 labserver-hub-proxy")

    def reached() -> bool:
        try:
            return "version" in alice.get("/user/alice/api").json()
        except ValueError:
            return False
        except OSError:
            return False

    lab.until("the route is back", reached, 60)


def test_a_person_who_is_removed_is_out_within_seconds(lab: t.Any) -> None:
    mary = lab.person("mary-ann")
    mary.start(NOTEBOOK)
    mary.wait_ready()
    token = mary.api("POST", "/hub/api/users/mary-ann/tokens", json={"note": "kept"}).json()["token"]
    bearer = {"Authorization": f"token {token}"}
    stranger = HubClient(lab.base, "mary-ann")
    assert stranger.get("/hub/api/user", headers=bearer).status_code == 200
    lab.edit_roster(lambda roster: roster["users"]["mary-ann"].update(state="locked"))
    try:
        lab.until("the server stops", lambda: not lab.running("mary-ann"), 60)
        assert stranger.get("/hub/api/user", headers=bearer).status_code in (401, 403)
        assert mary.get("/hub/home", allow_redirects=False).status_code == 302, "the session is over"
        assert HubClient(lab.base, "mary-ann").login(OWN).status_code == 403
    finally:
        lab.edit_roster(lambda roster: roster["users"]["mary-ann"].update(state="present"))
    assert HubClient(lab.base, "mary-ann").login(OWN).status_code == 302, "and back, without a restart"


def test_a_new_person_needs_no_restart_of_the_hub(lab: t.Any) -> None:
    started = lab.sh("docker inspect --format '{{.State.StartedAt}}' labserver-hub")
    lab.edit_roster(lambda roster: roster["users"]["student20"].update(expires="2020-01-01"))
    assert HubClient(lab.base, "student20").login(lab.one_time()["student20"]).status_code == 403
    lab.edit_roster(lambda roster: roster["users"]["student20"].update(expires=None))
    assert HubClient(lab.base, "student20").login(lab.one_time()["student20"]).status_code == 302
    assert lab.sh("docker inspect --format '{{.State.StartedAt}}' labserver-hub") == started


def test_a_half_written_roster_changes_nothing(lab: t.Any) -> None:
    whole = f"cp {ROSTER} /tmp/whole.json"
    lab.sh(f"{whole} && head -c 300 /tmp/whole.json > {ROSTER}")
    try:
        time.sleep(5)
        assert lab.running("alice")
        assert HubClient(lab.base, "alice").login(OWN).status_code == 302
    finally:
        lab.sh(f"cp /tmp/whole.json {ROSTER}.new && mv {ROSTER}.new {ROSTER}")


def test_an_image_that_never_comes_up_was_tried_for_a_bounded_time(lab: t.Any) -> None:
    lab.until("it was tried", lambda: catalogue(lab)["endless:1"]["state"] == "broken", 90)
    assert "no notebook server answered in it within 60 seconds" in catalogue(lab)["endless:1"]["reason"]
    assert "labserver-trial" not in lab.sh("docker ps -a --format '{{.Names}}'")


def test_a_registry_that_is_down_stops_nobody(lab: t.Any) -> None:
    lab.sh("docker stop -t 1 labserver-registry")
    try:
        time.sleep(4)
        bob = lab.person("bob")
        bob.start(NOTEBOOK)
        bob.wait_ready()
        bob.stop()
        assert lab.running("alice")
    finally:
        lab.sh("docker start labserver-registry")


def test_an_engine_that_is_killed_takes_nobody_along(lab: t.Any) -> None:
    before = lab.sh("docker inspect --format '{{.State.Pid}}' jupyter-alice")
    lab.sh("systemctl kill -s KILL docker && sleep 2 && systemctl restart docker")
    assert lab.sh("docker inspect --format '{{.State.Pid}}' jupyter-alice") == before
    bob = lab.person("bob")
    bob.start(NOTEBOOK)
    bob.wait_ready()
    bob.stop()


def test_a_password_store_that_lost_entries_keeps_the_hub_shut(lab: t.Any) -> None:
    state = "/srv/labserver/hub/state"
    lab.sh(f"docker stop -t 5 labserver-hub && cp -a {state}/passwords.sqlite /tmp/store")
    try:
        statements = "c.execute('DELETE FROM passwords'); c.commit()"
        lab.sh(f"python3 -c \"import sqlite3; c = sqlite3.connect('{state}/passwords.sqlite'); {statements}\"")
        lab.sh("docker start labserver-hub")
        words = "passwords are gone without a recorded removal"
        lab.until("it says why", lambda: words in lab.sh("docker logs --tail 50 labserver-hub 2>&1"), 60)
        assert HubClient(lab.base, "alice").get("/hub/health").status_code != 200
    finally:
        lab.sh(f"docker stop labserver-hub; cp -a /tmp/store {state}/passwords.sqlite; docker start labserver-hub")
    alice = HubClient(lab.base, "alice")
    lab.until("the hub is back", lambda: alice.get("/hub/health").status_code == 200, 60)
    assert alice.login(OWN).status_code == 302


def test_a_lost_database_comes_back_from_the_last_copy(lab: t.Any) -> None:
    state = "/srv/labserver/hub/state"
    lab.until("there is a copy", lambda: lab.sh(f"ls {state}/copies").split() != [], 60)
    before = lab.sh("docker inspect --format '{{.State.Pid}}' jupyter-alice")
    lab.sh(f"docker stop -t 5 labserver-hub && rm {state}/jupyterhub.sqlite && docker start labserver-hub")
    alice = HubClient(lab.base, "alice")
    lab.until("the hub is back", lambda: alice.get("/hub/health").status_code == 200, 60)
    assert alice.login(OWN).status_code == 302
    assert alice.server() is not None
    assert lab.sh("docker inspect --format '{{.State.Pid}}' jupyter-alice") == before


def test_twenty_people_start_at_once(lab: t.Any) -> None:
    alice = lab.person("alice")
    if alice.server() is not None:
        alice.stop()
    names = [f"student{number}" for number in range(1, 21)]

    def work(name: str) -> float:
        person = lab.person(name)
        began = time.monotonic()
        for _ in range(100):
            if person.start(NOTEBOOK).status_code != 429:
                break
            time.sleep(1)
        person.wait_ready(180)
        return time.monotonic() - began

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        waits = sorted(pool.map(work, names))
    took = time.monotonic() - began
    Path(os.environ.get("LABSERVER_RUNS", ".")).joinpath("twenty.json").write_text(json.dumps([took, waits]))
    print(f"20 servers in {took:.1f} s; p50 {waits[10]:.1f} s, longest {waits[-1]:.1f} s")
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda name: lab.person(name).stop(), names))
