# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daily job: notice before the last day, offboarding after it, whatever else is wrong on the host."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import apply, wanted
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import expire as job
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import input as accounts_input
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._accounts.accounts_host import FakeHost

PEOPLE: dict[str, Any] = {
    "users": [
        {"name": "mira", "groups": ["leem"], "expires": "2026-11-30"},
        {"name": "jonas", "groups": ["leem"]},
        {"name": "nadia", "expires": "2027-06-30"},
    ],
    "groups": [{"name": "leem"}],
}


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    host = FakeHost(tmp_path)
    play(host, **PEOPLE)
    return host


def play(host: FakeHost, **variables: Any) -> None:
    inputs = {f"accounts_{key}": value for key, value in variables.items()}
    desired, problems = accounts_input.desired(inputs)
    assert problems == []
    assert apply.run(desired, None, host.world(), inputs=inputs).failures == []


def on(host: FakeHost, month: int, day: int, check: bool = False) -> tuple[int, list[str]]:
    host.now = datetime(2026, month, day, 12, tzinfo=UTC)
    return job.expire(host.world(), check)


def state(host: FakeHost, name: str) -> str:
    return str(json.loads((host.root / "etc/labserver/public/roster.json").read_text())["users"][name]["state"])


def test_notice_begins_in_time_and_asks_for_attention_three_times(host: FakeHost) -> None:
    assert on(host, 11, 15) == (0, [])
    statuses = {day: on(host, 11, day)[0] for day in range(16, 31)}
    assert [day for day, status in statuses.items() if status == 1] == [16, 23, 29]
    assert on(host, 11, 20)[1] == ["mira: the last day of access is 2026-11-30 (in 10 days)"]
    assert on(host, 11, 30)[1] == ["mira: the last day of access is 2026-11-30 (today)"]
    assert state(host, "mira") == "present"


def test_after_the_last_day_mira_is_offboarded_and_nobody_else_touched(host: FakeHost) -> None:
    untouched = {file: host.line(file, "jupyter-jonas") for file in ("passwd", "shadow")}
    (host.root / "home/jupyter-jonas").chmod(0o755)  # what else differs is for the playbook
    assert on(host, 12, 1, check=True)[1] == on(host, 12, 1)[1]
    assert state(host, "mira") == "absent"
    assert host.stopped == ["mira"]
    assert host.line("group", "leem") == ["leem", "x", "30000", "jupyter-jonas"]
    assert len(list((host.root / "srv/labserver/accounts/archive").glob("*.json"))) == 1
    assert {file: host.line(file, "jupyter-jonas") for file in untouched} == untouched
    assert (host.root / "home/jupyter-jonas").stat().st_mode & 0o777 == 0o755
    assert on(host, 12, 2) == (0, [])


def test_trouble_with_others_keeps_nobody_in(host: FakeHost) -> None:
    with (host.root / "etc/passwd").open("a") as passwd:
        passwd.write("service:x:20000:100::/:/bin/false\n")  # jonas' number
    (host.root / "home/jupyter-nadia").rename(host.root / "home/elsewhere")
    assert on(host, 12, 1)[0] == 0
    assert state(host, "mira") == "absent"


def test_after_the_job_the_playbook_has_nothing_to_do(host: FakeHost) -> None:
    on(host, 12, 1)
    before = host.snapshot()
    play(host, **PEOPLE)
    assert host.snapshot() == before


def test_it_says_what_is_missing(tmp_path: Path) -> None:
    host = FakeHost(tmp_path)
    assert on(host, 12, 1)[0] == 2
    assert "run the playbook first" in on(host, 12, 1)[1][0]
    wanted.write(host.root, b"{")
    assert "is damaged" in on(host, 12, 1)[1][0]
    assert (host.root / wanted.FILE).stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_read_is_a_failure_and_no_mere_warning(host: FakeHost) -> None:
    register = host.root / "etc/labserver/accounts/register.json"
    register.unlink()
    register.mkdir()
    status, lines = on(host, 12, 1)
    assert status == 2
    assert "Is a directory" in lines[0]
