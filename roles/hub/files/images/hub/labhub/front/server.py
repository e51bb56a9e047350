# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection of a client: who it is, and what it may ask for. Everything happens in that person's container."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Coroutine
from typing import Any

import asyncssh

from .bridge import FromOutside
from .hub import Hub, HubError
from .places import Places, place

LOG = logging.getLogger("labhub.front")
MOST_TOKENS, MOST_KEYS = 3, 20
"""Wrong tokens, and keys offered, in one connection."""
LOGIN_SECONDS = 30
START_SECONDS, PAUSE_SECONDS = 60.0, 0.1
"""So long may a container take until one can log in to it: a busy host starts slowly."""
LOCAL = ("localhost", "127.0.0.1", "::1")
"""The only places to which a port is forwarded: in the person's own container."""


class Front:
    """What all connections share."""

    def __init__(self, hub: Hub, key: asyncssh.SSHKey, places: Places | None = None):
        self.hub = hub
        self.key = key
        self.public_key = " ".join(key.export_public_key().decode().split()[:2])
        self.places = places or Places()
        self.open: dict[str, Connection] = {}

    def connection(self) -> Connection:
        """Return the handler of a new connection."""
        return Connection(self)

    async def keep(self) -> None:
        """Tell the hub who is connected, and end the connections of those who may not be any more."""
        sessions = {name: {"name": one.name, "proof": one.proof} for name, one in self.open.items()}
        for identity in await self.hub.alive(sessions):
            if identity in self.open:
                LOG.warning("ending a connection of %s, whose access has ended", self.open[identity].name)
                self.open[identity].end("Your access has ended.")


class Connection(asyncssh.SSHServer):
    """A client's connection."""

    _conn: Any

    def __init__(self, front: Front):
        self._front = front
        self._identity = secrets.token_hex(8)
        self._address = ""
        self._stranger = False
        self._entered = False
        self._wrong = self._offered = 0
        self._keys: frozenset[str] = frozenset()
        self._inside: asyncio.Task[Any] | None = None
        self.name = self.proof = ""
        self.since = time.monotonic()

    def connection_made(self, conn: Any) -> None:
        self._conn = conn
        self._address = place(str(conn.get_extra_info("peername")[0]))
        self._stranger = self._front.places.come(self._address)
        if not self._stranger:
            LOG.warning("too many connections that have not logged in; refused one from %s", self._address)
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._stranger:
            self._front.places.go(self._address)
        if self._entered:
            self._front.places.leave(self.name)
            self._front.open.pop(self._identity, None)
            LOG.info("%s left (%s)", self.name, self._address)
        if self._inside is not None:
            self._inside.add_done_callback(_close)
            self._inside.cancel()

    def end(self, why: str) -> None:
        """End this connection."""
        self._conn.disconnect(asyncssh.DISC_BY_APPLICATION, why)

    async def begin_auth(self, username: str) -> bool:
        self.name = username.strip().lower()
        try:
            self._keys = frozenset(await self._front.hub.keys(self.name))
        except HubError:
            self._keys = frozenset()
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def kbdint_auth_supported(self) -> bool:
        return False

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self._offered += 1
        if self._offered > MOST_KEYS:
            self.end("Too many keys offered. Name one with ssh -o IdentitiesOnly=yes -i FILE.")
            return False
        line = " ".join(key.export_public_key().decode().split()[:2])
        if line not in self._keys:
            return False
        self.proof = f"key {line}"
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        try:
            proof = await self._front.hub.token(self.name, password, self._address)
        except HubError as error:
            self.end(str(error))
            return False
        if proof:
            self.proof = proof
            return True
        LOG.warning("wrong token for %s from %s", self.name, self._address)
        self._wrong += 1
        if self._wrong >= MOST_TOKENS:
            self.end("Wrong token. Make one on the hub's page Token; your password for the hub does not count here.")
        return False

    def auth_completed(self) -> None:
        self._front.places.go(self._address)
        self._stranger = False
        if not self._front.places.enter(self.name):
            self.end("You have too many connections already.")
            return
        self._entered = True
        self._front.open[self._identity] = self
        LOG.info("%s logged in from %s with a %s", self.name, self._address, self.proof.partition(" ")[0])

    def session_requested(self) -> Any:
        return self._conn.create_server_channel(encoding=None), FromOutside(self._box)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> Any:
        if dest_host not in LOCAL:
            reason = f"Ports are forwarded to your own container (localhost) alone, not to {dest_host[:80]}."
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, reason)
        return self._forward(dest_host, dest_port)

    async def _forward(self, host: str, port: int) -> Any:
        try:
            inside = await self._box()
        except (HubError, asyncssh.Error, OSError) as error:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, str(error)) from error
        return await self._conn.forward_tunneled_connection(inside, host, port)

    def _box(self) -> Coroutine[Any, Any, Any]:
        """Return the connection to the person's container; one for all sessions of this client."""
        if not self._entered:
            raise HubError("You have too many connections already.")
        if self._inside is None or (self._inside.done() and _broken(self._inside)):
            self._inside = asyncio.get_running_loop().create_task(self._connect())
        return asyncio.wait_for(asyncio.shield(self._inside), None)

    async def _connect(self) -> Any:
        found = await self._front.hub.open(self.name, self.proof, self._front.public_key)
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while True:
            try:
                return await self._log_in(found)
            except (OSError, asyncssh.ConnectionLost):
                if asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)

    async def _log_in(self, found: dict[str, Any]) -> Any:
        host_key = asyncssh.import_public_key(found["host_key"])
        return await asyncssh.connect(
            found["address"],
            int(found["port"]),
            username=found["account"],
            client_keys=[self._front.key],
            # Another container may have got the address: only the one that the hub made has this key.
            known_hosts=([host_key], [], []),
            config=None,
            agent_path=None,
            agent_forwarding=False,
            x509_trusted_certs=None,
            preferred_auth="publickey",
            connect_timeout=5,
            login_timeout=10,
            keepalive_interval=30,
            compression_algs=None,
        )


def _broken(task: asyncio.Task[Any]) -> bool:
    return task.cancelled() or task.exception() is not None or task.result().is_closed()


def _close(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()
