# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the host whether people's servers are kept apart now: without that, none may start."""

from __future__ import annotations

import asyncio
import json

ANSWER_SECONDS = 8.0
RESTART_SECONDS = 6.0
"""So long is waited for a service that does not listen: it starts anew with a new program, or with Docker."""
PAUSE_SECONDS = 0.2
LONGEST_ANSWER = 64 * 1024
NOBODY = "the host does not say whether people's servers are kept apart; ask your administrator"


async def _connected(path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    last = asyncio.get_running_loop().time() + RESTART_SECONDS
    while True:
        try:
            return await asyncio.open_unix_connection(path, limit=LONGEST_ANSWER)
        except (FileNotFoundError, ConnectionRefusedError):
            if asyncio.get_running_loop().time() >= last:
                raise
        await asyncio.sleep(PAUSE_SECONDS)


async def problem(path: str, timeout_seconds: float = ANSWER_SECONDS) -> str:
    """Return why no server may start, empty when servers are apart. ``path`` is the socket of the host's service.

    The service (``labserver hub-network``) looks at the rules in the kernel, mends them, and says how it stands in one
    JSON object. No answer is no isolation.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await _connected(path)
            try:
                raw = await reader.read(LONGEST_ANSWER)
            finally:
                writer.close()
        answer = json.loads(raw)
        if answer["isolated"] is True:
            return ""
        return f"people's servers are not kept apart on this host: {answer['reason']}"
    except (OSError, TimeoutError, ValueError, KeyError, TypeError) as error:
        return f"{NOBODY} (labserver-hub-network.service: {error!r})"
