# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that stands between a browser and a person's server, for real: nginx as the front door, the hub's proxy, hub and
guard, and this machine's engine, which runs the images with exactly the options that people's servers get.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import collection  # noqa: F401
from docker import APIClient
from engine import Engine
from front_door import MAIN
from hub_client import HubClient
from live import PASSWORD, Hub, free_port
from module_utils._certificates import build, store
from module_utils._proxy import model, nginx
from names import Registry
from samples import image_document

NETWORK = "soak-images"
GROUPS = {"course": 30001, "teachers": 30002, "brief": 30003}
# By name uid and groups. A server of the group "brief" is stopped when it was idle for half a minute.
PEOPLE = {
    "alice": (20001, ("course", "teachers")),
    "bob": (20005, ("course",)),
    "cleo": (20006, ("course",)),
    "dora": (20007, ("brief",)),
}
IDLE_SECONDS = 30
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
SNIPPET = """
from jupyterhub.proxy import ConfigurableHTTPProxy
c.JupyterHub.proxy_class = ConfigurableHTTPProxy
c.JupyterHub.hub_bind_url = "http://{address}:{port}"
c.JupyterHub.hub_connect_ip = "{address}"
"""


def docker(*arguments: str, text: str = "") -> str:
    """Run docker and return what it prints; raises AssertionError with what it says."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, input=text)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


def reach(address: str, port: int, seconds: float = 60) -> None:
    """Wait until something listens."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection((address, port), 1):
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on {address}:{port}")


def hub_of(people: Mapping[str, Any]) -> type[Hub]:
    """Return the kind of hub in which all of them have chosen a password."""
    return type("Whole", (Hub,), {"own_passwords": tuple(people)})


class Stack:
    """The lab: alice teaches, bob and cleo are in the course; each image of ``images`` can be chosen by its name."""

    def __init__(
        self,
        folder: Path,
        images: Mapping[str, str],
        proxy_image: str,
        people: Mapping[str, tuple[int, Sequence[str]]] = PEOPLE,
        **settings: Any,
    ):
        self.registry, self.engine = Registry(), Engine(folder / "docker")
        self.folder, self.people = folder, people
        self.images = {name: self.registry.name(name, image) for name, image in images.items()}
        docker("network", "create", NETWORK)
        self.address = json.loads(docker("network", "inspect", NETWORK))[0]["IPAM"]["Config"][0]["Gateway"]
        self.proxy_port, self.api_port, self.door_port = free_port(), free_port(), free_port()
        self.hub = hub_of(people)(
            folder,
            network=NETWORK,
            container_prefix="soak-",
            proxy_api_url=f"http://127.0.0.1:{self.api_port}",
            start_timeout_seconds=180,
            **{
                "docker_socket": str(self.engine.path),
                "memory_bytes": 3 << 30,
                "culling_groups": {"brief": IDLE_SECONDS},
                "culling_warning_seconds": IDLE_SECONDS // 3,
                **settings,
            },
        )
        (folder / "config.d" / "02.py").write_text(SNIPPET.format(address=self.address, port=self.hub.port))
        self.hub.url = f"http://{self.address}:{self.hub.port}"
        self._people()
        self.proxy = docker(
            "run", "--detach", "--rm", "--network=host", "--cap-drop=ALL", "--name=soak-images-proxy",
            f"--volume={self._token()}:/token:ro", "--env=PROXY_TOKEN_FILE=/token", proxy_image,
            "--ip=127.0.0.1", f"--port={self.proxy_port}", "--api-ip=127.0.0.1", f"--api-port={self.api_port}",
            f"--default-target=http://{self.address}:{self.hub.port}",
        )  # fmt: skip
        self.nginx = self._door()
        self.base = f"https://127.0.0.1:{self.door_port}"

    def _token(self) -> Path:
        token = self.folder / "token"
        token.write_text((self.folder / "secrets" / "proxy_token").read_text())
        token.chmod(0o444)
        return token

    def _people(self) -> None:
        public = self.folder / "public"
        roster = json.loads((public / "roster.json").read_text())
        sample, lines = roster["users"]["alice"], ["root:x:0:0::/root:/bin/sh"]
        roster["groups"] = {name: {"gid": gid} for name, gid in GROUPS.items()}
        roster["users"] = {}
        for name, (uid, groups) in self.people.items():
            home = self.folder / "home" / f"jupyter-{name}"
            home.mkdir(exist_ok=True)
            os.chown(home, uid, uid)
            home.chmod(0o700)
            own = {"system_name": f"jupyter-{name}", "uid": uid, "gid": uid, "home": str(home)}
            own |= {"groups": list(groups), "limits": {}, "admin": name == "alice"}
            roster["users"][name] = {**sample, **own}
            lines.append(f"jupyter-{name}:x:{uid}:{uid}::{home}:/bin/bash")
        (public / "roster.json").write_text(json.dumps(roster))
        (public / "passwd").write_text("".join(f"{line}\n" for line in lines))
        members = {name: [f"jupyter-{one}" for one in self.people if name in self.people[one][1]] for name in GROUPS}
        rows = [f"{name}:x:{gid}:{','.join(members[name])}\n" for name, gid in GROUPS.items()]
        (public / "group").write_text("".join(rows))
        self._share()
        images = [
            image_document(
                repository=name, tag="1", reference=reference, digest=reference.partition("@")[2], title=name
            )
            for name, reference in self.images.items()
        ]
        document = {"version": 1, "updated": "2026-11-20T10:00:00Z", "images": images}
        (self.folder / "images.json").write_text(json.dumps(document))

    def _share(self) -> None:
        """A folder of the host that teachers write and others read: the place of the course's exchange."""
        bind = self.folder / "shares" / "course"
        self.course = bind / "files"
        self.course.mkdir(parents=True)
        os.chown(self.course, 0, GROUPS["teachers"])
        self.course.chmod(0o2775)
        share = {
            "type": "local", "mount_point": str(self.course), "path": "/mnt/course", "bind": str(bind),
            "access": {"course": "rw"}, "others": "none", "when_absent": "without",
        }  # fmt: skip
        document = {"version": 1, "shares": {"course": share}}
        (self.folder / "public" / "shares.json").write_text(json.dumps(document))
        # The folder above is bound with rslave, so it has to be a mount that shares, and the guard asks for one in it.
        for arguments in (["--bind", bind, bind], ["--make-rshared", bind], ["--bind", self.course, self.course]):
            subprocess.run(["mount", *arguments], check=True)

    def _door(self) -> subprocess.Popen[bytes]:
        store.install(self.folder, "server", build.self_signed(["lab.test"], "ecdsa", 30))
        item = {
            "name": "hub",
            "upstream": f"http://127.0.0.1:{self.proxy_port}",
            "port": self.door_port,
            "hub_path": "/",
        }
        text = nginx.render([model.from_mapping(item, "server")], http_port=0, ipv6=False, connections=200)
        text = text.replace("/etc/labserver/tls", f"{self.folder}/etc/labserver/tls")
        (self.folder / "labserver.conf").write_text(text)
        (self.folder / "nginx.conf").write_text(MAIN.format(root=self.folder))
        return subprocess.Popen([NGINX, "-c", self.folder / "nginx.conf", "-g", "daemon off;"])

    def begin(self) -> None:
        """Start the hub and wait until the front door leads to it."""
        self.hub.start_guard()
        reach("127.0.0.1", self.api_port)
        self.hub.start()
        reach("127.0.0.1", self.door_port)

    def close(self) -> None:
        """End everything that was started; containers of people's servers too."""
        self.hub.close()
        self.nginx.terminate()
        self.nginx.wait(20)
        servers = docker("ps", "--all", "--quiet", f"--filter=network={NETWORK}").split()
        for container in [*servers, self.proxy]:
            docker("rm", "--force", "--volumes", container)
        docker("network", "rm", NETWORK)
        docker("rmi", *self.images.values())
        self.registry.close()
        self.engine.close()
        for place in (self.course, self.course.parent):
            subprocess.run(["umount", "--lazy", place], check=False)

    def person(self, name: str) -> HubClient:
        """Return somebody who is logged in."""
        client = HubClient(self.base, name, verify=False)
        assert client.login(PASSWORD).status_code == 302
        return client

    @contextlib.contextmanager
    def server(self, name: str, image: str) -> Iterator[HubClient]:
        """A server of somebody, stopped afterwards."""
        client = self.person(name)
        if client.server() is not None:
            client.stop()
        client.start(f"{image}:1")
        client.wait_ready(180)
        try:
            yield client
        finally:
            client.stop()

    def work(self, name: str) -> str:
        """Return what the guard finds to work in somebody's server, as the hub asks it."""
        guard = APIClient(base_url=f"unix://{self.folder}/guard", version="1.41", timeout=60)
        identity = docker("inspect", "--format={{.Id}}", f"soak-jupyter-{name}")
        answer = guard.get(f"{guard.base_url}/labserver/work/{identity}?minutes=10")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["work"])

    def inside(self, name: str, command: str, text: str = "") -> str:
        """Run a shell command in somebody's server, as they would in a terminal; ``text`` is what it reads."""
        return docker("exec", "--interactive", f"soak-jupyter-{name}", "bash", "-c", command, text=text)
