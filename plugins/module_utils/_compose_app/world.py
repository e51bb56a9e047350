# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads and changes Compose apps on a host: project folders, ``docker`` and ``docker compose``."""

from __future__ import annotations

import gzip
import json
import os
import secrets
import ssl
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from .model import OVERRIDE_FILE, SECRETS_FOLDER, App, File, Health, override, project_files, secret_values
from .plan import Container, Parts, Plan, container_from_inspect, not_ready, plan_files, plan_services, service_parts

MANIFEST = ".labserver.json"
LOG_LINES = "40"


class ComposeError(Exception):
    """An app that cannot be brought to its state; the text says why and what to do."""


Run = Callable[[Sequence[str]], tuple[int, str, str]]


def http_status(health: Health) -> int:
    """Return the status code that the address answers with; raises OSError when nothing answers."""
    context = ssl.create_default_context()
    if not health.validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), NoRedirect())
    try:
        with opener.open(health.url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer of its own: following it could leave the host."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


@dataclass
class Host:
    """The world as the apps see it. Everything with an effect is handed in, so that tests bring their own."""

    run: Run
    folder: Path = Path("/etc/labserver/compose")
    data_folder: Path = Path("/srv/labserver/compose")
    generate: Callable[[int], str] = secrets.token_urlsafe
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    probe: Callable[[Health], int] = http_status
    stamp: Callable[[], str] = field(default=lambda: time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()))
    chown: Callable[[Path, int], None] = field(default=lambda path, uid: os.chown(path, uid, -1))

    # -- reading ------------------------------------------------------------------------------------------------------

    def project_folder(self, app: App) -> Path:
        return self.folder / app.name

    def missing(self) -> str:
        """Return what the host lacks to run Compose apps ("" when nothing), with the way to get it."""
        if self.run(["docker", "version", "--format", "{{.Server.Version}}"])[0] != 0:
            return "the Docker engine does not answer; install or start it (role labserver.jupyter.docker)"
        if self.run(["docker", "compose", "version", "--short"])[0] != 0:
            return (
                "there is no Docker Compose v2; Debian 13: apt install docker-compose, Docker's own repository: "
                "apt install docker-compose-plugin, or let the role labserver.jupyter.compose_app install it"
            )
        return ""

    def current_files(self, app: App, paths: Sequence[str]) -> dict[str, File]:
        """Read those of ``paths`` that exist in the project folder."""
        found = {}
        for path in paths:
            file = self.project_folder(app) / path
            if file.is_file():
                status = file.stat()
                found[path] = File(file.read_bytes(), status.st_mode & 0o7777, status.st_uid, is_secret_path(path))
        return found

    def kept_secrets(self, app: App) -> dict[str, bytes]:
        folder = self.project_folder(app) / SECRETS_FOLDER
        return {file.name: file.read_bytes() for file in folder.iterdir()} if folder.is_dir() else {}

    def manifest(self, app: App) -> tuple[dict[str, Parts], list[str]]:
        """Return what the last run wrote: the parts of each service and the names of the managed files."""
        try:
            data = json.loads((self.project_folder(app) / MANIFEST).read_text())
            parts = {name: Parts(item["definition"], item["files"]) for name, item in data["services"].items()}
            return parts, list(data["files"])
        except (OSError, ValueError, KeyError, TypeError):
            return {}, []

    def containers(self) -> dict[str, list[Container]]:
        """Return the containers of all Compose projects of the host, by project."""
        status, out, err = self.run(
            ["docker", "ps", "-aq", "--no-trunc", "--filter", "label=com.docker.compose.project"]
        )
        if status != 0:
            raise ComposeError(f"docker ps failed: {err.strip()}")
        identifiers = out.split()
        if not identifiers:
            return {}
        # A container that goes away meanwhile makes inspect fail, but it still lists the others.
        listed = self.run(["docker", "container", "inspect", *identifiers])[1]
        projects: dict[str, list[Container]] = {}
        for item in json.loads(listed or "[]"):
            found = container_from_inspect(item)
            if found:
                projects.setdefault(found[0], []).append(found[1])
        return projects

    def image_id(self, reference: str) -> str:
        status, out, _err = self.run(["docker", "image", "inspect", "--format", "{{.Id}}", reference])
        return out.strip() if status == 0 else ""

    # -- planning -----------------------------------------------------------------------------------------------------

    def compose(self, app: App, folder: Path) -> list[str]:
        """Return the command line of Compose for the project as it lies in ``folder``."""
        command = ["docker", "compose", "--project-name", app.name, "--project-directory", str(folder)]
        for path in [*app.compose_files, OVERRIDE_FILE]:
            command += ["--file", str(folder / path)]
        return command

    def resolve(self, app: App, staged: Path) -> dict[str, Any]:
        """Let Compose read and check the staged project; returns it with all variables filled in.

        Raises:
            ComposeError: with Compose's own words when it refuses the project.
        """
        status, out, err = self.run([*self.compose(app, staged), "config", "--format", "json"])
        if status != 0:
            text = (err or out).strip().replace(f"{staged}/", "")
            raise ComposeError(f"docker compose config refuses the project: {text}")
        final = out.replace(str(staged), str(self.project_folder(app)))
        return cast(dict[str, Any], json.loads(final))

    def stage(self, app: App, staged: Path) -> tuple[dict[str, File], dict[str, Any]]:
        """Lay out the whole project in ``staged``, check it there, and return its files and the resolved project."""
        folder = self.project_folder(app)
        values = secret_values(app, self.kept_secrets(app), self.generate)
        desired = project_files(app, str(folder), str(self.data_folder / app.name), values)
        for path, file in desired.items():
            write(staged / path, file.content, 0o600 if file.secret else file.mode)
        write(staged / OVERRIDE_FILE, override(app, str(staged), {}), 0o600)
        project = self.resolve(app, staged)
        unknown = sorted(set(app.networks) - set(project.get("services") or {}))
        if unknown:
            raise ComposeError(f"networks names the service {unknown[0]!r}, which the project does not have")
        if app.networks:
            write(staged / OVERRIDE_FILE, override(app, str(staged), project["services"]), 0o600)
            project = self.resolve(app, staged)
        return desired, project

    def plan(
        self, app: App, staged: Path, containers: Sequence[Container], check: bool
    ) -> tuple[Plan, dict[str, File]]:
        """Return what has to happen for an app that should be present, and the files as they are now.

        The project stays in ``staged``, complete, for pulling and building before anything is touched.
        """
        desired, project = self.stage(app, staged)
        folder = self.project_folder(app)
        services = service_parts(project, str(folder), desired)
        hashes = {name: parts.total() for name, parts in services.items()}
        desired[OVERRIDE_FILE] = File(override(app, str(folder), project["services"], hashes), 0o600)
        before, managed = self.manifest(app)
        current = self.current_files(app, [*desired, *managed])
        actions, stale = plan_files(app, desired, current, managed)
        references = {name: service.get("image", "") for name, service in project["services"].items()}
        if app.pull == "always" and not check:  # a pull changes the host: check mode compares with what is there
            self.pull([reference for reference in references.values() if reference])
        ids = {name: self.image_id(reference) for name, reference in references.items() if reference}
        actions += plan_services(app, services, before, containers, ids)
        return Plan(app, desired, stale, actions, services, project), current

    def missing_networks(self, app: App) -> list[str]:
        names = sorted({network for networks in app.networks.values() for network in networks})
        return [name for name in names if self.run(["docker", "network", "inspect", name])[0] != 0]

    # -- changing -----------------------------------------------------------------------------------------------------

    def checked(self, command: Sequence[str], what: str) -> str:
        status, out, err = self.run(command)
        if status != 0:
            raise ComposeError(f"{what} failed: {(err or out).strip()[-2000:]}")
        return out

    def pull(self, references: Sequence[str]) -> None:
        for reference in sorted(set(references)):
            self.checked(["docker", "pull", "--quiet", reference], f"docker pull {reference}")

    def fetch(self, plan: Plan, staged: Path) -> None:
        """Bring every image onto the host before anything that runs is touched."""
        services = plan.project.get("services") or {}
        if any(service.get("build") for service in services.values()):
            self.checked([*self.compose(plan.app, staged), "build", "--quiet"], "docker compose build")
        wanted = [
            service["image"] for service in services.values() if service.get("image") and not service.get("build")
        ]
        absent = [reference for reference in wanted if not self.image_id(reference)]
        if absent and plan.app.pull == "never":
            raise ComposeError(
                f"the image {absent[0]} is not on this host and pull is never; load it or allow pull: missing"
            )
        self.pull(absent)

    def write_project(self, plan: Plan, files: Mapping[str, File], stale: Sequence[str]) -> None:
        """Put the files in place; those that are as they should be are left alone."""
        folder = self.project_folder(plan.app)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.data_folder / plan.app.name).mkdir(mode=0o755, parents=True, exist_ok=True)
        current = self.current_files(plan.app, list(files))
        for path, file in files.items():
            if current.get(path) != file:
                write(folder / path, file.content, file.mode)
                self.chown(folder / path, file.uid)
        for path in stale:
            (folder / path).unlink(missing_ok=True)

    def write_manifest(self, plan: Plan) -> None:
        services = {name: {"definition": p.definition, "files": dict(p.files)} for name, p in plan.services.items()}
        text = json.dumps({"services": services, "files": sorted(plan.files)}, indent=1, sort_keys=True)
        path = self.project_folder(plan.app) / MANIFEST
        if not path.exists() or path.read_text() != text:
            write(path, text.encode(), 0o600)

    def take_dump(self, app: App) -> str:
        """Keep the output of the app's dump command on the host; returns the path."""
        if app.dump is None:
            return ""
        folder = self.data_folder / app.name / "dumps"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = [*self.compose(app, self.project_folder(app)), "exec", "-T", app.dump.service, *app.dump.command]
        out = self.checked(command, "the dump before the change")
        path = folder / f"{self.stamp()}.gz"
        # Output that is no text (pg_dump -Fc) comes with its bytes escaped so.
        write(path, gzip.compress(out.encode("utf-8", "surrogateescape")), 0o600)
        for old in sorted(folder.glob("*.gz"))[: -app.dump.keep]:
            old.unlink()
        return str(path)

    def up(self, app: App) -> None:
        command = [*self.compose(app, self.project_folder(app)), "up", "--detach", "--remove-orphans", "--no-build"]
        status, out, err = self.run(command)
        if status != 0:
            # Of Compose's progress only the last line says what is wrong.
            cause = (err or out).strip().splitlines()[-1:]
            raise ComposeError(f"docker compose up failed: {''.join(cause)}\n{self.logs(app)}")

    def wait(self, app: App, services: Sequence[str]) -> None:
        """Wait until every service is up and the health address answers.

        Raises:
            ComposeError: after ``app.wait_seconds``, with what is missing and the last lines of the logs.
        """
        deadline = self.now() + app.wait_seconds
        while True:
            waiting = not_ready(services, self.containers().get(app.name, []))
            if not waiting and app.health:
                try:
                    status = self.probe(app.health)
                    waiting = [] if status == app.health.status else [f"{app.health.url} answers with status {status}"]
                except OSError as error:
                    waiting = [f"{app.health.url} does not answer: {error}"]
            if not waiting:
                return
            if self.now() >= deadline:
                logs = self.run(
                    [*self.compose(app, self.project_folder(app)), "logs", "--no-color", "--tail", LOG_LINES]
                )[1]
                raise ComposeError(f"not up after {app.wait_seconds} s: {'; '.join(waiting)}\n{logs[-4000:]}")
            self.sleep(1.0)

    def logs(self, app: App) -> str:
        command = [*self.compose(app, self.project_folder(app)), "logs", "--no-color", "--tail", LOG_LINES]
        return self.run(command)[1][-4000:]

    def down(self, app: App) -> None:
        """Take the containers and networks of a project away; volumes, secrets and data stay."""
        self.checked(
            ["docker", "compose", "--project-name", app.name, "down", "--remove-orphans"], "docker compose down"
        )

    def remove_project(self, app: App) -> None:
        """Delete the files that this module wrote, except the secrets, which the kept data may need."""
        _parts, managed = self.manifest(app)
        folder = self.project_folder(app)
        for path in [*managed, MANIFEST]:
            if not is_secret_path(path):
                (folder / path).unlink(missing_ok=True)
        remove_empty(folder)


def is_secret_path(path: str) -> bool:
    return path.startswith(SECRETS_FOLDER + "/")


def remove_empty(folder: Path) -> None:
    """Remove empty folders below and including ``folder``."""
    for path in sorted((p for p in folder.rglob("*") if p.is_dir()), key=lambda p: len(p.parts), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def write(path: Path, content: bytes, mode: int) -> None:
    """Replace a file in one step. Folders are made so that containers may pass; the project folder itself is 0700."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
