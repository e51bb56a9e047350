# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real hub and a real guard, each a process of its own, before a stand-in for Docker. Nothing needs an image."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bcrypt
import requests
from aiohttp import web
from hub_package import CONTEXT, assemble
from labhub.login.password_store import PasswordStore
from samples import images_document, roster_document

PASSWORD = "a password of my own"
SNIPPET = """
from jupyterhub.proxy import Proxy

class NoProxy(Proxy):
    "Remembers the routes; the tests talk to the hub itself."
    should_start = False
    routes = {{}}

    async def add_route(self, spec, target, data):
        self.routes[spec] = {{"routespec": spec, "target": target, "data": data}}

    async def delete_route(self, spec):
        self.routes.pop(spec, None)

    async def get_all_routes(self):
        return dict(self.routes)

c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_connect_ip = "127.0.0.1"
"""


def wait_for(what: Callable[[], Any], seconds: float = 40.0, words: str = "it") -> Any:
    """Return the first true result; raises AssertionError after so many seconds."""
    deadline = time.monotonic() + seconds
    found: Any = None
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, requests.RequestException):
            found = what()
            if found:
                return found
        time.sleep(0.2)
    raise AssertionError(f"{words} did not come within {seconds:.0f} seconds: {found!r}")


def free_port() -> int:
    """Return a port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Engine:
    """A stand-in for Docker. A container that runs is a small web server at an address of its own."""

    def __init__(self, path: Path, homes: Path):
        self.path = path
        self.homes = homes
        self.containers: dict[str, dict[str, Any]] = {}
        self.bodies: dict[str, dict[str, Any]] = {}
        """What was asked for when a container was made."""
        self.logs: dict[str, bytes] = {}
        self._sites: dict[str, web.AppRunner] = {}
        self._loop = asyncio.new_event_loop()
        self._number = 0
        ready = threading.Event()
        threading.Thread(target=self._run, args=(ready,), daemon=True).start()
        ready.wait(10)

    def _run(self, ready: threading.Event) -> None:
        async def begin() -> None:
            application = web.Application(client_max_size=1 << 20)
            application.router.add_route("*", "/{path:.*}", self._answer)
            runner = web.AppRunner(application)
            await runner.setup()
            await web.UnixSite(runner, str(self.path)).start()

        self._loop.run_until_complete(begin())
        ready.set()
        self._loop.run_forever()

    def close(self) -> None:
        """Stop all containers."""
        for name in list(self._sites):
            self.kill(name)

        async def end() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)

    def kill(self, name: str, code: int = 0, log: bytes = b"") -> None:
        """Let a container end by itself."""
        self.logs[name] = log
        asyncio.run_coroutine_threadsafe(self._end(name), self._loop).result(10)
        self.containers[name]["State"]["ExitCode"] = code

    async def _end(self, name: str) -> None:
        runner = self._sites.pop(name, None)
        if runner is not None:
            await runner.cleanup()
        self.containers[name]["State"] = {"Running": False, "ExitCode": 0, "Error": "", "FinishedAt": ""}

    def _find(self, reference: str) -> str | None:
        if reference in self.containers:
            return reference
        return next((name for name, one in self.containers.items() if one["Id"] == reference), None)

    async def _begin(self, name: str) -> None:
        async def serve(request: web.Request) -> web.Response:
            if self.containers[name]["State"].get("Paused"):
                await asyncio.sleep(60)
            if "/api/" in request.path:
                return web.json_response([])
            return web.json_response({"version": "2"})

        application = web.Application()
        application.router.add_route("*", "/{path:.*}", serve)
        runner = self._sites[name] = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        address = self.containers[name]["NetworkSettings"]["Networks"]["labserver-hub"]["IPAddress"]
        await web.TCPSite(runner, address, 8888).start()
        self.containers[name]["State"] = {"Running": True, "Paused": False, "ExitCode": 0}

    async def _answer(self, request: web.Request) -> web.Response:
        path, method = request.path, request.method
        if path == "/version":
            return web.json_response({"ApiVersion": "1.41"})
        if path == "/containers/json":
            return web.json_response([
                {"Id": one["Id"], "Names": [one["Name"]], "Labels": one["Config"]["Labels"],
                 "State": "running" if one["State"].get("Running") else "exited",
                 "NetworkSettings": one["NetworkSettings"]}
                for one in self.containers.values()
            ])  # fmt: skip
        if path == "/containers/create":
            return self._create(request.query["name"], await request.json())
        found = re.fullmatch(r"/containers/([^/]+)(?:/(\w+))?", path)
        name = self._find(found.group(1)) if found else None
        if found is None or name is None:
            return web.json_response({"message": f"no such thing: {path}"}, status=404)
        what = found.group(2)
        if method == "DELETE":
            await self._end(name)
            del self.containers[name]
        elif what == "json":
            return web.json_response(self.containers[name])
        elif what == "start":
            await self._begin(name)
        elif what == "stop":
            await self._end(name)
        elif what == "stats":
            return web.json_response({})
        elif what == "logs":
            return web.Response(body=self.logs.get(name, b""))
        return web.Response(status=204)

    def _create(self, name: str, body: dict[str, Any]) -> web.Response:
        if name in self.containers:
            return web.json_response({"message": "Conflict: the name is in use"}, status=409)
        self._number += 1
        self.bodies[name] = body
        address = f"127.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250}.{self._number}"
        self.containers[name] = {
            "Id": f"{self._number:064x}",
            "Name": f"/{name}",
            "Config": {"Tty": False, **{key: body[key] for key in ("Labels", "Env", "Image")}},
            "HostConfig": body["HostConfig"],
            "State": {"Running": False, "ExitCode": 0, "Error": "", "FinishedAt": ""},
            "NetworkSettings": {"Networks": {"labserver-hub": {"IPAddress": address}}},
        }
        return web.json_response({"Id": self.containers[name]["Id"]}, status=201)


class Hub:
    """A hub with a guard; ``start`` and ``stop`` are those of its container."""

    own_passwords = ("alice", "bob")
    """Who has chosen a password; ``PASSWORD`` is that of all of them."""

    def __init__(self, folder: Path, **settings: Any):
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        for name in ("public", "secrets", "config.d", "state", "links", "home", "code"):
            (folder / name).mkdir()
        assemble(folder / "code")
        self.settings = {
            "version": 1,
            "public_folder": str(folder / "public"),
            "catalogue_file": str(folder / "images.json"),
            "status_file": str(folder / "status.json"),
            "secrets_folder": str(folder / "secrets"),
            "config_folder": str(folder / "config.d"),
            "state_folder": str(folder / "state"),
            "links_folder": str(folder / "links"),
            "guard_socket": str(folder / "guard"),
            "docker_socket": str(folder / "engine"),
            "homes_folders": [str(folder / "home")],
            "password_record": str(folder / "record.json"),
            **settings,
        }
        (folder / "hub.json").write_text(json.dumps(self.settings))
        (folder / "secrets" / "proxy_token").write_text("0" * 64)
        (folder / "config.d" / "01.py").write_text(SNIPPET.format(port=self.port))
        self.people()
        store = PasswordStore(folder / "state" / "passwords.sqlite")
        store.create()
        digest = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        store.apply(dict.fromkeys(self.own_passwords, digest), [], "now")
        for name in self.own_passwords:
            store.change(name, digest, "now")
        (folder / "record.json").write_text(store.record().text())
        self.engine = Engine(folder / "engine", folder / "home")
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(folder / "code"),
            "LABHUB_SETTINGS": str(folder / "hub.json"),
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def people(self, **changes: dict[str, Any]) -> None:
        """Write the roster: alice is administrator, bob and cleo are not. ``changes``: keys of a person."""
        document = roster_document()
        users = {"alice": document["users"]["alice"]}
        users["bob"] = {**users["alice"], "system_name": "jupyter-bob", "uid": 20005, "gid": 20005, "admin": False}
        users["cleo"] = {**users["bob"], "system_name": "jupyter-cleo", "uid": 20006, "gid": 20006}
        for name, one in users.items():
            one["home"] = str(self.folder / "home" / f"jupyter-{name}")
            Path(one["home"]).mkdir(exist_ok=True)
            one.update(changes.get(name, {}))
        for name in ("passwd", "group"):
            (self.folder / "public" / name).touch()
        new = self.folder / "public" / "roster.new"
        new.write_text(json.dumps({**document, "users": users}))
        new.replace(self.folder / "public" / "roster.json")
        (self.folder / "images.json").write_text(json.dumps(images_document()))

    def _process(self, name: str, *arguments: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", *arguments], env=self.environment, stdout=log, stderr=log, cwd=self.folder
        )

    def start_guard(self) -> None:
        """Start the guard and wait until it listens."""
        (self.folder / "guard").unlink(missing_ok=True)
        self._process("guard", "labhub.guard")
        wait_for((self.folder / "guard").exists, 120, "the guard")

    def start(self) -> None:
        """Start the hub and wait until it answers."""
        self._process("hub", "labhub.app", "--config", str(CONTEXT / "jupyterhub_config.py"))

        def answers() -> bool:
            assert self.processes["hub"].poll() is None, self.log()[-3000:]
            return requests.get(f"{self.url}/hub/api/", timeout=5).ok

        wait_for(answers, 180, "the hub")

    def stop(self, name: str = "hub") -> None:
        """End one of the processes."""
        process = self.processes.pop(name, None)
        if process is not None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        if name == "guard":
            (self.folder / "guard").unlink(missing_ok=True)

    def close(self) -> None:
        """End everything."""
        for name in ("hub", "guard"):
            self.stop(name)
        self.engine.close()

    def log(self, name: str = "hub") -> str:
        """Return what a process has written."""
        return (self.folder / f"{name}.log").read_text()

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the hub's database."""
        with contextlib.closing(sqlite3.connect(self.folder / "state" / "jupyterhub.sqlite", timeout=15)) as database:
            found = database.execute(query, values).fetchall()
            database.commit()
            return found

    def login(self, name: str, password: str = PASSWORD) -> Browser:
        """Return a session of somebody who logged in."""
        browser = Browser(self.url)
        answer = browser.login(name, password)
        assert answer.status_code == 302, answer.text
        return browser


class Browser(requests.Session):
    """A session with cookies, as a browser keeps them."""

    def __init__(self, url: str):
        super().__init__()
        self.base = url

    def xsrf(self) -> str:
        """Return the token that forms and scripts send along."""
        found = [cookie.value for cookie in self.cookies if cookie.name == "_xsrf"]
        return str(found[-1]) if found else ""

    def login(self, name: str, password: str) -> requests.Response:
        """Send the login form."""
        self.get(f"{self.base}/hub/login", timeout=30)
        form = {"username": name, "password": password, "_xsrf": self.xsrf()}
        answer = self.post(f"{self.base}/hub/login", data=form, allow_redirects=False, timeout=120)
        if answer.status_code == 302:
            self.get(f"{self.base}/hub/token", timeout=30)  # a new token comes with the first page
        return answer

    def api(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """Ask the hub's API as a page of the hub does."""
        headers = {"X-XSRFToken": self.xsrf(), "Referer": f"{self.base}/hub/admin"}
        return self.request(
            method, f"{self.base}/hub/api/{path}", json=body, headers=headers, **{"timeout": 60, **options}
        )

    def start_server(self, name: str, body: Any = None) -> None:
        """Start a person's server and wait until the hub says that it is ready."""
        assert self.api("POST", f"users/{name}/server", body or {}).status_code in (201, 202)
        wait_for(lambda: self.ready(name), 120, f"the server of {name}")

    def ready(self, name: str) -> bool:
        """Tell whether the hub says that the person's server is ready."""
        model = self.api("GET", f"users/{name}").json()
        return bool((model.get("servers") or {}).get("", {}).get("ready"))
