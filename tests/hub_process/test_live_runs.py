# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real hub that runs people's notebooks by the clock: whose account and limits, what is told, and whose they are."""

from __future__ import annotations

import datetime
import html
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from live import Browser, Hub, wait_for

FORM = {"notebook": "reports/nightly.ipynb", "image": "notebook:1.0", "days": "* * *", "clock": "03:00", "fields": "",
        "hours": "1", "keep": "5"}  # fmt: skip
RUN = "run-jupyter-bob"
SAID = b'labserver-run: {"reason": "cell", "line": "ValueError: no <data>", "cell": 3, "output": "/home/x/1.ipynb"}\n'


class LabHub(Hub):
    """A hub whose third person has a password too."""

    own_passwords = ("alice", "bob", "cleo")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    lab = LabHub(tmp_path_factory.mktemp("runs"), runs_per_person=2, runs_longest_seconds=7200, culling_enabled=False)
    try:
        lab.start_guard()
        lab.start()
        yield lab
    finally:
        lab.close()


@pytest.fixture
def bob(hub: Hub) -> Iterator[Browser]:
    hub.people()
    browser = hub.login("bob")
    yield browser
    hub.people()
    for name in ("bob", "cleo"):
        one = hub.login(name)
        for identity in listed(hub, one):
            act(hub, one, identity, "remove")
    wait_for(lambda: not [name for name in hub.engine.containers if name.startswith("run-")], 60, "the end of all runs")


def page(hub: Hub, browser: Browser, path: str = "runs") -> str:
    answer = browser.get(f"{hub.url}/hub/{path}", timeout=60)
    assert answer.status_code == 200, answer.text[-500:]
    return answer.text


def send(hub: Hub, browser: Browser, path: str = "runs", **form: str) -> requests.Response:
    body = {"_xsrf": browser.xsrf(), **form}
    return browser.post(f"{hub.url}/hub/{path}", data=body, timeout=60, allow_redirects=False)


def listed(hub: Hub, browser: Browser) -> list[str]:
    """Return the ids of what the page shows."""
    return re.findall(r'data-run="([0-9a-f]{12})" data-state', page(hub, browser))


def act(hub: Hub, browser: Browser, identity: str, what: str) -> requests.Response:
    page(hub, browser)  # the token against forged requests comes with it
    return send(hub, browser, f"runs/{identity}/{what}")


def schedule(hub: Hub, browser: Browser, **changes: str) -> str:
    page(hub, browser)
    before = set(listed(hub, browser))
    answer = send(hub, browser, **{**FORM, **changes})
    assert answer.status_code == 302 and answer.headers["Location"] == "/hub/runs", answer.text[-1500:]
    (new,) = set(listed(hub, browser)) - before
    return new


def container(hub: Hub, name: str = RUN) -> dict[str, Any]:
    wait_for(lambda: hub.engine.containers.get(name, {}).get("State", {}).get("Running"), 60, name)
    return hub.engine.bodies[name]


def test_a_run_has_the_persons_account_home_groups_and_limits_and_nothing_of_the_hub(hub: Hub, bob: Browser) -> None:
    hub.people(bob={"limits": {"cpu": 0.5, "memory_bytes": 3 << 28, "pids": 200, "images": ["note*"]}})
    identity = schedule(hub, bob)
    assert RUN not in hub.engine.containers
    assert act(hub, bob, identity, "now").status_code == 302
    body = container(hub)
    home = str(hub.folder / "home" / "jupyter-bob")
    limits = body["HostConfig"]
    assert (body["User"], body["WorkingDir"], limits["GroupAdd"]) == ("20005:20005", home, ["30001"])
    assert (limits["Memory"], limits["MemorySwap"], limits["PidsLimit"]) == (3 << 28, 3 << 28, 200)
    assert limits["CpuQuota"] / limits["CpuPeriod"] == 0.5
    assert limits["CapDrop"] == ["ALL"] and limits["SecurityOpt"] == ["no-new-privileges"]
    assert [bind for bind in limits["Binds"] if "/home/" in bind] == [f"{home}:{home}:rw"]
    assert {key: value for key, value in body["Labels"].items() if not key.endswith(".run")} == {
        "org.labserver.user": "bob", "org.labserver.room": "hub-server", "org.labserver.image": "notebook:1.0",
    }  # fmt: skip
    assert body["Labels"]["org.labserver.run"].startswith(f"{identity}-")
    assert body["Cmd"][-4] == "reports/nightly.ipynb" and body["Cmd"][-2:] == ["5", "3600"]
    assert not any("JUPYTERHUB" in line or "TOKEN" in line for line in body["Env"])
    assert "jupyter-bob" not in hub.engine.containers, "no server of bob runs for it"
    assert 'data-state="running"' in page(hub, bob)


def test_a_failure_is_shown_to_its_person_and_to_administrators_and_a_success_is_kept(hub: Hub, bob: Browser) -> None:
    identity = schedule(hub, bob)
    act(hub, bob, identity, "now")
    container(hub)
    hub.engine.kill(RUN, 1, SAID)
    wait_for(lambda: 'data-reason="cell"' in page(hub, bob), 60, "the result")
    wait_for(lambda: RUN not in hub.engine.containers, 30, "the removal of the container")
    own, first = page(hub, bob), page(hub, bob, "home")
    for text in (own, first):
        assert "Cell 3 failed: ValueError: no &lt;data&gt;" in text and "no <data>" not in text
    assert "/home/x/1.ipynb" in own
    told = [html.unescape(one) for one in re.findall(r'lab-announcement" role="status">(.*?)</div>', first)]
    assert any(one.startswith("The scheduled run of reports/nightly.ipynb at ") for one in told), told
    announced = bob.get(f"{hub.url}/hub/announcements", timeout=30).json()["announcements"]
    assert any("reports/nightly.ipynb" in one["text"] for one in announced), "JupyterLab shows it too"
    people = page(hub, hub.login("alice"), "admin")
    assert 'failing-run" data-user="bob"' in people and "no &lt;data&gt;" in people
    cleo = hub.login("cleo")
    assert "nightly.ipynb" not in page(hub, cleo) + page(hub, cleo, "home")
    act(hub, bob, identity, "now")
    container(hub)
    hub.engine.kill(RUN, 0, b'labserver-run: {"reason": "ok", "line": "", "cell": 0, "output": "/home/x/2.ipynb"}\n')
    wait_for(lambda: 'data-reason="ok"' in page(hub, bob), 60, "the second result")
    assert "failing-run" not in page(hub, hub.login("alice"), "admin")
    assert page(hub, bob).count("run-result") == 2


def test_nobody_touches_what_is_somebody_elses(hub: Hub, bob: Browser) -> None:
    identity = schedule(hub, bob)
    before = json.loads((hub.folder / "state" / "runs.json").read_text())
    for name in ("cleo", "alice"):
        other = hub.login(name)
        for what in ("now", "stop", "pause", "resume", "remove"):
            assert act(hub, other, identity, what).status_code == 404, (name, what)
        assert listed(hub, other) == []
    assert json.loads((hub.folder / "state" / "runs.json").read_text()) == before


def test_a_forged_request_a_stranger_and_a_token_change_nothing(hub: Hub, bob: Browser) -> None:
    identity = schedule(hub, bob)
    for path, form in (("runs", FORM), (f"runs/{identity}/remove", {})):
        assert bob.post(f"{hub.url}/hub/{path}", data=form, timeout=30).status_code == 403, "no _xsrf"
        strange = Browser(hub.url).post(f"{hub.url}/hub/{path}", data=form, timeout=30, allow_redirects=False)
        assert strange.status_code in (302, 403)
    token = bob.api("POST", "users/bob/tokens", {"note": "script"}).json()["token"]
    head = {"Authorization": f"token {token}"}
    answer = requests.post(f"{hub.url}/hub/runs", data=FORM, headers=head, timeout=30, allow_redirects=False)
    assert answer.status_code in (302, 403)
    assert requests.get(f"{hub.url}/hub/runs", headers=head, timeout=30, allow_redirects=False).status_code == 302
    assert listed(hub, bob) == [identity]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"notebook": "../jupyter-cleo/x.ipynb"}, "has to be in your home"),
        ({"notebook": "/etc/x.ipynb"}, "has to be in your home"),
        ({"notebook": "x.py"}, "Give the path of a notebook"),
        ({"image": "steps:1.0"}, "Choose one of the images."),
        ({"hours": "3"}, "The limit is from 0.05 to 2 hours."),
        ({"fields": "* * * * *"}, "at most once an hour"),
    ],
)
def test_what_is_wrong_is_said_on_the_page_and_nothing_is_kept(
    hub: Hub, bob: Browser, changes: dict[str, str], words: str
) -> None:
    page(hub, bob)
    answer = send(hub, bob, **{**FORM, **changes})
    assert answer.status_code == 400 and words in html.unescape(answer.text)
    assert listed(hub, bob) == []


def test_nobody_has_more_than_the_lab_allows(hub: Hub, bob: Browser) -> None:
    schedule(hub, bob)
    schedule(hub, bob, notebook="other.ipynb")
    assert 'id="new-run"' not in page(hub, bob)
    answer = send(hub, bob, **FORM)
    assert answer.status_code == 400 and "as many as are allowed" in answer.text
    assert len(listed(hub, bob)) == 2


def test_what_was_due_while_the_hub_was_away_runs_once_with_nobody_logged_in(hub: Hub, bob: Browser) -> None:
    schedule(hub, bob)
    hub.stop("hub")
    path = hub.folder / "state" / "runs.json"
    document = json.loads(path.read_text())
    document["runs"][0]["handled"] = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=4)).isoformat()
    path.write_text(json.dumps(document))
    hub.start()
    first = container(hub)["Labels"]["org.labserver.run"]
    hub.stop("hub")
    hub.start()
    time.sleep(6)
    assert hub.engine.bodies[RUN]["Labels"]["org.labserver.run"] == first, "the hub that started anew follows it"
    assert hub.engine.containers[RUN]["State"]["Running"]
    hub.engine.kill(RUN, 0, b'labserver-run: {"reason": "ok", "line": "", "cell": 0, "output": ""}\n')
    wait_for(lambda: RUN not in hub.engine.containers, 30, "the removal")
    time.sleep(6)
    assert RUN not in hub.engine.containers, "four days are made up once"
    assert len(json.loads(path.read_text())["runs"][0]["results"]) == 1


def test_who_is_locked_has_nothing_run_and_what_runs_ends(hub: Hub, bob: Browser) -> None:
    act(hub, bob, schedule(hub, bob), "now")
    container(hub)
    hub.people(bob={"state": "locked"})
    wait_for(lambda: RUN not in hub.engine.containers, 30, "the end of the run")
    path = hub.folder / "state" / "runs.json"
    document = wait_for(
        lambda: json.loads(path.read_text()) if "access" in path.read_text() else None, 30, "the reason"
    )
    assert document["runs"][0]["results"][-1]["text"] == "Its person may no longer log in."
    hub.stop("hub")
    document["runs"][0]["handled"] = "2026-01-01T00:00:00+00:00"
    path.write_text(json.dumps(document))
    hub.start()
    time.sleep(6)
    assert RUN not in hub.engine.containers
    hub.people()
    time.sleep(6)
    assert RUN not in hub.engine.containers, "nor is it made up later"


def test_the_page_is_not_there_where_the_lab_has_none(tmp_path: Any) -> None:
    lab = LabHub(tmp_path, culling_enabled=False)
    try:
        lab.start_guard()
        lab.start()
        bob = lab.login("bob")
        assert bob.get(f"{lab.url}/hub/runs", timeout=30).status_code == 404
        assert 'id="runs"' not in bob.get(f"{lab.url}/hub/home", timeout=30).text
        assert send(lab, bob, **FORM).status_code == 404
    finally:
        lab.close()
