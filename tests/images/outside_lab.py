# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real hub, guard and SSH front, each a process, with real containers for files. Servers of Jupyter are stand-ins."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import docker as sdk
import image_builds
from aiohttp import web
from live import Engine, Hub, free_port, wait_for
from paths import ROOT

TOKEN = "a" * 64
NAMES = {"alice": 20001, "bob": 20005, "cleo": 20006}


def box_image() -> str:
    """Return the image of the containers for files."""
    return image_builds.build(ROOT / "roles/hub/files/images/box", image_builds.base(), "box")


class BoxEngine(Engine):
    """The stand-in for Docker, which has containers for files made by the engine of this machine."""

    def __init__(self, path: Path, homes: Path):
        self.real = sdk.APIClient(timeout=60)
        self.made: dict[str, str] = {}
        super().__init__(path, homes)

    def close(self) -> None:
        super().close()
        for identity in list(self.made.values()):
            self.real.remove_container(identity, force=True)
        self.real.close()

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.path
        named = request.query.get("name", "") if path == "/containers/create" else path.split("/")[2:3]
        name = named if isinstance(named, str) else "".join(named)
        if path == "/containers/json":
            real = [self.real.containers(all=True, filters={"id": one})[0] for one in self.made.values()]
            told = [{**one, "Names": [f"/{name}"]} for name, one in zip(self.made, real, strict=True)]
            others = json.loads((await super()._answer(request)).body)
            return web.json_response(told + others)
        if not name.startswith("files-") and name not in self.made.values():
            return await super()._answer(request)
        return await self._box(request, name)

    async def _box(self, request: web.Request, name: str) -> web.Response:
        what = request.path.rpartition("/")[2]
        if what == "create":
            body = await request.json()
            self.bodies[name] = body
            # The network of the lab and its control group are the host's; all else is as the hub wants it.
            host = {key: value for key, value in body["HostConfig"].items() if key != "NetworkMode"}
            unique = f"labserver-test-{name}-{os.getpid()}"
            self.made[name] = self.real.create_container_from_config({**body, "HostConfig": host}, unique)["Id"]
            return web.json_response({"Id": self.made[name]}, status=201)
        found = self.made.get(name) or (name if name in self.made.values() else None)
        if found is None:
            return web.json_response({"message": "no such container"}, status=404)
        if what == "json":
            shown = self.real.inspect_container(found)
            label = next(key for key, value in self.made.items() if value == found)
            return web.json_response({**shown, "Name": f"/{label}"})
        if what == "start":
            self.real.start(found)
        elif request.method == "DELETE":
            self.real.remove_container(found, force=True)
            self.made = {key: value for key, value in self.made.items() if value != found}
        return web.Response(status=204)

    def inside(self, name: str, *command: str) -> str:
        """Run a command in a person's container for files, not by SSH."""
        done = subprocess.run(
            ["docker", "exec", self.made[f"files-jupyter-{name}"], *command],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr


class OutsideLab(Hub):
    """A hub with a front. Everybody has an SSH key; cleo has none in the roster."""

    own_passwords = ("alice", "bob", "cleo")

    def __init__(self, folder: Path):
        (folder / "keys").mkdir()
        for name in NAMES:
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{name}@laptop", "-f", folder / "keys" / name],
                check=True,
            )
        super().__init__(folder, box_image=box_image(), box_memory_bytes=256 << 20, culling_enabled=False)
        self.engine.close()
        (folder / "engine").unlink()
        self.engine: BoxEngine = BoxEngine(folder / "engine", folder / "home")
        (folder / "secrets" / "ssh_token").write_text(TOKEN)
        (folder / "front").mkdir()
        self.ssh_port = free_port()
        self.environment |= {
            "LABSERVER_SSH_KEYS": str(folder / "front"),
            "LABSERVER_SSH_TOKEN": str(folder / "secrets" / "ssh_token"),
            "LABSERVER_HUB_URL": f"{self.url}/hub",
            "LABSERVER_SSH_PORT": str(self.ssh_port),
        }

    def public_key(self, name: str) -> str:
        """Return somebody's public key, as the inventory has it."""
        return (self.folder / "keys" / f"{name}.pub").read_text().strip()

    def people(self, **changes: dict[str, Any]) -> None:
        keys = {name: {"ssh_keys": [self.public_key(name)]} for name in ("alice", "bob")}
        super().people(**{name: {**keys.get(name, {}), **changes.get(name, {})} for name in NAMES})
        lines = []
        for name, uid in NAMES.items():
            home = self.folder / "home" / f"jupyter-{name}"
            os.chown(home, uid, uid)
            home.chmod(0o700)
            # A shell that lets nobody in on the host, as a lab may have it.
            lines.append(f"jupyter-{name}:x:{uid}:{uid}::{home}:/usr/sbin/nologin\n")
        (self.folder / "public" / "passwd").write_text("root:x:0:0:root:/root:/bin/bash\n" + "".join(lines))
        folder = self.folder
        while folder != Path("/tmp") and folder != Path("/"):
            folder.chmod(0o755)
            folder = folder.parent

    def start_front(self) -> None:
        """Start the front and wait until it listens."""
        self._process("front", "labhub.front")

        def greets() -> bool:
            assert self.processes["front"].poll() is None, self.log("front")
            done = subprocess.run(
                ["ssh-keyscan", "-T", "5", "-p", str(self.ssh_port), "127.0.0.1"],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            (self.folder / "known_hosts").write_text(done.stdout)
            return "ssh-ed25519" in done.stdout

        wait_for(greets, 60, "the front")

    def close(self) -> None:
        self.stop("front")
        super().close()

    def options(self, key: str = "alice", **more: str) -> list[str]:
        """Return the options of OpenSSH's programs for a key; with ``password`` that is typed."""
        found = {
            "UserKnownHostsFile": str(self.folder / "known_hosts"), "StrictHostKeyChecking": "yes",
            "IdentitiesOnly": "yes", "IdentityFile": str(self.folder / "keys" / key), "IdentityAgent": "none",
            "BatchMode": "yes", "ConnectTimeout": "30", "LogLevel": "ERROR", **more,
        }  # fmt: skip
        return ["-F", "/dev/null", *(part for key, value in found.items() for part in ("-o", f"{key}={value}"))]

    def ssh(
        self, name: str, *command: str, key: str = "", before: tuple[str, ...] = (), text: str | None = "", **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run OpenSSH's client as somebody outside."""
        line = ["ssh", *self.options(key or name, **more), "-p", str(self.ssh_port), *before]
        return subprocess.run(
            [*line, f"{name}@127.0.0.1", *command],
            capture_output=True, text=True, check=False, input=text, timeout=40, env={**os.environ, "LC_LAB": "x"},
        )  # fmt: skip

    def with_token(self, name: str, token: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run OpenSSH's client with a token as the password."""
        ask = self.folder / "askpass"
        ask.write_text(f"#!/bin/sh\necho '{token}'\n")
        ask.chmod(0o700)
        options = self.options(
            BatchMode="no", PubkeyAuthentication="no", PreferredAuthentications="password", NumberOfPasswordPrompts="1"
        )
        return subprocess.run(
            ["ssh", *options, "-p", str(self.ssh_port), f"{name}@127.0.0.1", *command],
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=40,
            env={**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"},
        )  # fmt: skip

    def rsync(self, source: Path, target: str) -> subprocess.CompletedProcess[str]:
        """Run rsync as alice, in a container beside this machine's network: not every machine has rsync."""
        shell = " ".join(["ssh", *self.options("alice"), "-p", str(self.ssh_port)])
        line = ["docker", "run", "--rm", "--network=host", "--user=0:0", "-v", f"{self.folder}:{self.folder}:ro"]
        return subprocess.run(
            [*line, box_image(), "rsync", "-rt", "--stats", "-e", shell, f"{source}/", target],
            capture_output=True, text=True, check=False, timeout=40,
        )  # fmt: skip

    def home(self, name: str) -> Path:
        """Return somebody's home as this machine sees it."""
        return self.folder / "home" / f"jupyter-{name}"
