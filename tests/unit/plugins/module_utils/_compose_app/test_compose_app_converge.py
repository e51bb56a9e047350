# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose apps against an engine made of a few lists: what is asked of it, in which order, and what is not."""

from __future__ import annotations

import copy
import gzip
import json
import os
import typing as t
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._compose_app import converge as core
from ansible_collections.labserver.jupyter.plugins.module_utils._compose_app.model import (
    App,
    Dump,
    File,
    Health,
    Secret,
    env_line,
    override,
)
from ansible_collections.labserver.jupyter.plugins.module_utils._compose_app.plan import (
    Container,
    Current,
    not_ready,
    plan_services,
)
from ansible_collections.labserver.jupyter.plugins.module_utils._compose_app.world import World

DEFINITION = {
    "services": {
        "web": {
            "image": "web:1",
            "volumes": [{"type": "bind", "source": "conf", "target": "/conf"}],
            "secrets": [{"source": "password"}],
        },
        "database": {"image": "database:1", "secrets": [{"source": "password"}]},
        "cache": {"image": "cache:1"},
    }
}


class Engine:
    """Understands the few commands that the core uses; keeps containers as ``docker inspect`` shows them."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.containers: dict[tuple[str, str], dict[str, t.Any]] = {}
        self.images = {"web:1": "sha256:w1", "database:1": "sha256:d1", "cache:1": "sha256:c1"}
        self.registry = {"web:2": "sha256:w2"}
        self.networks: set[str] = set()
        self.broken_images: set[str] = set()
        self.broken_ids: set[str] = set()
        self.built = "sha256:w-built"
        self.volumes: list[str] = []
        self.compose_installed = True

    def __call__(self, command: Sequence[str]) -> tuple[int, str, str]:
        argv = list(command)
        self.commands.append(argv)
        words = " ".join(argv)
        if argv[1] == "version":
            return 0, "26.1", ""
        if words == "docker compose version --short":
            return (0, "2.26.1", "") if self.compose_installed else (1, "", "docker: 'compose' is not a docker command")
        if argv[1] == "ps":
            return 0, "\n".join(item["Id"] for item in self.containers.values()), ""
        if argv[1:3] == ["container", "inspect"]:
            return 0, json.dumps(list(self.containers.values())), ""
        if argv[1:3] == ["image", "inspect"]:
            return (0, self.images[argv[-1]], "") if argv[-1] in self.images else (1, "", "no such image")
        if argv[1] == "tag":
            self.images[argv[3]] = argv[2]
            return 0, "", ""
        if argv[1] == "rmi":
            return (0, "", "") if self.images.pop(argv[2], None) else (1, "", "no such image")
        if argv[1] == "volume":
            return 0, "\n".join(self.volumes), ""
        if argv[1] == "pull":
            if argv[-1] not in self.registry:
                return 1, "", f"manifest for {argv[-1]} not found"
            self.images[argv[-1]] = self.registry[argv[-1]]
            return 0, "", ""
        if argv[1] == "network":
            if argv[2] == "create":
                self.networks.add(argv[3])
            return (0, "", "") if argv[3] in self.networks else (1, "", "not found")
        if argv[1] == "compose":
            return self.compose(argv)
        raise AssertionError(words)

    def compose(self, argv: list[str]) -> tuple[int, str, str]:
        name = argv[argv.index("--project-name") + 1]
        if "down" in argv:
            self.containers = {key: value for key, value in self.containers.items() if key[0] != name}
            return 0, "", ""
        folder = Path(argv[argv.index("--project-directory") + 1])
        if "exec" in argv:
            return 0, "the dump", ""
        if "logs" in argv:
            return 0, "web-1 | cannot start", ""
        files = [Path(argv[index + 1]) for index, word in enumerate(argv) if word == "--file"]
        project = json.loads(files[0].read_text())
        if "services" not in project:
            return 15, "", f"validating {files[0]}: services is missing"
        overlay = json.loads(files[-1].read_text())
        project["name"] = name
        project["secrets"] = overlay.get("secrets", {})
        for service in project["services"].values():
            for mount in service.get("volumes", []):
                mount["source"] = str(folder / mount["source"])
        for service, extra in overlay["services"].items():
            project["services"][service].update(extra)
        if "config" in argv:
            return 0, json.dumps(project), ""
        if "build" in argv:
            built = [item["image"] for item in project["services"].values() if "build" in item]
            self.images.update(dict.fromkeys(built, self.built))
            return 0, "", ""
        assert "up" in argv
        self.up(name, project)
        return 0, "", ""

    def up(self, name: str, project: dict[str, t.Any]) -> None:
        for service in [key[1] for key in self.containers if key[0] == name]:
            if service not in project["services"]:
                del self.containers[name, service]
        for service, definition in project["services"].items():
            old = self.containers.get((name, service))
            labels = {"com.docker.compose.project": name, "com.docker.compose.service": service, **definition["labels"]}
            image = self.images[definition["image"]]
            if old and old["Config"]["Labels"] == labels and old["Image"] == image:
                old["State"].update(Status="running")
                continue
            bad = definition["image"] in self.broken_images or image in self.broken_ids
            self.containers[name, service] = {
                "Id": f"{name}-{service}-{len(self.commands)}",
                "Image": image,
                "Config": {"Labels": labels, "Image": definition["image"]},
                "State": {"Status": "exited" if bad else "running", "ExitCode": 3 if bad else 0},
                "HostConfig": {"RestartPolicy": {"Name": definition.get("restart", "always")}},
            }

    def ids(self) -> dict[str, str]:
        return {key[1]: value["Id"] for key, value in self.containers.items()}

    def effects(self) -> list[str]:
        return [
            word for argv in self.commands for word in argv if word in ("up", "down", "pull", "create", "build", "exec")
        ]


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def host(engine: Engine, tmp_path: Path) -> World:
    clock = iter(range(10_000))
    values = iter("abcdefgh")
    return World(
        run=engine,
        folder=tmp_path / "etc",
        data_folder=tmp_path / "srv",
        generate=lambda length: f"made-up-{next(values)}-{length}",
        now=lambda: float(next(clock)),
        sleep=lambda seconds: None,
        probe=lambda health: 200,
        stamp=lambda: "20261120T100000Z",
        chown=lambda path, uid, gid: None,
    )


def app(**changes: t.Any) -> App:
    definition = changes.pop("definition", DEFINITION)
    files = {"compose.yaml": json.dumps(definition), "conf/site.txt": changes.pop("text", "one")}
    plain = App(
        name="notes",
        # uid of the running user: the fake chown leaves files as they are
        files={path: File(text.encode(), 0o644, os.getuid()) for path, text in files.items()},
        secrets=(Secret("password", uid=os.getuid()),),
        wait_seconds=5,
    )
    return replace(plain, **changes)


def run(host: World, *apps: App, check: bool = False) -> core.Outcome:
    return core.converge(host, apps, check)


def recreated(outcome: core.Outcome) -> dict[str, str]:
    return {a.target: a.reason for a in outcome.actions if a.what in ("create", "recreate", "start", "remove")}


def changed_definition(**service: t.Any) -> dict[str, t.Any]:
    definition = copy.deepcopy(DEFINITION)
    definition["services"]["web"].update(service)
    return definition


def test_second_run_changes_nothing_and_asks_for_nothing(host: World, engine: Engine) -> None:
    assert run(host, app()).errors == []
    before = engine.ids()
    engine.commands.clear()
    outcome = run(host, app())
    assert (outcome.changed, outcome.actions, outcome.errors, engine.effects()) == (False, [], [], [])
    assert engine.ids() == before


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"text": "two"}, {"web": "conf/site.txt changed"}),
        ({"definition": changed_definition(command=["x"])}, {"web": "definition changed"}),
        (
            {"secrets": (Secret("password", "new value", uid=os.getuid()),)},
            {"web": "secrets/password changed", "database": "secrets/password changed"},
        ),
    ],
    ids=["mounted file", "definition", "secret"],
)
def test_exactly_the_services_that_see_a_change_are_replaced(
    host: World, engine: Engine, changes: dict[str, t.Any], expected: dict[str, str]
) -> None:
    run(host, app())
    before = engine.ids()
    predicted = run(host, app(**changes), check=True)
    assert engine.ids() == before
    outcome = run(host, app(**changes))
    assert recreated(predicted) == recreated(outcome) == expected
    assert {name for name, value in engine.ids().items() if value != before[name]} == set(expected)
    assert run(host, app(**changes)).changed is False


def test_a_new_image_behind_the_same_name_replaces_the_container(host: World, engine: Engine) -> None:
    run(host, app())
    engine.images["cache:1"] = "sha256:c2"
    assert recreated(run(host, app())) == {"cache": "image changed"}
    assert run(host, app()).changed is False


def test_a_wrong_project_stops_the_run_before_any_app_is_touched(host: World, engine: Engine) -> None:
    run(host, app())
    before, text = engine.ids(), (host.folder / "notes/conf/site.txt").read_text()
    engine.commands.clear()
    outcome = run(host, app(text="two"), replace(app(definition={"service": {}}), name="wrong"))
    assert len(outcome.errors) == 1
    assert outcome.errors[0].startswith("wrong: docker compose config refuses the project: validating compose.yaml")
    assert (engine.ids(), engine.effects()) == (before, [])
    assert (host.folder / "notes/conf/site.txt").read_text() == text
    assert not (host.folder / "wrong").exists()


def test_an_image_that_cannot_be_pulled_stops_before_anything_is_touched(host: World, engine: Engine) -> None:
    run(host, app())
    before, text = engine.ids(), (host.folder / "notes/compose.yaml").read_text()
    outcome = run(host, app(definition=changed_definition(image="web:3")))
    assert outcome.errors == ["notes: docker pull web:3 failed: manifest for web:3 not found"]
    assert (engine.ids(), (host.folder / "notes/compose.yaml").read_text()) == (before, text)


def test_pull_never_names_the_missing_image(host: World, engine: Engine) -> None:
    outcome = run(host, app(definition=changed_definition(image="web:2"), pull="never"))
    assert "web:2 is not on this host" in outcome.errors[0]
    assert "pull" not in engine.effects()


def test_the_previous_project_comes_back_when_the_new_one_fails(host: World, engine: Engine) -> None:
    run(host, app())
    old = (host.folder / "notes/compose.yaml").read_text()
    engine.broken_images.add("web:2")
    outcome = run(host, app(definition=changed_definition(image="web:2"), text="two"))
    assert "service web is exited (exit status 3)" in outcome.errors[0]
    assert "cannot start" in outcome.errors[0]
    assert "previous project is back" in outcome.errors[0]
    assert (host.folder / "notes/compose.yaml").read_text() == old
    assert engine.containers["notes", "web"]["Image"] == "sha256:w1"
    assert run(host, app()).changed is False


def built(**service: t.Any) -> App:
    return app(definition=changed_definition(build={"context": "."}, **service))


def test_the_image_that_a_build_replaced_comes_back_too(host: World, engine: Engine) -> None:
    engine.built = "sha256:w-good"
    assert run(host, built()).errors == []
    engine.built = "sha256:w-bad"
    engine.broken_ids.add("sha256:w-bad")
    outcome = run(host, built(command=["new"]))
    assert "previous project is back" in outcome.errors[0]
    assert engine.images["web:1"] == engine.containers["notes", "web"]["Image"] == "sha256:w-good"
    assert engine.containers["notes", "web"]["State"]["Status"] == "running"
    assert not [name for name in engine.images if name.startswith("labserver-previous")]


def test_a_newer_image_of_the_same_name_that_fails_gives_way_to_the_old_one(host: World, engine: Engine) -> None:
    engine.registry |= {"web:1": "sha256:w1", "database:1": "sha256:d1", "cache:1": "sha256:c1"}
    run(host, app(pull="always"))
    engine.registry["web:1"] = "sha256:w-bad"
    engine.broken_ids.add("sha256:w-bad")
    assert "previous project is back" in run(host, app(pull="always")).errors[0]
    assert engine.containers["notes", "web"]["Image"] == "sha256:w1"
    assert not [name for name in engine.images if name.startswith("labserver-previous")]


def test_a_container_that_nothing_starts_again_is_not_waited_for(host: World, engine: Engine) -> None:
    engine.broken_images.add("web:1")
    outcome = run(host, app(definition=changed_definition(restart="no"), wait_seconds=100_000))
    assert "service web ended with exit status 3, and nothing restarts it" in outcome.errors[0]
    assert "cannot start" in outcome.errors[0]


def test_the_volumes_of_an_absent_app_are_named(host: World, engine: Engine) -> None:
    run(host, app())
    engine.volumes = ["notes_db"]
    outcome = run(host, replace(app(), state="absent"))
    assert outcome.left[-1] == "volume notes_db"


def test_a_volume_with_another_name_is_said_before_the_app_begins_empty(host: World, engine: Engine) -> None:
    definition = {
        **DEFINITION,
        "volumes": {"database": {"name": "notes_database"}, "x": {"external": True, "name": "x"}},
    }
    assert run(host, app(definition=definition), check=True).warnings == []
    engine.volumes = ["notes_db"]
    (warning,) = run(host, app(definition=definition), check=True).warnings
    assert warning.startswith("notes: the project no longer uses the volume notes_db and gets notes_database, which is")
    assert "volumes: {KEY: {external: true, name: notes_db}}" in warning
    engine.volumes = ["notes_db", "notes_database"]
    assert run(host, app(definition=definition), check=True).warnings == []


def test_the_data_folder_gets_its_owner(host: World) -> None:
    owners: list[tuple[str, int, int]] = []
    host.chown = lambda path, uid, gid: owners.append((path.name, uid, gid))
    run(host, app())
    assert ("notes", 1000, -1) not in owners
    outcome = run(host, app(data_uid=1000))
    assert [(action.what, action.target) for action in outcome.actions] == [("own", str(host.data_folder / "notes"))]
    assert ("notes", 1000, -1) in owners
    here = (host.data_folder / "notes").stat()
    assert run(host, app(data_uid=here.st_uid, data_gid=here.st_gid)).changed is False


def test_without_rollback_the_failed_project_stays_and_the_next_run_tries_again(host: World, engine: Engine) -> None:
    run(host, app())
    engine.broken_images.add("web:2")
    new = app(definition=changed_definition(image="web:2"), rollback=False)
    assert "previous project" not in run(host, new).errors[0]
    engine.broken_images.clear()
    del engine.containers["notes", "web"]
    assert recreated(run(host, new)) == {"web": "no container"}


def test_the_health_address_decides(host: World) -> None:
    host.probe = lambda health: 500
    outcome = run(host, app(health=Health("http://127.0.0.1:1/")))
    assert "http://127.0.0.1:1/ answers with status 500" in outcome.errors[0]


def test_a_dump_is_taken_from_the_old_containers_and_only_the_last_ones_stay(host: World, engine: Engine) -> None:
    dump = Dump("database", ("pg_dumpall",), keep=2)
    assert run(host, app(dump=dump)).dumps == []  # nothing to dump yet
    for stamp, text in (("1", "two"), ("2", "three"), ("3", "four")):
        host.stamp = lambda stamp=stamp: stamp
        engine.commands.clear()
        outcome = run(host, app(dump=dump, text=text))
        assert outcome.dumps == [str(host.data_folder / f"notes/dumps/{stamp}.gz")]
        assert engine.effects() == ["exec", "up"]
    assert sorted(path.name for path in (host.data_folder / "notes/dumps").iterdir()) == ["2.gz", "3.gz"]


def test_secrets_are_made_once_kept_and_never_shown(host: World) -> None:
    first = run(host, app())
    file = host.folder / "notes/secrets/password"
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("made-up-a-32", 0o600)
    run(host, app(text="two"))
    assert file.read_text() == "made-up-a-32"
    given = (Secret("password", "from the vault", uid=os.getuid(), environment="PASSWORD"),)
    second = run(host, app(secrets=given))
    assert (host.folder / "notes/.env").read_text().splitlines()[-1] == "PASSWORD='from the vault'"
    shown = json.dumps([first.diff, second.diff, [a.as_dict() for a in [*first.actions, *second.actions]]])
    assert "PASSWORD='********'" in shown
    assert "made-up" not in shown and "vault" not in shown


@pytest.mark.parametrize(
    "value", ["it's a s3hush$", "back\\slash s3hush", "s3hush of a block\n", "s3hush\nof two lines\n"]
)
def test_secrets_are_not_shown_in_the_form_of_the_env_file_either(host: World, value: str) -> None:
    given = (
        Secret("password", value, uid=os.getuid(), environment="PASSWORD"),
        Secret("part", "s3", uid=os.getuid()),  # must not cut the longer one to pieces
    )
    first = run(host, app(secrets=given))
    second = run(host, app(secrets=(replace(given[0], value="another"), given[1])))
    shown = json.dumps([first.diff, second.diff])
    assert not any(word in shown for word in ("hush", "slash", "block", "lines"))
    assert "PASSWORD=" in shown


def test_a_dump_may_be_binary(host: World, engine: Engine) -> None:
    content = b"PGDMP\x01\xff\xfe\x00\x80"
    run(host, app())
    host.run = lambda argv: (0, content.decode("utf-8", "surrogateescape"), "") if "exec" in argv else engine(argv)
    outcome = run(host, app(dump=Dump("database", ("pg_dump", "-Fc")), text="two"))
    assert gzip.decompress(Path(outcome.dumps[0]).read_bytes()) == content


def test_the_diff_is_the_text_of_the_file(host: World) -> None:
    run(host, app())
    pairs = {pair["after_header"]: pair for pair in run(host, app(text="two"), check=True).diff}
    assert (pairs["notes/conf/site.txt"]["before"], pairs["notes/conf/site.txt"]["after"]) == ("one", "two")


def test_absent_leaves_secrets_and_data_and_says_so(host: World, engine: Engine) -> None:
    run(host, app())
    (host.data_folder / "notes/precious").write_text("x")
    gone = replace(app(), state="absent")
    assert recreated(run(host, gone, check=True)) == dict.fromkeys(["cache", "database", "web"], "the app is absent")
    assert engine.containers
    outcome = run(host, gone)
    assert outcome.left == [str(host.folder / "notes/secrets"), str(host.data_folder / "notes")]
    assert not engine.containers
    left = sorted(str(path.relative_to(host.folder.parent)) for path in host.folder.parent.rglob("*") if path.is_file())
    assert left == ["etc/notes/secrets/password", "srv/notes/precious"]
    assert run(host, gone).changed is False
    run(host, app())
    assert (host.folder / "notes/secrets/password").read_text() == "made-up-a-32"


def test_files_that_left_the_project_go_and_unknown_ones_stay(host: World) -> None:
    run(host, app())
    (host.folder / "notes/mine.txt").write_text("by hand")
    files = {path: file for path, file in app().files.items() if path != "conf/site.txt"}
    run(host, replace(app(), files=files))
    assert not (host.folder / "notes/conf/site.txt").exists()
    assert (host.folder / "notes/mine.txt").exists()


def test_a_service_that_left_the_project_is_removed(host: World, engine: Engine) -> None:
    run(host, app())
    definition = copy.deepcopy(DEFINITION)
    del definition["services"]["cache"]
    assert recreated(run(host, app(definition=definition))) == {"cache": "no longer in the project"}
    assert sorted(engine.ids()) == ["database", "web"]


def test_check_mode_on_a_bare_host_foresees_the_apps_and_a_run_says_what_to_install(
    host: World, engine: Engine
) -> None:
    engine.compose_installed = False
    checked = run(host, app(), check=True)
    assert (checked.changed, [a.what for a in checked.actions], checked.errors) == (True, ["create"], [])
    assert "apt install docker-compose" in run(host, app()).errors[0]
    assert not host.folder.exists()


def test_networks_of_the_host_are_made_and_joined_beside_the_own_one(host: World, engine: Engine) -> None:
    outcome = run(host, app(networks={"web": ("front",)}))
    assert (outcome.errors, engine.networks) == ([], {"front"})
    overlay = json.loads((host.folder / "notes/labserver.override.json").read_text())
    assert overlay["services"]["web"]["networks"] == {"default": None, "front": None}
    assert overlay["networks"] == {"front": {"external": True, "name": "front"}}
    assert "ghost" in run(host, app(networks={"ghost": ("front",)})).errors[0]


def test_project_folder_is_closed(host: World) -> None:
    run(host, app())
    assert (host.folder / "notes").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("plain-1.2/x", "N=plain-1.2/x"),
        ("it costs $5", "N='it costs $5'"),
        ("it's $5", 'N="it\'s \\$5"'),
        ('a "b" \\ c', 'N="a \\"b\\" \\\\ c"'),
        ("two\nlines", 'N="two\\nlines"'),
        ("", "N="),
    ],
)
def test_env_lines(value: str, line: str) -> None:
    """Each line was read back by Docker Compose 2.26 as the value beside it."""
    assert env_line("N", value) == line


def test_one_shot_services_may_end_and_crashed_ones_may_not() -> None:
    done = Container("job", "h", "", "exited", 0, "", "no")
    assert not_ready(["job"], [done]) == []
    crashed = replace(done, exit_code=2)
    assert not_ready(["job"], [crashed]) == ["service job is exited (exit status 2)"]
    assert not_ready(["job"], [replace(done, restart="always")]) == ["service job is exited (exit status 0)"]
    assert not_ready(["job"], [replace(done, status="running", health="starting")]) == ["service job is starting"]
    assert not_ready(["job"], []) == ["service job has no container"]
    assert plan_services(App("a"), {}, Current()) == []


def test_override_without_hashes_labels_nothing() -> None:
    assert json.loads(override(App("a"), "/f", {"web": {}})) == {"services": {}}
