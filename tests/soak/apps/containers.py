# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the services of an example's Compose file as it says, in plain containers.

That Compose and the role take such a definition is shown in the scenario ``apps``. Only the base image is another one:
the lab's own, since Debian's of a public registry may be out of reach.
"""

from __future__ import annotations

import time
import typing as t
from collections.abc import Mapping
from pathlib import Path

import image_builds
import yaml
from image_builds import docker
from paths import ROOT

WAIT_SECONDS = 600
PREFIX = "labserver-soak-"


class App:
    """An app of ``examples/NAME`` in containers, volumes and a network that begin with the same word."""

    def __init__(self, name: str, folder: Path):
        variables = yaml.safe_load((ROOT / "examples" / name / "group_vars/all.yml").read_text())
        (self.app,) = variables["compose_app_apps"]
        self.definition: dict[str, t.Any] = self.app["definition"]
        self.name = f"{PREFIX}{name}"
        self.folder = folder
        self.files = folder / "files"
        self.files.mkdir()
        for file, text in self.app["files"].items():
            (self.files / file).write_text(text)

    def image(self, service: str) -> str:
        """Return the image of a service, built as its definition says."""
        build = self.definition["services"][service]["build"]
        dockerfile = self.files / build.get("dockerfile", "Dockerfile")
        context = self.folder / service
        if not context.exists():
            context.mkdir()
            for path in self.files.iterdir():
                (context / ("Dockerfile" if path == dockerfile else path.name)).write_bytes(path.read_bytes())
        return image_builds.build(context, image_builds.base(), f"{self.name}-{service}")

    def container(self, service: str) -> str:
        return f"{self.name}-{service}"

    def start(self, service: str, secrets: Mapping[str, str] | None = None) -> None:
        """Run a service as the definition says, and wait for its own health check."""
        said = self.definition["services"][service]
        check: list[str] = said["healthcheck"]["test"]
        assert check[0] == "CMD"
        if self.name not in docker("network", "ls", "--format", "{{.Name}}").split():
            docker("network", "create", self.name)
        options = [f"--cap-drop={each}" for each in said["cap_drop"]]
        options += [f"--security-opt={each}" for each in said["security_opt"]]
        options += [f"--env={key}={value}" for key, value in said.get("environment", {}).items()]
        for volume in said["volumes"]:
            source, target = volume.split(":")
            options.append(f"--volume={self.name}-{source}:{target}")
        for key in said.get("secrets", []):
            file = self.folder / f"secret-{key}"
            file.write_text((secrets or {})[key])
            file.chmod(0o444)
            options.append(f"--volume={file}:/run/secrets/{key}:ro")
        docker(
            "run", "--detach", "--init", "--name", self.container(service), "--network", self.name,
            "--network-alias", service, f"--memory={said['mem_limit']}", *options, self.image(service),
        )  # fmt: skip
        deadline = time.monotonic() + WAIT_SECONDS
        while not self.healthy(service, check[1:]):
            assert time.monotonic() < deadline, docker("logs", self.container(service), stderr=True)[-3000:]
            time.sleep(1)

    def healthy(self, service: str, command: list[str]) -> bool:
        wrapped = ["sh", "-c", '"$@" >/dev/null 2>&1 && echo well', "sh", *command]
        return docker("exec", self.container(service), *wrapped, check=False) == "well"

    def address(self, service: str) -> str:
        """Return the address of a service's container."""
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return docker("inspect", "--format", form, self.container(service))

    def remove(self, service: str) -> None:
        """Remove the container of a service; its volumes stay."""
        docker("rm", "--force", self.container(service), check=False)

    def clean(self) -> None:
        """Remove containers, volumes and network, also those that a killed run left."""
        for service in self.definition["services"]:
            docker("rm", "--force", "--volumes", self.container(service), check=False)
        for volume in self.definition["volumes"]:
            docker("volume", "rm", f"{self.name}-{volume}", check=False)
        docker("network", "rm", self.name, check=False)
