# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the server's status on the hub: made by a job of the host, shown to administrators alone."""

from __future__ import annotations

import json
import re
import typing as t

PATH = "/etc/labserver/hub/status.json"
FRESH = re.compile(r"Made \d+ seconds? ago")


def test_a_job_for_every_minute_makes_the_page_and_administrators_read_it(lab: t.Any, alice: t.Any) -> None:
    (entry,) = [line for line in lab.sh("cat /etc/cron.d/labserver-status-page").splitlines() if "status-page" in line]
    assert entry.startswith("* * * * * ")
    lab.sh("labserver run status-page")
    assert lab.sh(f"stat -c '%a %u %g' {PATH}").split() == ["640", "0", "64100"]
    answer = alice.get("/hub/admin/status")
    assert answer.status_code == 200 and FRESH.search(answer.text)
    assert lab.sh("hostname").strip() in answer.text and " running of " in answer.text
    assert lab.person("bob").get("/hub/admin/status").status_code == 403


def test_a_page_that_nobody_makes_any_more_says_so(lab: t.Any) -> None:
    lab.sh("labserver run status-page")
    lab.sh(f"""sed -i 's/"made": "[^"]*"/"made": "2026-01-01T00:00:00Z"/' {PATH}""")
    old = lab.person("alice").get("/hub/admin/status").text
    assert "labserver run status-page" in old or FRESH.search(old), "cron may have made the next one in between"
    lab.sh("labserver run status-page")
    assert FRESH.search(lab.person("alice").get("/hub/admin/status").text)


def test_to_make_the_page_is_cheap(lab: t.Any) -> None:
    lab.sh("labserver run status-page")  # afterwards apt was asked
    told = lab.sh("bash -c 'TIMEFORMAT=%U+%S; time labserver status --for-hub' 2>&1")
    assert sum(map(float, told.split()[-1].split("+"))) < 2, "of 60 seconds"


def test_bash_completes_jobs_and_people_and_every_outcome_is_json(lab: t.Any) -> None:
    script = "/usr/share/bash-completion/completions/labserver"
    assert lab.sh(f"stat -c '%a %u' {script}").split() == ["644", "0"]
    assert lab.sh("labserver completion") == lab.sh(f"cat {script}")

    def offered(*words: str) -> list[str]:
        line = " ".join(words)
        order = f". {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _labserver; echo ${{COMPREPLY[@]}}"
        return str(lab.sh(f"bash -c '{order}'")).split()

    assert offered("labserver", "run", "status-p") == ["status-page"]
    assert offered("labserver", "backup", "home", "ali") == ["alice"]
    told = json.loads(lab.sh("labserver usage --json"))
    assert (told["command"], told["level"], told["exit_status"]) == ("usage", "ok", 0)
    assert json.loads(lab.sh("labserver registry-maintain --check --json || true"))["command"] == "registry-maintain"
