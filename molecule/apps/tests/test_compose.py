# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A three-container app on a real engine: what is replaced, what is kept, and what stops before anything is touched."""

from __future__ import annotations

import copy
import json
import re
import typing as t

import pytest
from conftest import INPUTS, Apply, Role, module

FOLDER = "/etc/labserver/compose/visits"


def ids(host: t.Any) -> dict[str, str]:
    """Service -> id of its container, from the engine itself."""
    form = '{{.Label "com.docker.compose.service"}} {{.ID}}'
    listed = host.check_output(f"docker ps --filter label=com.docker.compose.project=visits --format '{form}'")
    return dict(line.split() for line in listed.splitlines())


def front(host: t.Any) -> dict[str, t.Any]:
    code = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8090/', timeout=5).read().decode())"
    return dict(json.loads(host.check_output(f'python3 -c "{code}"')))


def definition(**web: t.Any) -> dict[str, t.Any]:
    changed = copy.deepcopy(INPUTS["compose_app_apps"][0]["definition"])
    changed["services"]["web"].update(web)
    return dict(changed)


def test_the_app_serves_with_a_real_database(host: t.Any) -> None:
    first, second = front(host), front(host)
    assert second["visits"] == first["visits"] + 1
    assert second["cached"] > first["cached"]
    assert (second["text"], second["greeting"]) == ("one\n", "it's $5")


def test_compose_came_from_debian_13_alone(host: t.Any) -> None:
    assert host.check_output("docker compose version --short").startswith("2.")
    assert host.package("docker-compose").version.startswith("2.26.")
    assert host.package("libc6").version.startswith("2.36-")  # that of Debian 12
    # Debian 12 may have newer packages by now; Debian 13 must offer none.
    offered = host.check_output("apt-get -s dist-upgrade")
    assert set(re.findall(r"^Inst .*\(\S+ [\w-]+:(\d+)", offered, re.MULTILINE)) <= {"12"}


def test_secrets_are_in_files_of_root_and_nowhere_else(host: t.Any) -> None:
    secret = host.check_output(f"cat {FOLDER}/secrets/password")
    assert host.file(f"{FOLDER}/secrets/password").mode == 0o600
    assert host.file(FOLDER).mode == 0o700
    assert len(secret) >= 40
    seen = host.check_output(
        "docker inspect $(docker ps -aq); cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' ' '"
    )
    assert "labserver-test/app" in seen
    assert secret not in seen


@pytest.mark.parametrize(
    ("changes", "replaced", "greeting", "text"),
    [
        ({"files": {"conf/site.txt": "two\n"}}, {"web"}, "it's $5", "two\n"),
        ({"environment": {"GREETING": "hello"}}, {"web"}, "hello", "one\n"),
        ({"definition": definition(stop_grace_period="3s")}, {"web"}, "it's $5", "one\n"),
        (
            {"secrets": [{"name": "password"}, {"name": "session", "value": "0123456789abcdef"}]},
            {"web"},
            "it's $5",
            "one\n",
        ),
    ],
    ids=["mounted file", "variable", "definition", "secret"],
)
def test_exactly_what_sees_a_change_is_replaced(
    host: t.Any, visits: Apply, changes: dict[str, t.Any], replaced: set[str], greeting: str, text: str
) -> None:
    visits()
    before, count = ids(host), front(host)["visits"]
    predicted = visits(check=True, **changes)
    assert ids(host) == before
    result = visits(**changes)
    after = ids(host)
    assert {name for name in after if after[name] != before[name]} == replaced
    assert {a["target"] for a in result["actions"] if a["what"] == "recreate"} == replaced
    assert predicted["actions"] == result["actions"]
    assert (front(host)["greeting"], front(host)["text"]) == (greeting, text)
    assert front(host)["visits"] > count  # the same database
    assert visits(**changes)["changed"] is False
    assert len(result["dumps"]) == 1
    assert "CREATE TABLE public.visits" in host.check_output(f"zcat {result['dumps'][0]}")


def test_a_limit_that_was_changed_by_hand_is_set_back_without_a_restart(host: t.Any, visits: Apply) -> None:
    visits()
    before = ids(host)
    form = (
        """docker inspect --format '{{or .HostConfig.RestartPolicy.Name "no"}} {{.State.StartedAt}}' """
        + before["cache"]
    )
    bound = f"docker exec {before['cache']} cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null"
    made, allowed = host.check_output(form), host.run(bound).stdout
    host.check_output(f"docker update --restart always --pids-limit 50 {before['cache']}")
    assert host.check_output(form) != made and host.run(bound).stdout == "50\n"
    predicted = visits(check=True)
    result = visits()
    assert predicted["actions"] == result["actions"]
    assert [(action["what"], action["target"]) for action in result["actions"]] == [("update", "cache")]
    assert (ids(host), host.check_output(form), host.run(bound).stdout) == (before, made, allowed)
    assert visits()["changed"] is False


def test_a_newer_image_behind_the_same_name_replaces_what_runs_it(host: t.Any) -> None:
    """The project comes as files here, where the others are written in the inventory or lie in a folder."""
    text = "services:\n  web: &same {image: labserver-test/moving, command: [sleep, infinity], init: true}\n"
    text += "  other: {<<: *same, image: labserver-test/app}\n"
    app = {"name": "moving", "files": {"compose.yaml": text}, "pull": "never", "wait_seconds": 60}
    commit = "docker commit --change 'LABEL number={0}' $(docker create labserver-test/app) labserver-test/moving"

    def apply(**changes: t.Any) -> tuple[list[tuple[str, str]], str]:
        result = module(host, "compose_apps", {"apps": [app | changes]}, False)
        form = '{{.Label "com.docker.compose.service"}} {{.ID}}'
        listed = host.check_output(f"docker ps --filter label=com.docker.compose.project=moving --format '{form}'")
        return [(a["what"], a["target"]) for a in result["actions"] if a["what"] != "write"], "\n".join(
            sorted(listed.split("\n"))
        )

    host.check_output(commit.format(1))
    actions, first = apply()
    assert actions == [("create", "other"), ("create", "web")] or actions == [("create", "web"), ("create", "other")]
    assert apply() == ([], first)
    host.check_output(commit.format(2))
    actions, second = apply()
    assert actions == [("recreate", "web")]
    assert second.split("\n")[0] == first.split("\n")[0]
    assert second.split("\n")[1] != first.split("\n")[1]
    running = host.check_output("docker inspect -f '{{.Config.Labels.number}}' moving-web-1")
    assert running == "2"
    apply(state="absent")
    host.check_output("docker ps -aq --filter ancestor=labserver-test/app --filter status=created | xargs -r docker rm")


def test_the_diff_shows_what_changes_but_no_secret(host: t.Any, visits: Apply, role: Role) -> None:
    visits()
    changes = {"files": {"conf/site.txt": "two\n"}, "environment": {"GREETING": "hello"}}
    changes["secrets"] = [{"name": "password"}, {"name": "session", "value": "fedcba9876543210"}]
    apps = [INPUTS["compose_app_apps"][0] | changes]
    status, text = role("compose_app", options=("--check", "--diff"), compose_app_apps=apps)
    assert status == 0, text
    lines = text.splitlines()
    assert {"-one", "+two", "+GREETING=hello"} <= set(lines)
    assert any(line.startswith("-GREETING=") and "$5" in line for line in lines)
    assert "--- before: visits/secrets/session" in lines, text
    for secret in ("fedcba9876543210", host.check_output(f"cat {FOLDER}/secrets/session")):
        assert secret not in text


def test_a_wrong_compose_file_stops_before_anything_is_touched(host: t.Any, visits: Apply) -> None:
    visits()
    before, digest = ids(host), host.check_output(f"sha256sum {FOLDER}/compose.yaml {FOLDER}/conf/site.txt")
    wrong = definition(ports="8090")
    result = visits(definition=wrong, files={"conf/site.txt": "must not arrive"})
    assert "docker compose config refuses the project" in result["msg"] and "ports" in result["msg"]
    assert ids(host) == before
    assert host.check_output(f"sha256sum {FOLDER}/compose.yaml {FOLDER}/conf/site.txt") == digest


def test_a_missing_image_stops_before_anything_is_touched(host: t.Any, visits: Apply) -> None:
    before = ids(host)
    assert "is not on this host" in visits(definition=definition(image="labserver-test/ghost"))["msg"]
    assert ids(host) == before


def test_a_project_that_does_not_come_up_is_taken_back(host: t.Any, visits: Apply) -> None:
    visits()
    before = ids(host)
    result = visits(definition=definition(command=["sh", "-c", "echo no such luck; exit 3"]), wait_seconds=6)
    assert "no such luck" in result["msg"] and "previous project is back" in result["msg"]
    assert front(host)["text"] == "one\n"
    after = ids(host)
    assert {name for name in after if after[name] != before[name]} == {"web"}
    assert visits()["changed"] is False


def test_the_image_that_a_build_replaced_comes_back_too(host: t.Any) -> None:
    """The build takes the name away from the image that runs; what fails with the new one must not start again."""

    def apply(command: str, **changes: t.Any) -> dict[str, t.Any]:
        files = {
            "compose.yaml": "services: {web: {build: ., image: built:1, init: true, restart: 'no'}}\n",
            "Dockerfile": f"FROM labserver-test/app\nENTRYPOINT []\nCMD {json.dumps(command.split())}\n",
        }
        app = {"name": "built", "files": files, "pull": "never", "wait_seconds": 120}
        return module(host, "compose_apps", {"apps": [app | changes]}, False)

    def image() -> str:
        return str(host.check_output("docker inspect -f '{{.Image}}' built-web-1"))

    assert apply("sleep infinity")["changed"] is True
    good = image()
    result = apply("false")
    assert "ended with exit status 1, and nothing restarts it" in result["msg"]
    assert "previous project is back" in result["msg"]
    assert image() == good == host.check_output("docker image inspect -f '{{.Id}}' built:1")
    assert host.check_output("docker inspect -f '{{.State.Status}}' built-web-1") == "running"
    assert host.check_output("docker images -q labserver-previous") == ""
    assert apply("sleep infinity")["changed"] is False
    apply("sleep infinity", state="absent")
    host.check_output("docker rmi built:1")


def test_the_data_folder_belongs_to_the_user_of_the_image(host: t.Any, visits: Apply) -> None:
    result = visits(data_uid=4711, data_gid=4712)
    assert [(action["what"], action["target"]) for action in result["actions"]] == [
        ("own", "/srv/labserver/compose/visits")
    ]
    assert host.check_output("stat -c '%u %g' /srv/labserver/compose/visits") == "4711 4712"
    assert visits(data_uid=4711, data_gid=4712)["changed"] is False
    visits(data_uid=0, data_gid=0)


def test_web_joined_the_network_of_the_host(host: t.Any) -> None:
    joined = json.loads(host.check_output("docker inspect visits-web-1"))[0]["NetworkSettings"]["Networks"]
    assert sorted(joined) == ["front", "visits_default"]


def test_absent_keeps_data_and_secrets_and_the_app_comes_back_with_them(host: t.Any, visits: Apply) -> None:
    visits()
    count = front(host)["visits"]
    result = visits(state="absent")
    assert result["changed"] is True
    assert "volume visits_data" in result["left"]
    assert ids(host) == {}
    assert visits(state="absent")["changed"] is False
    assert host.check_output("docker volume ls -q --filter name=visits_data") == "visits_data"
    assert not host.file(f"{FOLDER}/compose.yaml").exists
    visits()
    assert front(host)["visits"] == count + 2  # the health check counts as a visit


def test_the_backup_is_told(host: t.Any) -> None:
    item = json.loads(host.file("/etc/labserver/backup.d/compose_app.json").content_string)["items"][0]
    assert item["paths"] == [FOLDER, "/srv/labserver/compose/visits"]
