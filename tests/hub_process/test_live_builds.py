# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real hub in which people have images made: whose account builds, what is told while it goes on, whose they are."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from live import Browser, Hub, wait_for

FORM = {"group": "leem", "name": "analysis", "kind": "folder", "source": "envs/a", "base": "notebook:1.0"}
BUILD = "build-jupyter-bob"
DIGEST = "sha256:" + "c" * 64


class LabHub(Hub):
    """A hub whose third person has a password too, and a host whose job answers when a test says so."""

    own_passwords = ("alice", "bob", "cleo")

    def published(self, **results: dict[str, str]) -> None:
        """Write what the host's job tells."""
        new = self.folder / "published.new"
        new.write_text(json.dumps({"version": 1, "results": results}))
        new.replace(self.folder / "published.json")

    def kept(self) -> list[dict[str, Any]]:
        """Return what the host's job reads."""
        path = self.folder / "state" / "builds.json"
        found: list[dict[str, Any]] = json.loads(path.read_text())["builds"] if path.exists() else []
        return found


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabHub]:
    folder = tmp_path_factory.mktemp("builds")
    lab = LabHub(
        folder, builds_per_person=2, builds_groups=["leem"], builds_longest_seconds=600, culling_enabled=False,
        published_file=str(folder / "published.json"),
    )  # fmt: skip
    try:
        lab.start_guard()
        lab.start()
        yield lab
    finally:
        lab.close()


@pytest.fixture
def bob(hub: LabHub) -> Iterator[Browser]:
    hub.people()
    hub.engine.logs.clear()
    browser = hub.login("bob")
    yield browser
    hub.people()
    for identity in listed(hub, browser):
        act(hub, browser, identity, "stop")
    hub.published(**{one["id"]: {"reason": "removed", "line": "", "digest": ""} for one in hub.kept()})

    def gone() -> bool:
        for identity in listed(hub, browser):
            act(hub, browser, identity, "remove")
        return not listed(hub, browser)

    wait_for(gone, 60, "the end of all builds")
    assert not [name for name in hub.engine.containers if name.startswith("build-")]


def page(hub: Hub, browser: Browser, path: str = "builds") -> str:
    answer = browser.get(f"{hub.url}/hub/{path}", timeout=60)
    assert answer.status_code == 200, answer.text[-500:]
    return answer.text


def send(hub: Hub, browser: Browser, path: str = "builds", **form: str) -> requests.Response:
    body = {"_xsrf": browser.xsrf(), **form}
    return browser.post(f"{hub.url}/hub/{path}", data=body, timeout=60, allow_redirects=False)


def listed(hub: Hub, browser: Browser) -> list[str]:
    """Return the ids of what the page shows."""
    return re.findall(r'data-build="([0-9a-f]{12})" data-state', page(hub, browser))


def act(hub: Hub, browser: Browser, identity: str, what: str) -> requests.Response:
    page(hub, browser)  # the token against forged requests comes with it
    return send(hub, browser, f"builds/{identity}/{what}")


def ask(hub: Hub, browser: Browser, **changes: str) -> str:
    before = set(listed(hub, browser))
    answer = send(hub, browser, **{**FORM, **changes})
    assert answer.status_code == 302 and answer.headers["Location"] == "/hub/builds", answer.text[-1500:]
    (new,) = set(listed(hub, browser)) - before
    return new


def container(hub: Hub) -> dict[str, Any]:
    wait_for(lambda: hub.engine.containers.get(BUILD, {}).get("State", {}).get("Running"), 60, BUILD)
    return hub.engine.bodies[BUILD]


def log(hub: Hub, browser: Browser, identity: str) -> dict[str, Any]:
    found: dict[str, Any] = browser.get(f"{hub.url}/hub/builds/{identity}/log", timeout=60).json()
    return found


def state(hub: Hub, browser: Browser, identity: str, wanted: str) -> None:
    wait_for(lambda: log(hub, browser, identity)["state"] == wanted, 60, wanted)


def test_forms_of_one_moment_do_not_make_more_than_are_allowed(hub: LabHub, bob: Browser) -> None:
    page(hub, bob)
    with ThreadPoolExecutor(6) as windows:
        answers = list(windows.map(lambda _window: send(hub, bob, **FORM), range(6)))
    assert sorted(one.status_code for one in answers) == [302, 302, 400, 400, 400, 400]
    assert all("You have 2 images, as many as are allowed." in one.text for one in answers if one.status_code == 400)
    assert len([one for one in hub.kept() if one["owner"] == "bob"]) == 2
    first = listed(hub, bob)[0]
    act(hub, bob, first, "stop")
    state(hub, bob, first, "failed")
    act(hub, bob, first, "remove")
    (other,) = listed(hub, bob)
    act(hub, bob, other, "stop")
    state(hub, bob, other, "failed")
    page(hub, bob)
    with ThreadPoolExecutor(4) as windows:
        pressed = list(windows.map(lambda _window: send(hub, bob, f"builds/{other}/again"), range(4)))
    assert sorted(one.status_code for one in pressed) == [302, 400, 400, 400], "a button in four windows"


def test_from_the_form_to_the_image_with_the_log_in_between(hub: LabHub, bob: Browser) -> None:
    hub.people(bob={"limits": {"cpu": 0.5, "memory_bytes": 3 << 28, "pids": 200, "images": ["note*"]}})
    assert 'id="builds"' in page(hub, bob, "home")
    identity = ask(hub, bob)
    body = container(hub)
    home, limits = str(hub.folder / "home" / "jupyter-bob"), body["HostConfig"]
    assert (body["User"], body["WorkingDir"]) == ("20005:20005", home)
    assert (limits["Memory"], limits["MemorySwap"], limits["PidsLimit"]) == (3 << 28, 3 << 28, 200)
    assert limits["CapDrop"] == ["ALL"] and limits["SecurityOpt"] == ["no-new-privileges"]
    assert [bind.split(":")[1] for bind in limits["Binds"]] == [home, "/etc/passwd", "/etc/group"]
    assert body["Cmd"][-6:] == [identity, "folder", "envs/a", "analysis", "600", str(4 << 30)]
    assert not any("JUPYTERHUB" in line or "TOKEN" in line for line in body["Env"])
    hub.engine.logs[BUILD] = b"== installing requirements.txt\nCollecting <numpy>\n"
    wait_for(lambda: log(hub, bob, identity)["lines"], 30, "the log")
    assert log(hub, bob, identity) == {
        "state": "running", "lines": ["== installing requirements.txt", "Collecting <numpy>"],
    }  # fmt: skip
    hub.engine.kill(BUILD, 0, b'== packing\n\nlabserver-build: {"reason": "ok", "line": ""}\n')
    state(hub, bob, identity, "packing")
    assert log(hub, bob, identity)["lines"] == ["== packing"] and BUILD not in hub.engine.containers
    (order,) = hub.kept()
    assert (order["owner"], order["uid"], order["group"], order["base_repository"]) == (
        "bob",
        20005,
        "leem",
        "notebook",
    )
    assert order["base_digest"].startswith("sha256:")
    hub.published(**{identity: {"reason": "ok", "line": "", "digest": DIGEST}})
    state(hub, bob, identity, "done")
    assert f"people/leem/bob/analysis:{order['tag']}" in page(hub, bob)
    assert act(hub, bob, identity, "remove").status_code == 302
    assert hub.kept()[0]["state"] == "removing" and 'data-state="removing"' in page(hub, bob)
    hub.published(**{identity: {"reason": "removed", "line": "", "digest": ""}})
    wait_for(lambda: listed(hub, bob) == [], 30, "the removal")
    assert bob.get(f"{hub.url}/hub/builds/{identity}/log", timeout=30).status_code == 404


def test_a_failure_says_why_and_is_built_again(hub: LabHub, bob: Browser) -> None:
    identity = ask(hub, bob)
    container(hub)
    hub.engine.kill(BUILD, 1, b'x\n\nlabserver-build: {"reason": "install", "line": "ERROR: no <such> thing"}\n')
    state(hub, bob, identity, "failed")
    assert "The packages could not be installed: ERROR: no &lt;such&gt; thing" in page(hub, bob)
    assert "<such>" not in page(hub, bob)
    act(hub, bob, identity, "again")
    container(hub)
    assert len(listed(hub, bob)) == 2 and 'id="new-build"' not in page(hub, bob)
    answer = send(hub, bob, **FORM)
    assert answer.status_code == 400 and "as many as are allowed" in answer.text
    assert act(hub, bob, identity, "again").status_code == 400 and len(listed(hub, bob)) == 2


def test_a_build_is_stopped(hub: LabHub, bob: Browser) -> None:
    identity = ask(hub, bob)
    container(hub)
    assert act(hub, bob, identity, "remove").status_code == 302 and identity in listed(hub, bob), "not while it runs"
    act(hub, bob, identity, "stop")
    state(hub, bob, identity, "failed")
    assert "It was stopped on request." in page(hub, bob) and BUILD not in hub.engine.containers


def test_a_hub_that_starts_anew_follows_what_runs(hub: LabHub, bob: Browser) -> None:
    identity = ask(hub, bob)
    container(hub)
    hub.stop()
    hub.start()
    hub.engine.kill(BUILD, 1, b'\nlabserver-build: {"reason": "nothing", "line": ""}\n')
    again = hub.login("bob")
    state(hub, again, identity, "failed")
    assert "There is no requirements.txt in envs/a." in page(hub, again)


def test_nobody_sees_or_touches_what_is_somebody_elses(hub: LabHub, bob: Browser) -> None:
    identity = ask(hub, bob)
    container(hub)
    for name in ("cleo", "alice"):
        other = hub.login(name)
        assert listed(hub, other) == []
        assert other.get(f"{hub.url}/hub/builds/{identity}/log", timeout=30).status_code == 404
        for what in ("stop", "again", "remove"):
            assert act(hub, other, identity, what).status_code == 404, (name, what)
    assert [one["stopped"] for one in hub.kept()] == [False]


def test_a_forged_request_a_stranger_and_a_token_change_nothing(hub: LabHub, bob: Browser) -> None:
    identity = ask(hub, bob)
    for path, form in (("builds", FORM), (f"builds/{identity}/stop", {})):
        assert bob.post(f"{hub.url}/hub/{path}", data=form, timeout=30).status_code == 403, "no _xsrf"
        strange = Browser(hub.url).post(f"{hub.url}/hub/{path}", data=form, timeout=30, allow_redirects=False)
        assert strange.status_code in (302, 403)
    token = bob.api("POST", "users/bob/tokens", {"note": "script"}).json()["token"]
    head = {"Authorization": f"token {token}"}
    answer = requests.post(f"{hub.url}/hub/builds", data=FORM, headers=head, timeout=30, allow_redirects=False)
    assert answer.status_code in (302, 403)
    url = f"{hub.url}/hub/builds/{identity}/log"
    assert requests.get(url, headers=head, timeout=30, allow_redirects=False).status_code == 302
    assert [one["stopped"] for one in hub.kept()] == [False] and listed(hub, bob) == [identity]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "git", "source": "http://git.example.org/a"}, "Give the address of a public Git repository"),
        ({"source": "../jupyter-cleo"}, "Give a folder in your home"),
        ({"group": "xps"}, "Choose one of your groups."),
        ({"base": "steps:1.0"}, "Choose one of the images."),
        ({"name": "<script>"}, "Give the image a name"),
    ],
)
def test_what_is_wrong_is_said_on_the_page_and_nothing_is_kept(
    hub: LabHub, bob: Browser, changes: dict[str, str], words: str
) -> None:
    page(hub, bob)
    answer = send(hub, bob, **{**FORM, **changes})
    assert answer.status_code == 400 and words in html.unescape(answer.text) and '<script>"' not in answer.text
    assert listed(hub, bob) == []


def test_who_leaves_the_group_has_nothing_built_and_no_page(hub: LabHub, bob: Browser) -> None:
    identity = ask(hub, bob)
    container(hub)
    hub.people(bob={"groups": []})
    state(hub, bob, identity, "failed")
    assert "is no longer in the group" in page(hub, bob), "what is kept can still be removed"
    assert 'id="new-build"' not in page(hub, bob)
    act(hub, bob, identity, "remove")
    assert bob.get(f"{hub.url}/hub/builds", timeout=30).status_code == 403
    assert 'id="builds"' not in page(hub, bob, "home")
    page(hub, bob, "home")
    assert send(hub, bob, **FORM).status_code == 403
    hub.people()


def test_the_page_speaks_german(hub: LabHub, bob: Browser) -> None:
    answer = bob.get(f"{hub.url}/hub/builds", headers={"Accept-Language": "de"}, timeout=30)
    assert "Meine Images" in answer.text and "My images" not in answer.text


def test_the_page_is_not_there_where_the_lab_has_none(tmp_path: Any) -> None:
    lab = LabHub(tmp_path, culling_enabled=False)
    try:
        lab.start_guard()
        lab.start()
        bob = lab.login("bob")
        assert bob.get(f"{lab.url}/hub/builds", timeout=30).status_code == 404
        assert 'id="builds"' not in bob.get(f"{lab.url}/hub/home", timeout=30).text
        assert send(lab, bob, **FORM).status_code == 404
        assert not (lab.folder / "state" / "builds.json").exists()
    finally:
        lab.close()
