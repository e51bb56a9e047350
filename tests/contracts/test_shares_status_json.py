# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""shares-status.json: how the shares are, for people and for whoever watches a lab server from outside."""

from __future__ import annotations

import json

from contract import validate
from writers import PUBLIC, shares

PATH = f"{PUBLIC}/shares-status.json"


def test_what_is_written_fits_the_schema() -> None:
    validate(shares(), PATH, "shares-status")


def test_it_speaks_of_the_shares_of_shares_json() -> None:
    states, known = (json.loads(shares()[path])["shares"] for path in (PATH, f"{PUBLIC}/shares.json"))
    assert sorted(states) == sorted(known)
    assert {name: share["state"] for name, share in states.items()} == {"data": "ok", "manuals": "critical"}
    assert all(bool(share["reason"]) == (share["state"] != "ok") for share in states.values())
