# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each page of a real hub in a browser: nothing leaves a phone's width, and axe-core finds no serious fault.

The pictures lie in .cache/pictures afterwards. Needs Debian's chromium.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from live import PASSWORD, Hub, wait_for
from long_tests import long
from paths import ROOT
from playwright.sync_api import Browser, BrowserContext, Page, expect
from samples import image_document, shares_document

PICTURES = ROOT / ".cache" / "pictures"
VIEWS: dict[str, Any] = {
    "wide": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light", "locale": "en-GB"},
    "wide-dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark", "locale": "en-GB"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "locale": "de-DE"},
    "phone-dark": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "locale": "de-DE"},
}  # fmt: skip
NOW = datetime.datetime.now(datetime.UTC)


def image(repository: str, tag: str, number: int, days: int, **more: Any) -> dict[str, Any]:
    digest = f"sha256:{number:x}".ljust(71, "5")
    made: dict[str, Any] = {
        "created": (NOW - datetime.timedelta(days=days)).isoformat(),
        "size_bytes": number * 400_000_000,
    }
    place = {
        "repository": repository,
        "tag": tag,
        "digest": digest,
        "reference": f"127.0.0.1:5000/{repository}@{digest}",
    }
    return image_document(**place, **made, **more)


IMAGES = [
    image("scientific", "2026.11", 3, 3, title="Scientific Python", description="numpy, scipy, matplotlib, pandas"),
    image("scientific", "2026.10", 2, 33, title="Scientific Python"),
    image("notebook", "1.0", 1, 90, title="Notebook", limits={"memory_bytes": 1 << 29}),
    image("leem/analysis-of-a-very-long-name-without-any-place-to-break-the-line", "v1", 4, 1, title="LEEM " + "x" * 90,
          groups=["leem"]),
    image("leem/next", "1", 5, 0, groups=["leem"], state="broken", reason="it has no jupyterhub-singleuser; build it on"
          " an image of the lab, or install Python's jupyterhub in it"),
]  # fmt: skip
RESULT = {
    "began": (NOW - datetime.timedelta(hours=2)).isoformat(), "ended": (NOW - datetime.timedelta(hours=1)).isoformat(),
    "reason": "ok", "text": "", "values": {}, "output": "/home/jupyter-alice/" + "x" * 100, "image": "notebook:1.0",
}  # fmt: skip
FAILED = {**RESULT, "reason": "cell", "text": "Cell {cell} failed: {line}", "values": {"cell": "3", "line": "E" * 200}}
RUN = {
    "owner": "alice", "uid": 20001, "image": "notebook:1.0", "seconds": 3600, "keep": 30, "handled": NOW.isoformat(),
    "asked": False, "running": None,
}  # fmt: skip
RUNS = [
    {**RUN, "id": "0" * 12, "notebook": "reports/" + "long-name" * 20 + ".ipynb", "fields": "0 3 * * 1-5",
     "paused": False, "results": [RESULT, FAILED]},
    {**RUN, "id": "1" * 12, "notebook": "b.ipynb", "fields": "0 */6 * * *", "paused": True, "results": []},
]  # fmt: skip


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    lab = Hub(Path(tmp_path_factory.mktemp("live")), runs_per_person=4)
    public = lab.folder / "public"
    free = {"limits": {"cpu": 2, "memory_bytes": 4 << 30}}
    lab.people(
        alice=free | {"full_name": "Alice Abel"},
        bob=free | {"full_name": "Bob <i>Bauer</i>"},
        cleo=free | {"full_name": "Cleo Cramer", "expires": (NOW + datetime.timedelta(days=5)).date().isoformat()},
    )
    (lab.folder / "images.json").write_text(json.dumps({"version": 1, "updated": "", "images": IMAGES}))
    words = {"name": "Laboratory for Surfaces", "contact": "Rita Vega, room 2.14", "colour": "#0a7f5a"}
    links = [{"title": "Wiki", "url": "https://wiki.example", "description": "What everybody should know"}]
    (public / "lab.json").write_text(
        json.dumps({"version": 1, **words, "help": "Data is in /mnt/data.", "links": links})
    )
    homes = {"bob": {"used": 9 << 30, "limit": 10 << 30}, "alice": {"used": 3 << 29, "limit": 10 << 30}}
    (public / "fullness.json").write_text(json.dumps({"version": 1, "announcements": [], "homes": homes}))
    failure = {"user": "cleo", "image": "notebook:1.0", "sentence": "The server ran out of memory while it started."}
    line = json.dumps({"at": NOW.isoformat(), "reason": "memory", "log": [], **failure})
    (lab.folder / "state" / "failures.jsonl").write_text(f"{line}\n")
    (lab.folder / "state" / "runs.json").write_text(json.dumps({"version": 1, "runs": RUNS}))
    try:
        lab.start_guard()
        lab.start()
        lab.login("bob").start_server("bob", {"image": "notebook:1.0"})
        (public / "shares.json").write_text(json.dumps(shares_document()))
        seen = {"data": {"state": "ok", "reason": ""}, "scratch": {"state": "critical", "reason": "the NAS is silent"}}
        (public / "shares-status.json").write_text(json.dumps({"version": 1, "checked": "", "shares": seen}))
        yield lab
    finally:
        lab.close()


# Light and dark, wide and narrow, English and German in two views; the other two show the same by other pairs.
@pytest.fixture(
    scope="module",
    params=["wide", "phone-dark", *(pytest.param(name, marks=long("soak-long")) for name in ("wide-dark", "phone"))],
)
def view(request: pytest.FixtureRequest, hub: Hub, chromium: Browser) -> Iterator[tuple[str, BrowserContext]]:
    """One way to look at the pages, as alice, who is administrator."""
    context = chromium.new_context(**VIEWS[request.param])
    page = context.new_page()
    enter(hub, page, "alice")
    page.close()
    yield request.param, context
    context.close()


def enter(hub: Hub, page: Page, name: str) -> None:
    page.goto(f"{hub.url}/hub/login")
    page.fill("#username_input", name)
    page.fill("#password_input", PASSWORD)
    page.click("#login_submit")
    page.wait_for_url(lambda url: "/hub/login" not in url)


def look(page: Page, name: str) -> None:
    """Keep a picture, and check the page."""
    page.wait_for_load_state("networkidle")
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(PICTURES / f"{name}.png"), full_page=True)
    wide = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide[0] <= wide[1], f"{name} is {wide[0]} wide in a window of {wide[1]}"
    faults = [
        f"{fault['id']} ({fault['impact']}): {node['html'][:200]} {node['failureSummary'][:300]}"
        for fault in Axe().run(page).response["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
    assert faults == [], "\n".join(faults)


@pytest.mark.parametrize(
    "name", ["login", "home", "spawn", "token", "runs", "change-password", "admin", "no-such-page"]
)
def test_a_page_is_for_everybody(hub: Hub, view: tuple[str, BrowserContext], name: str, chromium: Browser) -> None:
    way, context = view
    stranger = chromium.new_context(**VIEWS[way]) if name == "login" else None
    page = (stranger or context).new_page()
    try:
        page.goto(f"{hub.url}/hub/{name}")
        look(page, f"{name}-{way}")
    finally:
        page.close()
        if stranger is not None:
            stranger.close()


def test_the_first_page_of_who_runs_a_server(hub: Hub, chromium: Browser) -> None:
    for way, how in VIEWS.items():
        context = chromium.new_context(**how)
        page = context.new_page()
        enter(hub, page, "bob")
        page.goto(f"{hub.url}/hub/home")
        look(page, f"home-running-{way}")
        page.goto(f"{hub.url}/hub/admin")
        look(page, f"not-for-you-{way}")
        context.close()


def test_an_image_is_chosen_by_keyboard_alone(hub: Hub, chromium: Browser) -> None:
    page = chromium.new_page()
    enter(hub, page, "alice")
    page.goto(f"{hub.url}/hub/spawn")
    for _press in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "image":
            break
    before = page.evaluate("document.activeElement.value")
    page.keyboard.press("ArrowDown")
    after = page.evaluate("document.activeElement.value")
    assert before == "scientific:2026.11" and after not in (before, None)
    assert page.evaluate("document.querySelector('input[name=image]:checked').value") == after
    page.close()


def test_the_page_of_people_sorts_filters_and_sends(hub: Hub, chromium: Browser) -> None:
    page = chromium.new_page(locale="en-GB")
    enter(hub, page, "alice")
    page.goto(f"{hub.url}/hub/admin")
    shown = page.locator("#people tbody tr:visible")
    expect(shown).to_have_count(3)
    page.fill("#people-words", "cRamer leem")
    expect(shown).to_have_count(1)
    expect(page.locator("#people-count")).to_have_text("1 of 3 people")
    page.fill("#people-words", "")
    for state, names in (("running", ["bob"]), ("never", ["cleo"]), ("failed", ["cleo"]), ("stopped", ["alice"])):
        page.select_option("#people-state", state)
        assert [row.get_attribute("data-user") for row in shown.all()] == names
    page.select_option("#people-state", "")
    page.click(".people-sort[data-key=home]")
    page.click(".people-sort[data-key=home]")
    assert [row.get_attribute("data-user") for row in shown.all()] == ["bob", "alice", "cleo"]
    expect(page.locator("th[aria-sort=descending]")).to_have_text("Home folder")
    page.click("tr[data-user=bob] .message")
    page.fill("#message-text", "Please <b>stop</b>")
    page.click("#message-send")
    expect(page.locator("#people-said")).to_have_text("The message is shown to bob now.")
    context = chromium.new_context()
    other = context.new_page()
    enter(hub, other, "bob")
    other.goto(f"{hub.url}/hub/home")
    expect(other.locator(".lab-announcement")).to_have_text("Please <b>stop</b>")
    context.close()
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("tr[data-user=bob] .stop")
    expect(page.locator("#people-said")).to_have_text("Stopped: bob.")
    expect(page.locator("tr[data-user=bob]")).to_have_attribute("data-state", "stopped", timeout=30_000)
    page.close()


def test_the_first_page_and_the_form_of_who_has_several_servers(hub: Hub, chromium: Browser) -> None:
    """Near the end, as bob has several afterwards; the next test begins with them."""
    document = json.loads((hub.folder / "public" / "roster.json").read_text())
    document["users"]["bob"]["limits"] |= {"servers": 3}
    (hub.folder / "public" / "roster.json").write_text(json.dumps(document))
    (hub.folder / "public" / "shares.json").write_text(json.dumps({"version": 1, "shares": {}}))  # none is mounted here
    bob = hub.login("bob")
    if not bob.ready("bob"):
        bob.start_server("bob", {"image": "notebook:1.0"})
    assert bob.api("POST", "users/bob/servers/sim-of-a-long-name", {"image": "scientific"}).status_code in (201, 202)
    known = "users/bob?include_stopped_servers"
    wait_for(lambda: all(one["ready"] for one in bob.api("GET", known).json()["servers"].values()), 120, "both servers")
    for way, how in VIEWS.items():
        context = chromium.new_context(**how)
        page = context.new_page()
        enter(hub, page, "bob")
        page.goto(f"{hub.url}/hub/home")
        look(page, f"home-several-{way}")
        page.goto(f"{hub.url}/hub/spawn/bob/two")
        look(page, f"spawn-several-{way}")
        context.close()


def test_a_further_server_is_started_stopped_and_removed_on_the_first_page(hub: Hub, chromium: Browser) -> None:
    page = chromium.new_page(locale="en-GB")
    enter(hub, page, "bob")
    page.goto(f"{hub.url}/hub/home")
    page.on("dialog", lambda dialog: dialog.accept())
    page.click(".lab-server[data-server=two] .lab-server-remove")
    expect(page.locator(".lab-server")).to_have_count(1)
    page.fill("#new-server-name", "Not So")
    page.click("#new-server button")
    assert page.url.endswith("/hub/home"), "the browser says what a name may be"
    page.fill("#new-server-name", "two")
    page.click("#new-server button")
    page.select_option("#memory", "1024")
    page.check("input[name=image][value='notebook:1.0']")
    page.click("#spawn_form button[type=submit]")
    wait_for(lambda: "server-two.jupyter-bob" in hub.engine.containers, 60, "the server two")
    assert hub.engine.bodies["server-two.jupyter-bob"]["HostConfig"]["Memory"] == 512 << 20, "the image needs less"
    page.goto(f"{hub.url}/hub/home")
    page.click(".lab-server[data-server=two] .lab-server-stop")
    expect(page.locator(".lab-server[data-server=two]")).to_have_attribute("data-state", "stopped", timeout=30_000)
    assert "server-two.jupyter-bob" not in hub.engine.containers
    assert hub.engine.containers["jupyter-bob"]["State"]["Running"]
    page.close()
