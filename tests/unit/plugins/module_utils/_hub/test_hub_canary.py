# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The canary of a new hub: what it gets, what it may touch, and what a visit at it tells."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import canary, canary_run
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.canary import Folders, Images
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.canary_visit import Visit, VisitError
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.configuration import Configuration
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.password_store import PasswordStore, read_record
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._hub.hub_engine import engine_of

WANTED = {
    "version": 1, "hub_name": "labserver-hub", "network": "labserver-hub", "homes_folders": ["/home"],
    "guard_socket": "/var/lib/labserver/hub-guard/docker.sock", "authenticator": "ldap", "login": {"server": "d"},
    "state_folder": "/srv/labserver/hub/state", "isolation_socket": "/host/run/labserver/hub-network.sock",
    "gpus": ["GPU-0"], "cpu": 2.0, "culling_enabled": True, "secrets_folder": "/etc/labserver/hub/secrets",
}  # fmt: skip
PEOPLE = {"version": 1, "users": {"alice": {"uid": 20001}}, "groups": {"xps": {"gid": 30002}, "leem": {"gid": 30001}}}


def test_nothing_of_the_canary_is_a_place_of_the_hub() -> None:
    found = canary.settings(WANTED, Folders())
    text = json.dumps(found)
    for place in ("/etc/labserver/hub", "/srv/labserver", "hub-guard", "hub-network", "GPU-0", '"/home"'):
        assert place not in text, place
    assert found["container_prefix"] == canary.PREFIX, "its guard knows nobody else's servers as servers"
    assert found["cpu"] == 2.0, "what people get is what the canary gets"
    assert set(found) - set(WANTED) == set(canary.NOT_WRITTEN), "no key that the new hub may not know"


def test_its_person_is_in_every_group_and_nobody_else_is_changed() -> None:
    found = canary.roster(PEOPLE, Folders())
    person = found["users"][canary.PERSON]
    assert person["groups"] == ["leem", "xps"]
    assert person["admin"] is False
    assert found["users"]["alice"] == {"uid": 20001}
    assert canary.PERSON not in PEOPLE["users"]  # type: ignore[operator]


def test_its_containers_have_no_rights_and_no_way_out() -> None:
    made = canary.bodies(Images("hub:2", "proxy:2"), Folders(), "/var/lib/labserver/catalogue", 64100, "/")
    assert list(made) == [canary.GUARD, canary.PROXY, canary.HUB]
    for body in made.values():
        host = body["HostConfig"]
        assert (host["CapDrop"], host["ReadonlyRootfs"]) == (["ALL"], True)
        assert host["NetworkMode"] in ("none", canary.NETWORK)
        assert "PortBindings" not in host
        assert not any(bind.startswith(("/etc", "/srv", "/home")) for bind in host["Binds"])
    assert made[canary.GUARD]["HostConfig"]["NetworkMode"] == "none"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> canary_run.World:
    monkeypatch.setattr(os, "chown", lambda *_rest: None)
    monkeypatch.setattr(os, "fchown", lambda *_rest: None)
    state, public = tmp_path / "state", tmp_path / "public"
    for folder in (state, public, tmp_path / "etc" / "secrets"):
        folder.mkdir(parents=True)
    (tmp_path / "etc" / "secrets" / "cookie_secret").write_text("c" * 64)
    (tmp_path / "etc" / "secrets" / "proxy_token").write_text("of the real proxy")
    (public / "roster.json").write_text(json.dumps(PEOPLE))
    (public / "passwd").write_text("root:x:0:0::/root:/bin/sh")
    with sqlite3.connect(state / "jupyterhub.sqlite") as database:
        database.execute("CREATE TABLE spawners(user_id INTEGER, server_id INTEGER)")
        database.execute("INSERT INTO spawners VALUES(1, 7)")
    store = PasswordStore(state / "passwords.sqlite")
    store.create()
    store.apply({"alice": "hash of alice"}, [], "now")
    return canary_run.World(
        engine_of(), lambda password: f"hash of {password}", lambda _name: "", tmp_path / "etc",
        state / "jupyterhub.sqlite", public, Folders(tmp_path / "canary"), -1,
    )  # fmt: skip


def test_its_state_is_a_copy_in_which_nobody_has_a_server(host: canary_run.World) -> None:
    wanted = Configuration(json.dumps(WANTED), ("c.A.b = 1",))
    password = canary_run.prepare(host, wanted, WANTED)
    base = host.folders.base
    with sqlite3.connect(base / "state" / "jupyterhub.sqlite") as copy, sqlite3.connect(host.database) as original:
        assert copy.execute("SELECT server_id FROM spawners").fetchall() == [(None,)]
        assert original.execute("SELECT server_id FROM spawners").fetchall() == [(7,)]
    store = PasswordStore(base / "state" / "passwords.sqlite")
    store.check(read_record(base / "password-store.json"))
    entry = store.get(canary.PERSON)
    assert entry is not None
    assert (entry.hash, entry.one_time) == (f"hash of {password}", False)
    assert PasswordStore(host.database.with_name("passwords.sqlite")).get(canary.PERSON) is None
    assert json.loads((base / "hub.json").read_text())["hub_name"] == canary.HUB
    assert (base / "config.d" / "01.py").read_text() == "c.A.b = 1"
    token = (base / "secrets" / "proxy_token").read_text()
    assert token == (base / "proxy" / "token").read_text() != "of the real proxy"
    assert (base / "secrets").stat().st_mode & 0o777 == 0o700


class Desk(BaseHTTPRequestHandler):
    """A hub as far as a visit sees it; ``faults`` says what does not work."""

    faults: frozenset[str]
    looks: int

    def log_message(self, *_rest: Any) -> None:
        pass

    def say(self, status: int, body: Any = None, **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def do_GET(self) -> None:
        if self.path == "/lab/hub/health":
            self.say(503 if "health" in self.faults else 200)
        elif self.path == "/lab/hub/login":
            self.say(200, Set_Cookie="_xsrf=token; Path=/lab/hub/")
        elif self.path == "/lab/user/c/api":
            self.say(*((503, None) if "proxy" in self.faults else (200, {"version": "2.21.1"})))
        elif "gone" in self.faults or type(self).looks == 0:
            self.say(200, {"servers": {}})
        else:
            self.say(200, {"servers": {"": {"ready": "slow" not in self.faults}}})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/lab/hub/login":
            refused = "password=right" not in body or "_xsrf=token" not in body
            self.say(403) if refused else self.say(302, Location="/", Set_Cookie="jupyterhub-session-id=s; Path=/")
        elif (self.headers["X-XSRFToken"], self.headers["Content-Type"]) != ("token", "application/json"):
            self.say(403, {"message": "Missing or invalid credentials."})
        elif "refused" in self.faults:
            self.say(400, {"message": "there is no image"})
        else:
            type(self).looks = 1
            self.say(202)

    def do_DELETE(self) -> None:
        type(self).looks = 0
        self.say(204)


@pytest.fixture
def desk() -> Iterator[tuple[type[Desk], str]]:
    class Own(Desk):
        faults = frozenset()
        looks = 0

    with ThreadingHTTPServer(("127.0.0.1", 0), Own) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Own, f"http://127.0.0.1:{server.server_port}/lab/"
        server.shutdown()


def test_a_visit_that_goes_well(desk: tuple[type[Desk], str]) -> None:
    visit = Visit(desk[1], "c", lambda _seconds: None)
    assert visit.answers()
    visit.log_in("right")
    assert visit.start(5) == "2.21.1"
    visit.stop(5)


def test_a_wrong_password_is_refused(desk: tuple[type[Desk], str]) -> None:
    with pytest.raises(VisitError, match=r"the login was refused \(HTTP 403\)"):
        Visit(desk[1], "c").log_in("wrong")


@pytest.mark.parametrize(("fault", "words"), [
    ("refused", "no server starts (HTTP 400): there is no image"),
    ("gone", "the server does not start: the disk is full"),
    ("slow", "the server is not ready within 0 seconds"),
])  # fmt: skip
def test_a_server_that_does_not_start_says_why(desk: tuple[type[Desk], str], fault: str, words: str) -> None:
    desk[0].faults = frozenset({fault})
    visit = Visit(desk[1], "c", lambda _seconds: None)
    visit.log_in("right")
    with pytest.raises(VisitError) as caught:
        visit.start(0, lambda: "the disk is full")
    assert words in str(caught.value)


def test_a_hub_that_is_not_there_does_not_answer() -> None:
    assert Visit("http://127.0.0.1:9/", "c").answers() is False
