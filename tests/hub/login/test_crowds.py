# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever has no account keeps nobody from logging in; failures count by address too."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from labhub.login import gate
from labhub.login.firstuse import LabFirstUseAuthenticator
from labhub.login.gate import ADDRESS_FREE_FAILURES, network
from test_firstuse import ONE_TIME, lab, login
from tornado.web import HTTPError

__all__ = ["lab"]


async def test_forty_logins_of_strangers_do_not_hold_up_a_person(lab: LabFirstUseAuthenticator) -> None:
    crowd = [asyncio.create_task(login(lab, f"stranger{number}", "x", "10.0.0.9")) for number in range(40)]
    await asyncio.sleep(0.05)
    for address in ("10.0.0.2", "10.0.0.9"):
        assert (await login(lab, "alice", ONE_TIME, address))["name"] == "alice"
        assert not all(task.done() for task in crowd), "she did not wait until all of them were checked"
    found = await asyncio.gather(*crowd, return_exceptions=True)
    refused = [one for one in found if isinstance(one, HTTPError) and one.status_code == 503]
    assert len(refused) >= 25, "they are told at once"
    assert "try again" in str(refused[0].log_message)


async def test_guesses_with_ever_new_names_have_to_wait(
    lab: LabFirstUseAuthenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "labhub.login.passwords.NOBODY", b"$2b$04$C6UzMDM.H6dfI/f/IKcEeOuU2o5uE8kYwq8S1tsdnpM9GqhkF4c8S"
    )
    now = itertools.count(1_000_000_000)
    monkeypatch.setattr(gate.time, "time", lambda: float(next(now) // 1000 * 3600))
    assert (await login(lab, "alice", ONE_TIME, "10.0.0.9"))["name"] == "alice"
    for number in range(ADDRESS_FREE_FAILURES):
        assert await login(lab, f"name{number}", "wrong", "10.0.0.9") is None
    with pytest.raises(HTTPError, match="Too many wrong passwords"):
        await login(lab, "mary-ann", "wrong", "10.0.0.9")
    assert await login(lab, "mary-ann", "wrong", "10.0.0.10") is None, "elsewhere nobody has to wait"
    assert (await login(lab, "alice", ONE_TIME, "10.0.0.9"))["name"] == "alice", "nor who was here before"


@pytest.mark.parametrize(
    ("address", "found"),
    [("192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"), ("not an address", "not an address")],
)
def test_one_user_of_ipv6_is_one_place(address: str, found: str) -> None:
    assert network(address) == found
