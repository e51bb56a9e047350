# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Brings all Compose apps of a host to their state: plan every app, stop if one is wrong, then apply one by one."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import limits
from . import project as folders
from .apply import apply, remove
from .diff import render_diff
from .model import App
from .plan import Action, Container, Plan, is_secret, renamed_volumes
from .stage import plan
from .world import ComposeError, World


@dataclass
class Outcome:
    """What was, or in check mode would be, done. ``errors`` has one text for each app that went wrong."""

    actions: list[Action] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    dumps: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    changed: bool = False


@dataclass(frozen=True)
class Planned:
    """A plan, and where its project lies aside."""

    plan: Plan
    staged: Path


def converge(world: World, apps: Sequence[App], check: bool, staging: Path | None = None) -> Outcome:
    """Bring ``apps`` to their state; in check mode only say what would happen."""
    outcome = Outcome()
    missing = world.missing()
    if missing and check:
        # On a bare host a first run in check mode can still tell that every app is to be made.
        outcome.actions = [Action("create", app.name, "", missing) for app in apps if app.state == "present"]
        outcome.notes.append(f"the projects were not validated: {missing}")
        outcome.changed = bool(outcome.actions)
        return outcome
    if missing:
        outcome.errors.append(missing)
        return outcome
    containers = world.containers()
    with staging_folder(staging) as base:
        planned = plan_all(
            world, [app for app in apps if app.state == "present"], containers, base, outcome, check=check
        )
        if outcome.errors:
            return outcome  # a wrong project stops the run before any app is touched
        networks: dict[str, None] = {}
        for item in planned:
            networks.update(dict.fromkeys(world.missing_networks(item.plan.app)))
            outcome.actions.extend(item.plan.actions)
            outcome.diff.extend(render_diff(item.plan))
        outcome.actions[:0] = [Action("network", name, "", "does not exist") for name in networks]
        absent = [app for app in apps if app.state == "absent"]
        plan_absent(world, absent, containers, outcome)
        outcome.changed = bool(outcome.actions)
        if check:
            return outcome
        for name in networks:
            collect(outcome, name, world.checked, ["docker", "network", "create", name], "docker network create")
        for app in absent:
            collect(outcome, app.name, remove, world, app, containers.get(app.name, []))
        for item in planned:
            collect(outcome, item.plan.app.name, apply, world, item.plan, item.staged, outcome.dumps.append)
    return outcome


@contextlib.contextmanager
def staging_folder(parent: Path | None) -> Iterator[Path]:
    """A private folder (0700: it holds secrets for a moment) that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="labserver-compose-", dir=parent) as name:
        yield Path(name)


def collect(outcome: Outcome, name: str, step: Callable[..., Any], *arguments: Any) -> None:
    """Run one app's step; a failure is written down and does not keep the other apps from theirs."""
    try:
        step(*arguments)
    except ComposeError as error:
        outcome.errors.append(f"{name}: {error}")


def plan_all(
    world: World,
    apps: Sequence[App],
    containers: dict[str, list[Container]],
    base: Path,
    outcome: Outcome,
    *,
    check: bool,
) -> list[Planned]:
    planned = []
    for app in apps:
        staged = base / app.name
        staged.mkdir(mode=0o700)
        mine = containers.get(app.name, [])
        try:
            planned.append(Planned(plan(world, app, staged, mine, check), staged))
        except ComposeError as error:
            outcome.errors.append(f"{app.name}: {error}")
            continue
        outcome.warnings.extend(volume_warnings(world, planned[-1].plan))
        outcome.warnings.extend(limit_warnings(world, planned[-1].plan))
        if check and app.pull == "always":
            outcome.notes.append(f"{app.name}: check mode does not pull, so newer images are not foreseen")
    return planned


def volume_warnings(world: World, plan: Plan) -> list[str]:
    """Say that the app begins with an empty volume beside an old one that it does not use any more."""
    unused, new = renamed_volumes(plan.project, world.volumes(plan.app))
    if not unused or not new:
        return []
    return [
        f"{plan.app.name}: the project no longer uses the volume {', '.join(unused)} and gets {', '.join(new)}, which "
        "is empty. If upstream renamed it, name the old one: volumes: {KEY: {external: true, name: "
        f"{unused[0]}}}}}; otherwise remove it with docker volume rm"
    ]


def limit_warnings(world: World, plan: Plan) -> list[str]:
    """Say which limits, set by hand, Docker takes off no container that exists."""
    anew = {action.target for action in plan.actions if action.what in ("create", "recreate", "remove")}
    found = []
    for one in plan.current.containers:
        _options, stuck = limits.back(plan.current.made.get(one.id, one.limits), one.limits)
        if stuck and one.service not in anew:
            found.append(
                f"{plan.app.name}: {', '.join(stuck)} of the service {one.service} was set by hand, and Docker takes "
                "it off only when the container is made anew, which restarts it: "
                f"cd {world.project_folder(plan.app)} && "
                f"docker compose up --detach --no-deps --force-recreate {one.service}"
            )
    return found


def plan_absent(world: World, apps: Sequence[App], containers: dict[str, list[Container]], outcome: Outcome) -> None:
    for app in apps:
        folder = world.project_folder(app)
        services = sorted({container.service for container in containers.get(app.name, [])})
        outcome.actions.extend(Action("remove", app.name, service, "the app is absent") for service in services)
        _parts, managed = folders.read_manifest(folder)
        left = [path for path in managed if not is_secret(path) and (folder / path).exists()]
        outcome.actions.extend(Action("delete", app.name, path, "the app is absent") for path in left)
        kept = [folder / "secrets", world.data_folder / app.name]
        outcome.left.extend(str(path) for path in kept if path.exists())
        outcome.left.extend(f"volume {name}" for name in world.volumes(app))
