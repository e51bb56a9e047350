# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worked examples of the inventory: Compose itself reads them, and they run with stand-ins for their images."""

from __future__ import annotations

import base64
import json
import typing as t
from collections.abc import Iterator

import pytest
import yaml
from conftest import module
from long_tests import long
from paths import ROOT

EXAMPLE = ROOT / "inventory" / "example"
FOLDERS = EXAMPLE.parent / "apps"
TEXT = (EXAMPLE / "host_vars" / "boreas" / "apps.yml").read_text().replace("{{ inventory_dir }}", str(EXAMPLE))
APPS = {app["name"]: app for app in yaml.safe_load(TEXT)["compose_app_apps"]}


@pytest.mark.parametrize(
    ("name", "services"),
    [("zulip", ["database", "memcached", "rabbitmq", "redis", "zulip"]), ("steps-mira", ["jupyterlab"])],
)
def test_compose_accepts_the_example(host: t.Any, name: str, services: list[str]) -> None:
    result = module(host, "compose_apps", {"apps": [APPS[name]]}, check=True)
    assert [action["target"] for action in result["actions"] if action["what"] == "create"] == services
    assert not host.file(f"/etc/labserver/compose/{name}").exists


def apply(host: t.Any, app: dict[str, t.Any]) -> dict[str, t.Any]:
    """Bring the app to its state; a refusal comes back without ``changed``."""
    result = module(host, "compose_apps", {"apps": [app]}, check=False)
    return {"msg": result["msg"]} if "msg" in result else result


# What an agent answers to "which keys have you": a list with none. It runs as the person, as a real one would.
AGENT = """
import os, socket
os.setgid(20001), os.setuid(20001)
server = socket.socket(socket.AF_UNIX)
server.bind("/run/user/20001/agent")
os.chmod("/run/user/20001/agent", 0o600)
server.listen()
while True:
    connection, _ = server.accept()
    connection.recv(5)
    connection.sendall(bytes([0, 0, 0, 5, 12, 0, 0, 0, 0]))
"""


@pytest.fixture(scope="module")
def steps(host: t.Any) -> Iterator[dict[str, t.Any]]:
    """The app of the inventory for mira, whose account the role accounts would have made."""
    host.check_output(
        "id jupyter-mira 2>/dev/null || useradd --uid 20001 --user-group --create-home jupyter-mira;"
        " install -d -o jupyter-mira -g jupyter-mira -m 0700 /home/jupyter-mira/notebooks /run/user/20001;"
        f" echo {base64.b64encode(AGENT.encode()).decode()} | base64 -d > /root/agent.py;"
        " systemctl is-active -q agent || systemd-run --quiet --collect --unit agent python3 /root/agent.py"
    )
    app = APPS["steps-mira"] | {"pull": "never", "wait_seconds": 60}
    app["environment"] = app["environment"] | {"STEPS_IMAGE": "labserver-test/app"}
    yield app
    apply(host, app | {"state": "absent"})


def ask(host: t.Any, token: str = "") -> dict[str, t.Any]:
    """What the notebook server of the app says to somebody with this token; {} when it refuses."""
    header = f"{{'Authorization': 'token {token}'}}"
    request = f"u.Request('http://127.0.0.1:8888/', headers={header})"
    answer = host.run(
        f'python3 -c "import urllib.request as u; print(u.urlopen({request}, timeout=5).read().decode())"'
    )
    return dict(json.loads(answer.stdout)) if answer.rc == 0 else {}


def test_steps_for_one_person_runs_as_that_person(host: t.Any, steps: dict[str, t.Any]) -> None:
    assert apply(host, steps)["changed"] is True
    pid = host.check_output("docker inspect -f '{{.State.Pid}}' steps-mira-jupyterlab-1")
    status = dict(line.split(":", 1) for line in host.check_output(f"cat /proc/{pid}/status").splitlines())
    assert (status["Uid"].split(), status["Gid"].split()) == (["20001"] * 4, ["20001"] * 4)
    assert (status["CapBnd"].strip("\t0"), status["NoNewPrivs"].strip()) == ("", "1")
    assert host.check_output("ss -Hltn sport = :8888").split()[3] == "127.0.0.1:8888"
    token = host.check_output("cat /etc/labserver/compose/steps-mira/secrets/token")
    assert ask(host, "wrong") == {}
    answer = ask(host, token)
    assert answer["folder"] == "/opt/src/notebooks"
    assert answer["arguments"] == ["lab", "--ip=0.0.0.0", "--port=8888", "--no-browser"]
    written = host.file("/home/jupyter-mira/notebooks/result.ipynb")
    assert (written.uid, written.gid) == (20001, 20001)
    assert token not in host.check_output("docker inspect steps-mira-jupyterlab-1")
    assert apply(host, steps)["changed"] is False


@long("soak-long")
def test_the_ssh_agent_is_there_on_request_alone(host: t.Any, steps: dict[str, t.Any]) -> None:
    apply(host, steps)
    token = host.check_output("cat /etc/labserver/compose/steps-mira/secrets/token")
    assert ask(host, token)["agent"] is None
    asked = steps | {"compose_files": ["compose.yaml", "ssh-agent.yaml"]}
    assert "the path of the agent's socket on the host" in apply(host, asked)["msg"]
    assert ask(host, token)["agent"] is None
    given = asked | {"environment": steps["environment"] | {"STEPS_SSH_AGENT": "/run/user/20001/agent"}}
    assert [action["what"] for action in apply(host, given)["actions"] if action["target"] == "jupyterlab"] == [
        "recreate"
    ]
    assert ask(host, token)["agent"] == 12
    assert "THE RISK: while the container runs, everything in it" in (FOLDERS / "steps/ssh-agent.yaml").read_text()
    apply(host, steps)
    assert ask(host, token)["agent"] is None


@long("soak-long")
def test_zulips_secrets_are_made_up_once_and_reach_those_that_declare_them_alone(host: t.Any) -> None:
    """Its images cannot be had here: containers of another one stand where they would be. Redis is a real one."""
    services = yaml.safe_load((FOLDERS / "zulip/compose.yaml").read_text())["services"]
    idle = {"entrypoint": [], "command": ["sleep", "infinity"], "init": True}
    stand_in = {name: {"image": "labserver-test/app"} | ({} if name == "redis" else idle) for name in services}
    # A disposable host may not raise its limits.
    stand_in["zulip"] |= {"ulimits": {"nofile": {"soft": 1024, "hard": 2048}}}
    app = APPS["zulip"] | {"pull": "never", "health": None, "wait_seconds": 60}
    app |= {"files": {"stand-in.yaml": json.dumps({"services": stand_in})}}
    app |= {"compose_files": ["compose.yaml", "stand-in.yaml"]}
    given = {secret["name"] for secret in app["secrets"]}

    def kept() -> dict[str, str]:
        folder = "/etc/labserver/compose/zulip/secrets"
        assert host.file(folder.removesuffix("/secrets")).mode == 0o700
        return {name: host.check_output(f"cat {folder}/{name}") for name in sorted(given)}

    result = apply(host, app)
    assert result.get("changed") is True, result
    first = kept()
    assert len(set(first.values())) == 6 and min(map(len, first.values())) >= 40
    for name, service in services.items():
        inside = host.check_output(f"docker exec zulip-{name}-1 sh -c 'cd /run/secrets && grep -H . *'").splitlines()
        assert dict(line.split(":", 1) for line in inside) == {key: first[key] for key in service["secrets"]}
    seen = host.check_output(
        "docker inspect $(docker ps -q); cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' ' '"
    )
    assert "zulip-redis-1" in seen and not [name for name, value in first.items() if value in seen]
    ping = "docker exec -i zulip-redis-1 redis-cli"
    assert "NOAUTH" in host.check_output(f"{ping} ping")
    assert "PONG" in host.check_output(f"(echo AUTH {first['zulip__redis_password']}; echo PING) | {ping}")
    assert apply(host, app)["changed"] is False
    assert apply(host, app | {"state": "absent", "dump": None})["changed"] is True
    assert apply(host, app)["changed"] is True
    assert kept() == first
    apply(host, app | {"state": "absent"})


def test_no_secret_of_an_example_is_in_an_environment() -> None:
    app = APPS["zulip"]
    assert all(not secret.get("environment") for secret in app["secrets"])
    for file in FOLDERS.rglob("*.yaml"):
        for name, service in yaml.safe_load(file.read_text())["services"].items():
            words = [key for key in service.get("environment", {}) if "PASSWORD" in key and not key.endswith("_FILE")]
            assert words == [], (file, name)
