# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to happen so that a Compose app is as desired: a comparison without effects.

Each service carries a label with the hash of everything that makes it what it is: its resolved definition, and the
files of the project folder (mounted files, build context, secrets) that it sees. A container is replaced exactly when
that hash or the image behind its name changed; a mounted file that changes replaces only the services that mount it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._common.labels import CONFIG_SHA256
from . import limits
from .model import ENV_FILE, OVERRIDE_FILE, SECRETS_FOLDER, App, File


@dataclass(frozen=True)
class Container:
    """What ``docker inspect`` says about one container of a project."""

    service: str
    hash: str
    image_id: str
    status: str  # running, exited, created, restarting, paused, dead
    exit_code: int
    health: str  # healthy, unhealthy, starting, or "" without a health check
    restart: str  # name of the restart policy
    image: str = ""  # the name that it was made from
    id: str = ""
    limits: Mapping[str, str] = field(default_factory=dict)  # by the option of ``docker update``


@dataclass(frozen=True)
class Parts:
    """Hashes of what a service is made of, kept beside the project so that a plan can say what changed."""

    definition: str
    files: Mapping[str, str]

    def total(self) -> str:
        return digest(json.dumps([self.definition, sorted(self.files.items())]).encode())


@dataclass(frozen=True)
class Action:
    """One step: ``what`` is create, recreate, start, update, remove, write, delete or network."""

    what: str
    name: str
    target: str = ""
    reason: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"what": self.what, "name": self.name, "target": self.target, "reason": self.reason}


@dataclass(frozen=True)
class Current:
    """An app as it is: files of its folder, which of them are ours, the parts of its services, containers, images."""

    files: Mapping[str, File] = field(default_factory=dict)
    managed: tuple[str, ...] = ()
    services: Mapping[str, Parts] = field(default_factory=dict)
    containers: tuple[Container, ...] = ()
    image_ids: Mapping[str, str] = field(default_factory=dict)  # service -> id of the image its name stands for now
    made: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # id of a container -> its limits at first


@dataclass(frozen=True)
class Plan:
    """What has to happen for an app: its files, which of the present ones go, and the steps."""

    app: App
    files: Mapping[str, File] = field(default_factory=dict)
    stale: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    services: Mapping[str, Parts] = field(default_factory=dict)
    project: Mapping[str, Any] = field(default_factory=dict)  # as Compose resolved it
    current: Current = field(default_factory=Current)

    @property
    def containers_change(self) -> bool:
        """Tell whether any container has to be made, replaced, started or removed."""
        return any(action.what in ("create", "recreate", "start", "remove") for action in self.actions)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def seen_paths(service: Mapping[str, Any], project: Mapping[str, Any]) -> list[str]:
    """Return the absolute host paths (files or folders) whose content a service sees or is built from."""
    paths = [mount["source"] for mount in service.get("volumes") or [] if mount.get("type") == "bind"]
    for kind in ("secrets", "configs"):
        for item in service.get(kind) or []:
            definition = (project.get(kind) or {}).get(item["source"]) or {}
            if definition.get("file"):
                paths.append(definition["file"])
    context = (service.get("build") or {}).get("context")
    return [*paths, context] if context else paths


def service_parts(project: Mapping[str, Any], folder: str, files: Mapping[str, File]) -> dict[str, Parts]:
    """Return the parts of every service of the resolved ``project`` (``docker compose config --format json``)."""
    parts = {}
    for name, service in (project.get("services") or {}).items():
        used: dict[str, Any] = {"service": service}
        for kind in ("networks", "secrets", "configs"):
            known = project.get(kind) or {}
            names = [item["source"] if isinstance(item, Mapping) else item for item in service.get(kind) or []]
            used[kind] = {key: known.get(key) for key in names}
        mounted = [mount.get("source") for mount in service.get("volumes") or [] if mount.get("type") == "volume"]
        used["volumes"] = {key: (project.get("volumes") or {}).get(key) for key in mounted if key}
        prefixes = [path.rstrip("/") for path in seen_paths(service, project)]
        seen = {}
        for path, file in files.items():
            absolute = f"{folder}/{path}"
            # What the module itself writes is no content of the app, even when the whole folder is a build context.
            if path in (ENV_FILE, OVERRIDE_FILE):
                continue
            if any(absolute == prefix or absolute.startswith(prefix + "/") for prefix in prefixes):
                seen[path] = digest(f"{file.mode:o} {file.uid} ".encode() + file.content)
        parts[name] = Parts(digest(json.dumps(used, sort_keys=True).encode()), seen)
    return parts


def reason(new: Parts, old: Parts | None, image_changed: bool) -> str:
    """Say in a few words why a service is replaced."""
    reasons = []
    if old is not None and old.definition != new.definition:
        reasons.append("definition changed")
    if old is not None:
        changed = sorted(path for path in {*new.files, *old.files} if new.files.get(path) != old.files.get(path))
        reasons.extend(f"{path} changed" for path in changed)
    if image_changed:
        reasons.append("image changed")
    return ", ".join(reasons) or "configuration changed"


def is_done(container: Container) -> bool:
    """A container that ran once and ended well, as a service for a migration does."""
    return container.status == "exited" and container.exit_code == 0 and container.restart in ("", "no", "on-failure")


def compare(
    app: App,
    files: Mapping[str, File],
    services: Mapping[str, Parts],
    project: Mapping[str, Any],
    current: Current,
) -> Plan:
    """Return what has to happen so that the app is as desired."""
    actions, stale = plan_files(app, files, current)
    actions += plan_services(app, services, current)
    return Plan(app, files, tuple(stale), tuple(actions), services, project, current)


def plan_services(app: App, services: Mapping[str, Parts], current: Current) -> list[Action]:
    """Compare the services with the containers."""
    actions = []
    for name, parts in services.items():
        mine = [container for container in current.containers if container.service == name]
        image = current.image_ids.get(name, "")
        image_changed = any(image and container.image_id != image for container in mine)
        if not mine:
            actions.append(Action("create", app.name, name, "no container"))
        elif image_changed or any(container.hash != parts.total() for container in mine):
            actions.append(Action("recreate", app.name, name, reason(parts, current.services.get(name), image_changed)))
        elif any(container.status != "running" and not is_done(container) for container in mine):
            actions.append(Action("start", app.name, name, f"container is {mine[0].status}"))
        if not actions or actions[-1].target != name or actions[-1].what == "start":
            for one in mine:
                made = current.made.get(one.id, one.limits)
                if limits.back(made, one.limits)[0]:
                    changed = ", ".join(limits.changes(made, one.limits))
                    actions.append(Action("update", app.name, name, f"changed by hand: {changed}"))
    orphans = sorted({container.service for container in current.containers} - set(services))
    actions.extend(Action("remove", app.name, name, "no longer in the project") for name in orphans)
    return actions


def plan_files(app: App, desired: Mapping[str, File], current: Current) -> tuple[list[Action], list[str]]:
    """Compare the project folder. Returns the actions and the stale paths; unknown files are never touched."""
    actions = []
    for path, file in sorted(desired.items()):
        if path not in current.files:
            actions.append(Action("write", app.name, path, "new"))
        elif current.files[path] != file:
            actions.append(Action("write", app.name, path, "changed"))
    stale = sorted(
        path for path in current.managed if path in current.files and path not in desired and not is_secret(path)
    )
    actions.extend(Action("delete", app.name, path, "no longer in the project") for path in stale)
    return actions, stale


def is_secret(path: str) -> bool:
    """Tell whether a path of the project folder is one of the secrets."""
    return path.startswith(f"{SECRETS_FOLDER}/")


def container_from_inspect(item: Mapping[str, Any]) -> tuple[str, Container] | None:
    """Return (project, container) of one item of ``docker inspect``; None for ``docker compose run`` leftovers."""
    labels = item["Config"].get("Labels") or {}
    if labels.get("com.docker.compose.oneoff") == "True" or "com.docker.compose.project" not in labels:
        return None
    state = item["State"]
    container = Container(
        service=labels.get("com.docker.compose.service", ""),
        hash=labels.get(CONFIG_SHA256, ""),
        image_id=item.get("Image", ""),
        status=state.get("Status", ""),
        exit_code=int(state.get("ExitCode", 0)),
        health=(state.get("Health") or {}).get("Status", ""),
        restart=((item.get("HostConfig") or {}).get("RestartPolicy") or {}).get("Name", ""),
        image=item["Config"].get("Image", ""),
        id=item.get("Id", ""),
        limits=limits.of(item.get("HostConfig") or {}),
    )
    return labels["com.docker.compose.project"], container


def not_ready(services: Sequence[str], containers: Sequence[Container]) -> list[str]:
    """Return what still keeps the services from being up, one text each; empty when all is well."""
    waiting = []
    for name in services:
        mine = [container for container in containers if container.service == name]
        if not mine:
            waiting.append(f"service {name} has no container")
        for container in mine:
            if is_done(container):
                continue
            if container.status != "running":
                waiting.append(f"service {name} is {container.status} (exit status {container.exit_code})")
            elif container.health in ("starting", "unhealthy"):
                waiting.append(f"service {name} is {container.health}")
    return waiting


def failed_for_good(services: Sequence[str], containers: Sequence[Container]) -> list[str]:
    """Return the services that no waiting brings up: their container failed, and nothing starts it again."""
    return [
        f"service {container.service} ended with exit status {container.exit_code}, and nothing restarts it"
        for container in containers
        if container.service in services
        and container.status in ("exited", "dead")
        and container.restart in ("", "no")
        and not is_done(container)
    ]


def kept_image(app: str, service: str) -> str:
    """Return the name under which the image of a service stays while a new one is tried."""
    return f"labserver-previous:{app}.{service}"[:145]


def renamed_volumes(project: Mapping[str, Any], existing: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the volumes of the project that it does not use any more, and those that it will make.

    Both at once is what a volume looks like that got another name upstream: the app begins empty beside its old data.
    """
    wanted = {
        volume.get("name") or f"{project.get('name', '')}_{key}": bool(volume.get("external"))
        for key, volume in ((key, value or {}) for key, value in (project.get("volumes") or {}).items())
    }
    unused = sorted(set(existing) - set(wanted))
    new = sorted(name for name, external in wanted.items() if not external and name not in existing)
    return unused, new
