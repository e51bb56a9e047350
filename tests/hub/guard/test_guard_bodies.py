# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A body is read as a whole, in however many pieces it comes, and never more of it than a body may have."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from guard_lab import Lab
from labhub.guard import __main__ as program
from labhub.guard import calls
from samples import good_body


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    lab = Lab(tmp_path)
    await lab.start()
    yield lab
    await lab.stop()


async def send(lab: Lab, pieces: list[bytes], length: int, path: str = "create?name=jupyter-alice") -> tuple[int, str]:
    """Send a body piece by piece, and return status and answer."""
    reader, writer = await asyncio.open_unix_connection(str(lab.folder / "guard"))
    head = f"POST /containers/{path} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    writer.write(head.encode())
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.05)
    raw = (await asyncio.wait_for(reader.readuntil(b"}"), 10)).decode()
    writer.close()
    return int(raw.split(" ")[1]), raw


@pytest.mark.parametrize("size", [7, 100, 600])
async def test_a_body_in_pieces_is_the_same_body(lab: Lab, size: int) -> None:
    raw = json.dumps(good_body()).encode()
    pieces = [raw[:size], raw[size : 2 * size], raw[2 * size :]]
    status, answer = await send(lab, pieces, len(raw))
    assert status == 201, answer
    assert lab.acts() == [("POST", "/containers/create?name=jupyter-alice")]


async def test_a_body_that_is_too_long_is_refused_before_its_end(lab: Lab) -> None:
    pieces = [b'{"a": "', b"x" * (calls.LONGEST_BODY // 2), b"x" * calls.LONGEST_BODY]
    status, answer = await send(lab, pieces, 50_000_000)
    assert status == 403
    assert "longer than" in answer


@pytest.mark.parametrize(("pieces", "status"), [([b"{", b"}"], 201), ([b"{", b'"a":1}'], 403), ([b"", b"{} x"], 403)])
async def test_other_calls_have_no_body_in_pieces_either(lab: Lab, pieces: list[bytes], status: int) -> None:
    found, answer = await send(lab, pieces, sum(map(len, pieces)), "own/start")
    assert found == status, answer


async def test_a_key_of_the_hub_makes_no_lines_of_the_guards_log(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    handler = program.log()
    logging.getLogger("labhub.guard").addHandler(handler)
    try:
        raw = json.dumps({**good_body(), "X\n2026-11-27 INFO labhub.guard: all is well\x1b[0m": 1}).encode()
        assert (await send(lab, [raw], len(raw)))[0] == 403
    finally:
        logging.getLogger("labhub.guard").removeHandler(handler)
    said = capsys.readouterr().err
    assert "all is well?[0m is not allowed" in said
    assert len(said.splitlines()) == 1
