# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Applies the plan of one app: images first, a dump, the files, the containers, health; and the way back."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from . import limits
from . import project as folders
from .model import App, Dump, File
from .plan import Container, Plan, failed_for_good, not_ready
from .world import ComposeError, World


def apply(world: World, plan: Plan, staged: Path, dumped: Callable[[str], None]) -> None:
    """Apply one plan; ``dumped`` is told the path of the dump that was taken, also when something fails later.

    Raises:
        ComposeError: when the app does not come up; unless ``app.rollback`` is false its previous project is back then.
    """
    app, folder, running = plan.app, world.project_folder(plan.app), plan.current.containers
    if not plan.actions:
        folders.write_manifest(folder, plan, running)
        if app.pull == "always":
            world.release_images(app, running)
        return
    if plan.containers_change:
        world.keep_images(app, running)
        fetch(world, plan, staged)
        if app.dump and any(c.service == app.dump.service and c.status == "running" for c in running):
            dumped(take_dump(world, app, app.dump))
    write(world, plan, plan.files, plan.stale)
    try:
        if plan.containers_change:
            up(world, app)
            wait(world, app, list(plan.services))
    except ComposeError as error:
        if not app.rollback or not plan.current.services:  # nothing that ever was up
            raise
        roll_back(world, plan, error)
    # First what was made: limits that cannot be set back are no reason to make it once more.
    folders.write_manifest(folder, plan, world.containers().get(app.name, []))
    set_back(world, plan)
    if plan.containers_change:
        world.release_images(app, running)


def set_back(world: World, plan: Plan) -> None:
    """Set the containers back that somebody changed with ``docker update``; none is restarted."""
    services = {action.target for action in plan.actions if action.what == "update"}
    for one in plan.current.containers:
        options = limits.back(plan.current.made.get(one.id, one.limits), one.limits)[0]
        if options and one.service in services:
            world.checked(["docker", "update", *options, one.id], f"setting the service {one.service} back")


def write(world: World, plan: Plan, files: Mapping[str, File], stale: Sequence[str]) -> None:
    """Put the files of the project in place, and make the folder of the app's data."""
    app, data = plan.app, world.data_folder / plan.app.name
    data.mkdir(mode=0o755, parents=True, exist_ok=True)
    if app.owns_data(data.stat().st_uid, data.stat().st_gid):
        world.chown(data, app.data_uid, app.data_gid)
    folders.write_files(world.project_folder(app), files, stale, world.chown)


def roll_back(world: World, plan: Plan, error: ComposeError) -> NoReturn:
    """Bring back the files and images that were in place and start the old services again; always raises."""
    new = sorted(set(plan.files) - set(plan.current.files))
    write(world, plan, plan.current.files, [path for path in new if not path.startswith("secrets/")])
    try:
        world.restore_images(plan.current.containers)
        up(world, plan.app)
        wait(world, plan.app, list(plan.current.services))
        world.release_images(plan.app, plan.current.containers)
    except ComposeError as second:
        raise ComposeError(f"{error}\nGoing back to the previous project failed too: {second}") from second
    raise ComposeError(f"{error}\nThe previous project is back and up; correct the inventory and run again.") from error


def remove(world: World, app: App, containers: Sequence[Container]) -> None:
    """Take the containers, networks and project files of an absent app away; volumes, secrets and data stay."""
    if containers:
        world.checked(
            ["docker", "compose", "--project-name", app.name, "down", "--remove-orphans"], "docker compose down"
        )
    folders.remove(world.project_folder(app))


def fetch(world: World, plan: Plan, staged: Path) -> None:
    """Bring every image onto the host before anything that runs is touched."""
    services = plan.project.get("services") or {}
    if any(service.get("build") for service in services.values()):
        world.checked([*world.compose(plan.app, staged), "build", "--quiet"], "docker compose build")
    wanted = [service["image"] for service in services.values() if service.get("image") and not service.get("build")]
    absent = [reference for reference in wanted if not world.image_id(reference)]
    if absent and plan.app.pull == "never":
        raise ComposeError(
            f"the image {absent[0]} is not on this host and pull is never; load it or allow pull: missing"
        )
    world.pull(absent)


def take_dump(world: World, app: App, dump: Dump) -> str:
    """Keep the output of the app's dump command on the host; returns the path."""
    folder = world.data_folder / app.name / "dumps"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [*world.compose(app, world.project_folder(app)), "exec", "-T", dump.service, *dump.command]
    out = world.checked(command, "the dump before the change")
    path = folder / f"{world.stamp()}.gz"
    # Output that is not text (pg_dump -Fc) comes with its bytes escaped so.
    folders.write(path, gzip.compress(out.encode("utf-8", "surrogateescape")), 0o600)
    for old in sorted(folder.glob("*.gz"))[: -dump.keep]:
        old.unlink()
    return str(path)


def up(world: World, app: App) -> None:
    """Let Compose make the containers as the project folder says. Raises ComposeError."""
    command = [*world.compose(app, world.project_folder(app)), "up", "--detach", "--remove-orphans", "--no-build"]
    status, out, err = world.run(command)
    if status != 0:
        # Of Compose's progress only the last line says what is wrong.
        cause = (err or out).strip().splitlines()[-1:]
        raise ComposeError(f"docker compose up failed: {''.join(cause)}\n{world.logs(app)}")


def wait(world: World, app: App, services: Sequence[str]) -> None:
    """Wait until every service is up and the health address answers.

    Raises:
        ComposeError: after ``app.wait_seconds``, or at once when a service failed that nothing starts again; with what
            is missing and the last lines of the logs.
    """
    deadline = world.now() + app.wait_seconds
    while True:
        containers = world.containers().get(app.name, [])
        failed = failed_for_good(services, containers)
        if failed:
            raise ComposeError(f"not up: {'; '.join(failed)}\n{world.logs(app)}")
        waiting = not_ready(services, containers)
        if not waiting and app.health:
            try:
                status = world.probe(app.health)
                waiting = [] if status == app.health.status else [f"{app.health.url} answers with status {status}"]
            except OSError as error:
                waiting = [f"{app.health.url} does not answer: {error}"]
        if not waiting:
            return
        if world.now() >= deadline:
            raise ComposeError(f"not up after {app.wait_seconds} s: {'; '.join(waiting)}\n{world.logs(app)}")
        world.sleep(1.0)
