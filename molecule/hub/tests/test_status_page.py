# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the server's status on the hub: made by the host's cron, shown to administrators alone."""

from __future__ import annotations

import json
import re
import typing as t

PATH = "/etc/labserver/hub/status.json"


def test_cron_makes_the_page_every_minute_and_administrators_read_it(lab: t.Any) -> None:
    def made() -> str:
        return str(json.loads(lab.sh(f"cat {PATH} 2>/dev/null || echo '{{}}'")).get("made", ""))

    first = made()
    lab.until("cron makes a page", lambda: made() > first, 90)
    second = made()
    lab.until("cron makes the next one", lambda: made() > second, 90)
    assert lab.sh(f"stat -c '%a %u %g' {PATH}").split() == ["640", "0", "64100"]
    answer = lab.person("alice").get("/hub/admin/status")
    assert answer.status_code == 200 and re.search(r"Made \d+ seconds? ago", answer.text)
    assert lab.sh("hostname").strip() in answer.text and "People&#x27;s servers" in answer.text
    assert lab.person("bob").get("/hub/admin/status").status_code == 403


def test_a_page_that_nobody_makes_any_more_says_so(lab: t.Any) -> None:
    lab.sh(f"""sed -i 's/"made": "[^"]*"/"made": "2026-01-01T00:00:00Z"/' {PATH}""")
    old = lab.person("alice").get("/hub/admin/status").text
    # Cron may have made the next one in between.
    assert "labserver run status-page" in old or re.search(r"Made \d+ seconds? ago", old)
    lab.sh("labserver run status-page")
    assert re.search(r"Made \d+ seconds? ago", lab.person("alice").get("/hub/admin/status").text)
