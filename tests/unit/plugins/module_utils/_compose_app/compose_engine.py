# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine made of a few lists, and an app for it."""

from __future__ import annotations

import copy
import json
import os
import typing as t
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ansible_collections.labserver.jupyter.plugins.module_utils._compose_app import converge as core
from ansible_collections.labserver.jupyter.plugins.module_utils._compose_app.model import (
    App,
    File,
    Secret,
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
        self.updated: list[list[str]] = []
        """What ``docker update`` was given."""
        self.update_fails = False

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
        if argv[1] == "update":
            self.updated.append(argv[2:])
            return (1, "", "no such limit here") if self.update_fails else (0, "", "")
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


def built(**service: t.Any) -> App:
    return app(definition=changed_definition(build={"context": "."}, **service))
