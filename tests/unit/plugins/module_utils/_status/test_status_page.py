# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of all servers, with a large lab, with nothing, and with names that mean harm; trend and metrics."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common.docker_api import EngineError
from ansible_collections.labserver.jupyter.plugins.module_utils._status import metrics, rooms, table, view
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._status.status_report import (
    EVIL,
    GIB,
    report,
    row,
)


class Tags(HTMLParser):
    """Everything on a page that could ask somebody for something or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.outside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "img", "iframe", "link", "object", "form", "base"):
            self.outside.append(tag)
        for name, value in attrs:
            if name.startswith("on") or (name in ("src", "href") and not str(value).startswith("#")):
                self.outside.append(f"{tag} {name}={value}")


@pytest.mark.parametrize("people", [0, 1, 500])
def test_the_page_asks_nobody_and_is_of_a_size_that_a_phone_takes(people: int) -> None:
    hosts = {f"host{number:02}": report(people if number < 2 else 3) for number in range(20)}
    markup = view.document({**hosts, "silent": None}, "2026-11-27 10:00")
    assert Tags(markup).outside == []
    assert "http" not in re.sub("Content-Security-Policy|http-equiv", "", markup)
    assert len(markup) < 1_500_000
    assert markup.index("no answer") < markup.index("host00")
    assert markup.count("person499") == (4 if people == 500 else 0), "as a server and as a home, of two hosts"


def test_what_is_not_well_comes_first() -> None:
    found = view.matters(report(3))
    assert [level for level, _what, _said in found] == ["critical"] * 2 + ["warning"] * (len(found) - 2)
    assert ("warning", "disk /home", "full in 29 days at the growth of the last 14 days") in found
    assert any(what == "updates" and "3 of security" in said for _level, what, said in found)


def words_of(markup: str) -> str:
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", markup))


def test_a_backup_has_age_size_growth_and_drill() -> None:
    shown = words_of(view.document({"atlas": report(0)}, "now"))
    assert "last complete 7 hours old (2026-11-27T03:10:00Z)" in shown
    assert "size 412 GiB in 1812345 files" in shown
    assert "1.0 GiB new growth 31 GiB new in 29 backups of 30 days" in shown
    assert "last drill never, warning: 100 of 100 files equal, 1 missing; the last that went well" in shown
    assert 'aria-label="size of the backup over 29 days"' in view.document({"atlas": report(0)}, "now")


def test_the_registry_says_by_repository_what_pruning_frees() -> None:
    whole = report(0)
    whole["registry"].append({"repository": "new", "tags": 1, "size_bytes": 1, "broken": 0, "newest": ""})
    shown = words_of(view.document({"atlas": whole}, "now"))
    assert "stm 12 15 GiB 5.0 GiB, 3 of 12 tags 1 2026-11-26 quiet 1 1.0 GiB nothing new 1 1 B not known" in shown
    assert "would free 7.0 GiB together, as of 2026-11-27T03:40:00Z; 1.0 GiB of it belong to no repository" in shown
    whole["pruning"]["refused"] = "stm: all 12 tags would be removed"
    assert "it will be refused: stm: all 12 tags" in words_of(view.document({"atlas": whole}, "now"))
    del whole["pruning"]
    assert "stm 9 14 GiB not known" in words_of(view.document({"atlas": whole}, "now"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"age_hours": 48.1}, "the last complete one is 48 hours old; at most 48 hours"),
     ({"age_hours": 120.0}, "5 days old"), ({"age_hours": None, "complete": ""}, "there is none in which nothing"),
     ({"age_hours": 47.9}, ""), ({"age_hours": 900.0, "max_age_hours": None}, "")],
)  # fmt: skip
def test_a_backup_that_is_too_old_is_told(changes: dict[str, Any], words: str) -> None:
    whole = report(0)
    whole["backup"].update(changes)
    told = [said for _level, what, said in view.matters(whole) if what == "backup"]
    assert (words in told[0]) if words else (told == [])


def test_a_server_with_nothing_and_a_list_without_servers() -> None:
    assert "nothing to do" in view.document({"atlas": {"version": 1}}, "now")
    assert "no server in this list" in view.document({}, "now")


def test_names_of_others_do_no_harm_on_page_terminal_and_in_metrics() -> None:
    bad = report(0, servers=[{**row(1), "user": EVIL, "image": EVIL}], unread=[{"part": EVIL, "message": EVIL}])
    bad["jobs"][0].update(job=EVIL, message=EVIL, level="critical")
    bad["shares"][0].update(share=EVIL, reason=EVIL)
    markup = view.document({EVIL: bad}, EVIL)
    assert Tags(markup).outside == []
    shown = table.table({"atlas": bad})
    for text in (markup, shown):
        assert "\x1b" not in text and "\u202e" not in text and "\x07" not in text
    for line in metrics.text(bad).splitlines():
        assert line.startswith(("labserver_", "# HELP labserver_", "# TYPE labserver_"))


def test_a_part_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "etc/labserver/public").mkdir(parents=True)
    (tmp_path / rooms.SHARES).write_text("{")
    found = rooms.read(tmp_path, datetime(2026, 11, 27, tzinfo=UTC))
    unread = {item["part"]: item["message"] for item in found["unread"]}
    assert set(unread) == {"shares", "memory"}  # there is no /proc in this folder either
    assert "shares.json is damaged" in unread["shares"]
    shown = table.table({"atlas": {"unread": found["unread"]}})
    assert re.search("^atlas  unknown  shares +could not be read: .*shares.json is damaged", shown, re.MULTILINE)
    assert 'labserver_unread{part="shares"} 1' in metrics.text(found)
    # Only a server that is to record what is used lacks it: one that holds just the registry was yellow for ever.
    (tmp_path / rooms.USAGE_JOB).parent.mkdir(parents=True)
    (tmp_path / rooms.USAGE_JOB).write_text("{}")
    unread = {item["part"] for item in rooms.read(tmp_path, datetime(2026, 11, 27, tzinfo=UTC))["unread"]}
    assert unread == {"shares", "memory", "usage"}


def test_servers_that_stop_while_they_are_asked_for() -> None:
    inspected = {
        "Name": "/jupyter-mira",
        "HostConfig": {"Memory": GIB, "NanoCpus": 5 * 10**8},
        "State": {},
        "Config": {},
    }
    stats = {
        "memory_stats": {"usage": 900, "stats": {"inactive_file": 400}},
        "cpu_stats": {"cpu_usage": {"total_usage": 7 * 10**9}},
    }

    def get(path: str, **_query: object) -> Any:
        if path == "/containers/json":
            return [{"Id": "a", "Labels": {"org.labserver.user": "mira"}}, {"Id": "b"}]
        if path.startswith("/containers/b"):
            raise EngineError("gone", 404)
        return stats if path.endswith("stats") else inspected

    (found,) = rooms.servers(get)
    assert (found["user"], found["memory_bytes"], found["cpu_seconds"], found["cpu_limit"]) == ("mira", 500, 7, 0.5)


def test_a_reboot_is_told_with_its_time_and_the_last_one_with_its_reason() -> None:
    updates = {"reboot_due": True, "reboot_announced": "2026-11-22T03:00:00Z"}
    updates |= {"rebooted": "2026-11-15T03:06:00Z", "rebooted_for": "libc6"}
    assert ("warning", "updates", "a reboot is due, announced for 2026-11-22T03:00:00Z") in view.matters(
        {"updates": updates}
    )
    page = view.document({"atlas": {"version": 1, "updates": updates}}, "now")
    assert "last reboot in a window: 2026-11-15T03:06:00Z, for libc6" in page


def test_the_table_begins_with_what_is_not_well_of_every_part_and_host() -> None:
    bad = report(3, backup={**report(0)["backup"], "age_hours": 120.0}, unread=[{"part": "usage", "message": "gone"}])
    shown = table.table({"atlas": report(3, jobs=[], shares=[], certificates=[]), "boreas": bad, "ceres": None})
    first = shown.split("\n\n")[0].splitlines()
    assert re.split("  +", first[1]) == ["ceres", "critical", "the server", "no answer"]
    levels = [line.split()[1] for line in first[1:]]
    assert levels == sorted(levels, key=["critical", "warning", "unknown"].index)
    for words in (
        "share data  +not mounted", "backup  +the last complete one is 5 days old", "updates  +3 of security wait",
        "updates  +a reboot is due", "disk /home  +full in 29 days at the growth", "usage  +could not be read: gone",
    ):  # fmt: skip
        assert re.search(f"boreas  .*{words}", "\n".join(first)), words
    assert re.search(r"boreas +critical +3 +60 GiB of 512 GiB +2026-11-27T03:10:00Z +14, 3 of security", shown)
    assert table.table({"atlas": {"version": 1}}).startswith("nothing to do\n")
    assert table.table({}) == "There is no server in this list.\n"


def test_of_twenty_servers_the_table_shows_what_is_not_well() -> None:
    well = [{**report(0)["jobs"][0], "job": f"job{number}"} for number in range(15)]
    hosts = {f"host{number:02}": {"version": 1, "jobs": well} for number in range(20)}
    hosts["host07"]["jobs"] = [*well, {**well[0], "job": "broken", "level": "critical", "message": "exit status 2"}]
    shown = table.table(hosts)
    assert len(shown.splitlines()) < 40
    assert len(re.findall("^host07 .*exit status 2$", shown, re.MULTILINE)) == 2
    assert "\n300 more: job, level ok\n" in shown
    assert "job14" in table.table({"atlas": hosts["host00"]}), "one server's own are all there"


@pytest.mark.parametrize(
    ("config", "words"),
    [(None, "nobody is told of anything (schedule_alert_...), and nothing outside notices when it is dead"),
     ({"mail": {"to": ["a@b.example"]}, "command": ["/x"]}, "alerts go out by mail and command, and nothing outside"),
     ({"webhook": {"url": "https://x/t0ken"}, "heartbeat_url": "https://y/s3cret"}, "alerts go out by webhook ")],
)  # fmt: skip
def test_the_page_says_who_is_told(tmp_path: Path, config: dict[str, Any] | None, words: str) -> None:
    (tmp_path / "etc/labserver").mkdir(parents=True)
    if config is not None:
        (tmp_path / "etc/labserver/alerts.json").write_text(json.dumps({"version": 1, **config}))
    found = rooms.read(tmp_path, datetime(2026, 11, 27, tzinfo=UTC))
    shown = words_of(view.document({"atlas": {"version": 1, "alerts": found["alerts"]}}, "now"))
    assert words in shown and ("dead" in shown) is not bool((config or {}).get("heartbeat_url"))
    assert "t0ken" not in json.dumps(found) and "s3cret" not in json.dumps(found), "addresses may be secrets"
    (tmp_path / "etc/labserver/alerts.json").write_text("{")
    unread = rooms.read(tmp_path, datetime(2026, 11, 27, tzinfo=UTC))["unread"]
    assert "alerts" in [item["part"] for item in unread]
