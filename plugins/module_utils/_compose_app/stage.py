# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lays a project out aside, lets Compose check it there, and compares it with the host. Changes nothing that runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from . import project as folders
from .model import OVERRIDE_FILE, App, File, override, project_files, secret_values
from .plan import Action, Container, Current, Plan, compare, service_parts
from .world import ComposeError, World


def resolve(world: World, app: App, staged: Path) -> dict[str, Any]:
    """Let Compose read and check the staged project; returns it with all variables filled in.

    Raises:
        ComposeError: with Compose's own words when it refuses the project.
    """
    status, out, err = world.run([*world.compose(app, staged), "config", "--format", "json"])
    if status != 0:
        text = (err or out).strip().replace(f"{staged}/", "")
        raise ComposeError(f"docker compose config refuses the project: {text}")
    final = out.replace(str(staged), str(world.project_folder(app)))
    return cast(dict[str, Any], json.loads(final))


def lay_out(world: World, app: App, staged: Path) -> tuple[dict[str, File], dict[str, Any]]:
    """Lay out the whole project in ``staged``, check it there, and return its files and the resolved project."""
    folder = world.project_folder(app)
    values = secret_values(app, folders.kept_secrets(folder), world.generate)
    desired = project_files(app, str(folder), str(world.data_folder / app.name), values)
    for path, file in desired.items():
        folders.write(staged / path, file.content, 0o600 if file.secret else file.mode)
    folders.write(staged / OVERRIDE_FILE, override(app, str(staged), {}), 0o600)
    project = resolve(world, app, staged)
    unknown = sorted(set(app.networks) - set(project.get("services") or {}))
    if unknown:
        raise ComposeError(f"networks names the service {unknown[0]!r}, which the project does not have")
    if app.networks:
        folders.write(staged / OVERRIDE_FILE, override(app, str(staged), project["services"]), 0o600)
        project = resolve(world, app, staged)
    return desired, project


def plan(world: World, app: App, staged: Path, containers: Sequence[Container], check: bool) -> Plan:
    """Return what has to happen for an app that should be present.

    The project stays in ``staged``, complete, for pulling and building before anything is touched.
    """
    desired, project = lay_out(world, app, staged)
    folder = world.project_folder(app)
    services = service_parts(project, str(folder), desired)
    hashes = {name: parts.total() for name, parts in services.items()}
    desired[OVERRIDE_FILE] = File(override(app, str(folder), project["services"], hashes), 0o600)
    references = {name: service.get("image", "") for name, service in project["services"].items()}
    if app.pull == "always" and not check:  # a pull changes the host: check mode compares with what is there
        world.keep_images(app, containers)
        world.pull([reference for reference in references.values() if reference])
    before, managed = folders.read_manifest(folder)
    current = Current(
        files=folders.read_files(folder, [*desired, *managed]),
        managed=managed,
        services=before,
        containers=tuple(containers),
        made=folders.read_made(folder),
        image_ids={name: world.image_id(reference) for name, reference in references.items() if reference},
    )
    found = compare(app, desired, services, project, current)
    data = world.data_folder / app.name
    if data.is_dir() and app.owns_data(data.stat().st_uid, data.stat().st_gid):
        owner = Action("own", app.name, str(data), f"belongs to {data.stat().st_uid}:{data.stat().st_gid}")
        found = replace(found, actions=(*found.actions, owner))
    return found
