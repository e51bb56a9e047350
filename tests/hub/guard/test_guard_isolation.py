# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No isolation, no start: the guard asks the host before each start of a server."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from guard_lab import Lab
from labhub.guard import isolation
from labhub.servers import failures
from samples import good_body

START = "/containers/own/start"


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    made = Lab(tmp_path)
    await made.start()
    made.guard.settings = dataclasses.replace(made.guard.settings, isolation_socket=str(tmp_path / "isolation"))
    yield made
    await made.stop()


async def host_says(folder: Path, text: bytes) -> asyncio.Server:
    """A host that says the same to everybody."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()
        writer.close()

    return await asyncio.start_unix_server(answer, folder / "isolation")


async def test_servers_that_are_apart_start(lab: Lab) -> None:
    async with await host_says(lab.folder, b'{"version": 1, "isolated": true, "reason": ""}\n'):
        assert (await lab.ask("POST", START))[0] == 201
    assert ("POST", f"/containers/{'1' * 64}/start") in [asked[:2] for asked in lab.asked]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            b'{"version": 1, "isolated": false, "reason": "iptables is gone"}\n',
            "not kept apart on this host: iptables is",
        ),
        (b"", "the host does not say"),
        (b"[]", "the host does not say"),
        (b'{"isolated": "yes"}', "the host does not say"),
        (None, "the host does not say"),
    ],
)
async def test_without_isolation_none_starts_and_the_reason_is_said(
    lab: Lab, text: bytes | None, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "RESTART_SECONDS", 0.1)
    host = await host_says(lab.folder, text) if text is not None else None
    status, answer = await lab.ask("POST", START)
    assert (status, reason in answer["message"]) == (403, True), answer
    assert failures.of_engine(answer["message"]).reason == "isolation"
    assert not [asked for asked in lab.asked if asked[1].endswith("/start")]
    body = json.dumps(good_body()).encode()
    status, answer = await lab.ask("POST", "/containers/create?name=jupyter-alice", body)
    assert (status, reason in answer["message"]) == (403, True), "nothing is left that would have to be cleared away"
    assert (await lab.ask("POST", "/containers/own/stop"))[0] == 201, "whoever runs can be stopped"
    if host is not None:
        host.close()


async def test_a_host_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    server = await asyncio.start_unix_server(silent, tmp_path / "isolation")
    assert "TimeoutError" in await isolation.problem(str(tmp_path / "isolation"), 0.1)
    server.close()


async def test_a_service_that_starts_anew_is_waited_for(lab: Lab) -> None:
    """It ends when its program was replaced, and systemd starts the new one a moment later."""
    asked = asyncio.create_task(lab.ask("POST", START))
    await asyncio.sleep(0.5)
    async with await host_says(lab.folder, b'{"version": 1, "isolated": true, "reason": ""}\n'):
        assert (await asked)[0] == 201
