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
from typing import Any, NoReturn

from .model import App, File, env_line
from .plan import Action, Container, Plan, render_diff
from .world import ComposeError, Host


@dataclass
class Outcome:
    """What was, or in check mode would be, done. ``errors`` has one text for each app that went wrong."""

    actions: list[Action] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    dumps: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    changed: bool = False


@dataclass
class Planned:
    plan: Plan
    current: dict[str, File]
    staged: Path
    containers: Sequence[Container]


def converge(host: Host, apps: Sequence[App], check: bool, staging: Path | None = None) -> Outcome:
    """Bring ``apps`` to their state; in check mode only say what would happen."""
    outcome = Outcome()
    missing = host.missing()
    if missing and check:
        # On a bare host a first run in check mode can still tell that every app is to be made.
        outcome.actions = [Action("create", app.name, "", missing) for app in apps if app.state == "present"]
        outcome.notes.append(f"the projects were not validated: {missing}")
        outcome.changed = bool(outcome.actions)
        return outcome
    if missing:
        outcome.errors.append(missing)
        return outcome
    containers = host.containers()
    with staging_folder(staging) as base:
        planned = plan_all(
            host, [app for app in apps if app.state == "present"], containers, base, outcome, check=check
        )
        if outcome.errors:
            return outcome  # a wrong project stops the run before any app is touched
        networks: dict[str, None] = {}
        for item in planned:
            networks.update(dict.fromkeys(host.missing_networks(item.plan.app)))
            outcome.actions.extend(item.plan.actions)
            outcome.diff.extend(show(item))
        outcome.actions[:0] = [Action("network", name, "", "does not exist") for name in networks]
        absent = [app for app in apps if app.state == "absent"]
        plan_absent(host, absent, containers, outcome)
        outcome.changed = bool(outcome.actions)
        if check:
            return outcome
        for name in networks:
            collect(outcome, name, host.checked, ["docker", "network", "create", name], "docker network create")
        for app in absent:
            collect(outcome, app.name, remove, host, app, containers)
        for item in planned:
            collect(outcome, item.plan.app.name, apply, host, item, outcome)
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
    host: Host,
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
            plan, current = host.plan(app, staged, mine, check)
        except ComposeError as error:
            outcome.errors.append(f"{app.name}: {error}")
            continue
        if check and app.pull == "always":
            outcome.notes.append(f"{app.name}: check mode does not pull, so newer images are not foreseen")
        planned.append(Planned(plan, current, staged, mine))
    return planned


def show(item: Planned) -> list[dict[str, str]]:
    app = item.plan.app
    masked = [item.plan.files[f"secrets/{s.name}"].content.decode() for s in app.secrets]
    kept = [file.content.decode(errors="replace") for path, file in item.current.items() if path.startswith("secrets/")]
    return render_diff(app, item.current, item.plan.files, item.plan.stale, masks([*masked, *kept]))


def masks(secrets: Sequence[str]) -> list[str]:
    """All forms in which ``.env`` may show a secret, the longest first: one may be a part of another."""
    forms = {form for value in secrets for form in (value, env_line("", value)[1:].strip("\"'")) if form}
    return sorted(forms, key=len, reverse=True)


def plan_absent(host: Host, apps: Sequence[App], containers: dict[str, list[Container]], outcome: Outcome) -> None:
    for app in apps:
        folder = host.project_folder(app)
        services = sorted({container.service for container in containers.get(app.name, [])})
        outcome.actions.extend(Action("remove", app.name, service, "the app is absent") for service in services)
        _parts, managed = host.manifest(app)
        left = [path for path in managed if not path.startswith("secrets/") and (folder / path).exists()]
        outcome.actions.extend(Action("delete", app.name, path, "the app is absent") for path in left)
        kept = [folder / "secrets", host.data_folder / app.name]
        outcome.left.extend(str(path) for path in kept if path.exists())


def remove(host: Host, app: App, containers: dict[str, list[Container]]) -> None:
    if containers.get(app.name):
        host.down(app)
    host.remove_project(app)


def apply(host: Host, item: Planned, outcome: Outcome) -> None:
    """Apply one plan: images first, a dump, the files, the containers, health; back to the old files when it fails."""
    plan, app = item.plan, item.plan.app
    if not plan.actions:
        host.write_manifest(plan)
        return
    if plan.containers_change:
        host.fetch(plan, item.staged)
        if app.dump and any(c.service == app.dump.service and c.status == "running" for c in item.containers):
            outcome.dumps.append(host.take_dump(app))
    previous = dict(item.current)
    host.write_project(plan, plan.files, plan.stale)
    try:
        if plan.containers_change:
            host.up(app)
            host.wait(app, list(plan.services))
    except ComposeError as error:
        if not app.rollback or not host.manifest(app)[0]:  # nothing that ever was up
            raise
        roll_back(host, item, previous, error)
    host.write_manifest(plan)


def roll_back(host: Host, item: Planned, previous: dict[str, File], error: ComposeError) -> NoReturn:
    """Bring back the files that were in place and start the old services again; always raises."""
    app = item.plan.app
    new = sorted(set(item.plan.files) - set(previous))
    host.write_project(item.plan, previous, [path for path in new if not path.startswith("secrets/")])
    before, _managed = host.manifest(app)
    try:
        host.up(app)
        host.wait(app, list(before) or sorted({container.service for container in item.containers}))
    except ComposeError as second:
        raise ComposeError(f"{error}\nGoing back to the previous project failed too: {second}") from second
    raise ComposeError(f"{error}\nThe previous project is back and up; correct the inventory and run again.") from error
