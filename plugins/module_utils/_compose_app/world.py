# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host as Compose apps see it: ``docker`` and ``docker compose``, folders, clock, health; all handed in."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .._common import probe as common_probe
from .model import OVERRIDE_FILE, App, Health
from .plan import Container, container_from_inspect, kept_image

LOG_LINES = "40"
PROBE_SECONDS = 5.0


class ComposeError(Exception):
    """An app that cannot be brought to its state; the text says why and what to do."""


Run = Callable[[Sequence[str]], tuple[int, str, str]]


def http_status(health: Health) -> int:
    """Return the status code that the address answers with, redirects not followed: that could leave the host.

    Raises OSError when there is no answer in time, or none with a valid certificate.
    """
    return common_probe.get(health.url, PROBE_SECONDS, verify=health.validate_certs, most_bytes=0)[0]


@dataclass
class World:
    """Everything with an effect is handed in, so that tests bring their own."""

    run: Run
    folder: Path = Path("/etc/labserver/compose")
    data_folder: Path = Path("/srv/labserver/compose")
    generate: Callable[[int], str] = secrets.token_urlsafe
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    probe: Callable[[Health], int] = http_status
    stamp: Callable[[], str] = field(default=lambda: time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()))
    chown: Callable[[Path, int, int], None] = os.chown

    def project_folder(self, app: App) -> Path:
        """Return the folder of the app's project on the host."""
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

    def checked(self, command: Sequence[str], what: str) -> str:
        """Run a command and return its output; raises ComposeError that begins with ``what``."""
        status, out, err = self.run(command)
        if status != 0:
            raise ComposeError(f"{what} failed: {(err or out).strip()[-2000:]}")
        return out

    def compose(self, app: App, folder: Path) -> list[str]:
        """Return the command line of Compose for the project as it lies in ``folder``."""
        command = ["docker", "compose", "--project-name", app.name, "--project-directory", str(folder)]
        for path in [*app.compose_files, OVERRIDE_FILE]:
            command += ["--file", str(folder / path)]
        return command

    def logs(self, app: App) -> str:
        """Return the last lines of the logs of the app's containers."""
        command = [*self.compose(app, self.project_folder(app)), "logs", "--no-color", "--tail", LOG_LINES]
        return self.run(command)[1][-4000:]

    def containers(self) -> dict[str, list[Container]]:
        """Return the containers of all Compose projects of the host, by project."""
        out = self.checked(
            ["docker", "ps", "-aq", "--no-trunc", "--filter", "label=com.docker.compose.project"], "docker ps"
        )
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
        """Return the id of the image that a name stands for now, "" when there is none."""
        status, out, _err = self.run(["docker", "image", "inspect", "--format", "{{.Id}}", reference])
        return out.strip() if status == 0 else ""

    def volumes(self, app: App) -> list[str]:
        """Return the volumes that belong to the app's project."""
        only = f"label=com.docker.compose.project={app.name}"
        return sorted(self.checked(["docker", "volume", "ls", "--quiet", "--filter", only], "docker volume ls").split())

    def keep_images(self, app: App, containers: Sequence[Container]) -> None:
        """Give the images that the app runs a name of their own: a build or a pull takes theirs away."""
        for container in containers:
            # An image that is gone already cannot be kept; the way back is without it then.
            self.run(["docker", "tag", container.image_id, kept_image(app.name, container.service)])

    def restore_images(self, containers: Sequence[Container]) -> None:
        """Let the names that the containers were made from stand for their images again."""
        for container in containers:
            named = container.image and "@" not in container.image and not container.image.startswith("sha256:")
            if named and self.image_id(container.image) != container.image_id:
                self.checked(["docker", "tag", container.image_id, container.image], "bringing the old image back")

    def release_images(self, app: App, containers: Sequence[Container]) -> None:
        """Take the names away that the kept images had."""
        for service in sorted({container.service for container in containers}):
            self.run(["docker", "rmi", kept_image(app.name, service)])

    def pull(self, references: Sequence[str]) -> None:
        """Pull images; raises ComposeError."""
        for reference in sorted(set(references)):
            self.checked(["docker", "pull", "--quiet", reference], f"docker pull {reference}")

    def missing_networks(self, app: App) -> list[str]:
        """Return the networks of the host that the app's services join and that do not exist."""
        names = sorted({network for networks in app.networks.values() for network in networks})
        return [name for name in names if self.run(["docker", "network", "inspect", name])[0] != 0]
