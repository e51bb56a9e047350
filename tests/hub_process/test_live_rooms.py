# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A room of a real hub: members of its group start and enter it, others do not, and who leaves the group is out."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from entering import answered, may_enter
from live import PASSWORD, Browser, Hub, wait_for

ROOM = "room-course"
CLIENT = f"jupyterhub-user-{ROOM}"


def write_roster(hub: Hub, **changes: dict[str, Any]) -> None:
    """Write the roster with a room for the group leem; cleo is not in that group."""
    hub.people(**{"cleo": {"groups": ["xps"]}, **changes})
    path = hub.folder / "public" / "roster.json"
    document = json.loads(path.read_text())
    home = hub.folder / "home" / f"jupyter-{ROOM}"
    home.mkdir(exist_ok=True)
    room = {
        "system_name": f"jupyter-{ROOM}", "uid": 20009, "gid": 20009, "full_name": "Course <2026>", "home": str(home),
        "shell": "/usr/sbin/nologin", "groups": ["leem"], "admin": False, "state": "present", "expires": None,
        "limits": {"memory_bytes": 1 << 29, "images": ["notebook"]}, "room": {"image": "notebook"},
    }  # fmt: skip
    document["users"][ROOM] = {**room, **changes.get("room", {})}
    new = path.with_suffix(".new")
    new.write_text(json.dumps(document))
    new.replace(path)


class LabHub(Hub):
    """A hub whose third person has a password too. The room has none."""

    own_passwords = ("alice", "bob", "cleo")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    hub = LabHub(tmp_path_factory.mktemp("rooms"), sharing=True, sharing_hours=24, culling_enabled=False)
    write_roster(hub)
    hub.start_guard()
    hub.start()
    yield hub
    hub.close()


@pytest.fixture
def bob(hub: Hub) -> Browser:
    write_roster(hub)
    browser = hub.login("bob")
    wait_for(lambda: ROOM in names_of_rows(hub), words="the room's row")
    return browser


def names_of_rows(hub: Hub) -> set[str]:
    return {name for (name,) in hub.rows("select name from users")}


def opened(hub: Hub, browser: Browser) -> None:
    """Have the room run, opened from its button on the first page."""
    wait_for(lambda: member(hub, browser.get(f"{hub.url}/hub/home", timeout=60).text), words="the room on the page")
    answer = browser.get(f"{hub.url}/hub/spawn/{ROOM}", timeout=60, allow_redirects=False)
    assert answer.status_code == 302, answer.text[-500:]
    wait_for(lambda: running(hub), words="the room")


def member(hub: Hub, page: str) -> bool:
    """Tell whether a page shows the room, and JupyterHub has the group."""
    query = "select u.name from users u join user_group_map m on m.user_id = u.id"
    return f'data-room="{ROOM}"' in page and ("bob",) in hub.rows(query)


def running(hub: Hub) -> dict[str, Any] | None:
    found = hub.engine.containers.get(f"jupyter-{ROOM}")
    ready = "select 1 from spawners s join users u on u.id = s.user_id where u.name = ? and s.server_id is not null"
    return found if found and found["State"].get("Running") and hub.rows(ready, ROOM) else None


def test_a_member_opens_the_room_and_it_runs_as_its_own_account(hub: Hub, bob: Browser) -> None:
    opened(hub, bob)
    found = running(hub)
    assert found is not None
    body = hub.engine.bodies[f"jupyter-{ROOM}"]
    binds = body["HostConfig"]["Binds"]
    assert body["User"] == "20009:20009" and body["HostConfig"]["GroupAdd"] == ["30001"]
    assert [bind for bind in binds if "/home/" in bind] == [f"{hub.folder}/home/jupyter-{ROOM}:" * 2 + "rw"]
    assert "JUPYTER_CONFIG_PATH=/opt/jupyter/etc/labserver-room" in body["Env"]
    assert body["HostConfig"]["Memory"] == 1 << 29


def test_members_are_known_there_by_their_own_names_and_are_seen_inside(hub: Hub, bob: Browser) -> None:
    opened(hub, bob)
    answer = answered(hub, bob, ROOM)
    assert may_enter(answer, ROOM), answer.text
    person = answer.json()
    assert person["name"] == "bob"
    assert person["user_info"]["name"] == "Alice A." and person["user_info"]["color"].startswith("var(--jp-coll")
    assert not {"self", "inherit"} & set(person["scopes"])
    page = bob.get(f"{hub.url}/hub/home", timeout=60).text
    assert "Inside: Alice A.." in page and "Course &lt;2026&gt;" in page and "Course <2026>" not in page


def test_who_is_not_in_the_group_neither_sees_nor_starts_nor_enters_the_room(hub: Hub, bob: Browser) -> None:
    opened(hub, bob)
    cleo = hub.login("cleo")
    assert ROOM not in cleo.get(f"{hub.url}/hub/home", timeout=60).text
    assert cleo.get(f"{hub.url}/hub/spawn/{ROOM}", timeout=60).status_code in (403, 404)
    assert cleo.api("DELETE", f"users/{ROOM}/server").status_code in (403, 404)
    assert cleo.api("POST", f"users/{ROOM}/server").status_code in (403, 404)
    answer = answered(hub, cleo, ROOM)
    assert not may_enter(answer, ROOM)


def test_a_member_gets_nothing_of_the_room_but_its_server(hub: Hub, bob: Browser) -> None:
    opened(hub, bob)
    for method, path in (
        ("POST", f"users/{ROOM}/tokens"),
        ("GET", f"users/{ROOM}/tokens"),
        ("PATCH", f"users/{ROOM}"),
        ("DELETE", f"users/{ROOM}"),
        ("POST", f"shares/{ROOM}/"),
        ("DELETE", "groups/leem"),
    ):
        answer = bob.api(method, path, {"user": "cleo"} if "shares" in path else {})
        assert answer.status_code in (403, 404), (method, path, answer.text)


def test_the_rooms_own_token_reaches_no_member(hub: Hub, bob: Browser) -> None:
    """What runs in the room has the token of its server, and acts with that as no person."""
    opened(hub, bob)
    environment = dict(line.split("=", 1) for line in hub.engine.containers[f"jupyter-{ROOM}"]["Config"]["Env"])
    headers = {"Authorization": f"token {environment['JUPYTERHUB_API_TOKEN']}"}
    for path in ("users/bob", "users", "users/bob/tokens", "groups/leem", "shares/bob/"):
        assert requests.get(f"{hub.url}/hub/api/{path}", headers=headers, timeout=60).status_code in (403, 404), path
    assert requests.post(f"{hub.url}/hub/api/users/bob/server", headers=headers, timeout=60).status_code in (403, 404)
    scopes = requests.get(f"{hub.url}/hub/api/user", headers=headers, timeout=60).json()["scopes"]
    assert all(ROOM in scope for scope in scopes), scopes


def test_nobody_logs_in_as_the_room(hub: Hub) -> None:
    assert Browser(hub.url).login(ROOM, PASSWORD).status_code == 403


def test_who_leaves_the_group_is_out_and_the_room_stops_that_they_were_in(hub: Hub, bob: Browser) -> None:
    opened(hub, bob)
    token = answered(hub, bob, ROOM)
    assert may_enter(token, ROOM)
    count = "select count(*) from api_tokens t join users u on u.id = t.user_id where u.name = 'bob' and client_id = ?"
    assert hub.rows(count, CLIENT) != [(0,)]
    write_roster(hub, bob={"groups": []})
    wait_for(lambda: running(hub) is None, words="the end of the room")
    wait_for(lambda: hub.rows(count, CLIENT) == [(0,)], words="the end of bob's tokens for the room")
    assert bob.get(f"{hub.url}/hub/spawn/{ROOM}", timeout=60).status_code in (403, 404)
    assert bob.get(f"{hub.url}/hub/home", timeout=60).status_code == 200, "bob himself goes on"
    assert "Traceback" not in hub.log()


def test_a_room_goes_on_when_somebody_leaves_who_was_never_there(hub: Hub, bob: Browser) -> None:
    opened(hub, bob)
    write_roster(hub, alice={"groups": []})
    query = "select 1 from users u join user_group_map m on m.user_id = u.id where u.name = 'alice'"
    wait_for(lambda: not hub.rows(query), words="the end of alice's membership")
    time.sleep(2.5)
    assert running(hub)


def test_a_room_survives_a_restart_of_the_hub_with_its_members(hub: Hub, bob: Browser) -> None:
    opened(hub, bob)
    before = running(hub)
    hub.stop()
    hub.start()
    assert may_enter(answered(hub, hub.login("bob"), ROOM), ROOM) and running(hub) == before


def test_a_room_that_is_locked_is_stopped_and_no_longer_offered(hub: Hub, bob: Browser) -> None:
    opened(hub, bob)
    write_roster(hub, room={"state": "locked"})
    wait_for(lambda: running(hub) is None, words="the end of the room")
    assert f'data-room="{ROOM}"' not in bob.get(f"{hub.url}/hub/home", timeout=60).text
    wait_for(lambda: not hub.rows("select 1 from roles where name = ?", ROOM), words="the end of the role")


def test_a_server_is_shared_with_one_colleague_until_that_ends(hub: Hub, bob: Browser) -> None:
    cleo = hub.login("cleo")
    bob.start_server("bob")
    assert not may_enter(answered(hub, cleo, "bob"), "bob")
    assert bob.api("POST", "shares/bob/", {"user": "cleo"}).status_code == 200
    answer = answered(hub, cleo, "bob")
    assert may_enter(answer, "bob"), answer.text + hub.log()[-6000:]
    assert answer.json()["name"] == "cleo"
    assert "works in your server <strong>as you</strong>" in bob.get(f"{hub.url}/hub/home", timeout=60).text
    assert "Server of Alice A." in cleo.get(f"{hub.url}/hub/home", timeout=60).text
    # The owner's tokens stay the owner's.
    for method, path in (("GET", "users/bob/tokens"), ("POST", "users/bob/tokens"), ("POST", "shares/bob/")):
        assert cleo.api(method, path, {"user": "alice"}).status_code in (403, 404)
    assert cleo.api("DELETE", "users/bob/server").status_code in (403, 404)
    hub.rows("update shares set created_at = datetime('now', '-25 hours')")
    wait_for(lambda: hub.rows("select count(*) from shares") == [(0,)], words="the end of the share")
    assert not may_enter(answered(hub, cleo, "bob"), "bob")


def test_where_sharing_is_off_nobody_shares(hub: Hub, bob: Browser) -> None:
    hub.stop()
    path = hub.folder / "hub.json"
    path.write_text(json.dumps({**hub.settings, "sharing": False}))
    try:
        hub.start()
        bob = hub.login("bob")
        assert bob.api("POST", "shares/bob/", {"user": "cleo"}).status_code in (403, 404)
        assert 'id="sharing"' not in bob.get(f"{hub.url}/hub/home", timeout=60).text
        alice = hub.login("alice")
        alice.api("POST", "shares/bob/", {"user": "cleo"})
        wait_for(lambda: hub.rows("select count(*) from shares") == [(0,)], words="the end of what alice shared")
    finally:
        hub.stop()
        path.write_text(json.dumps(hub.settings))
