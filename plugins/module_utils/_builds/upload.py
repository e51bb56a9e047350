# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sends a layer to a registry while it is made: nothing of it lies on the host's disk.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md (pushing a blob in chunks)
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import urllib.parse
import zlib
from typing import NamedTuple

from .._registry.client import RegistryClient
from .._registry.protocol import RegistryError

CHUNK = 8 << 20
"""Bytes that are sent at once."""
LEVEL = 4
"""Of zlib, from 1 to 9: most of an environment is compressed code or data already, and higher ones take minutes."""
GZIP = 31
"""zlib's window with gzip's head, which zlib writes without a time: the same layer is the same blob."""


class Layer(NamedTuple):
    """A layer in the registry: digest and size as it is stored, and the digest of what is unpacked from it."""

    digest: str
    size: int
    diff_id: str


class LayerUpload(io.RawIOBase):
    """A file to write a layer to; ``finish`` makes it a blob of the repository, ``cancel`` throws it away."""

    def __init__(self, client: RegistryClient, repository: str) -> None:
        super().__init__()
        self._client = client
        self._pack = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
        self._diff, self._hash = hashlib.sha256(), hashlib.sha256()
        self._waiting = bytearray()
        self._size = 0
        start = f"/v2/{repository}/blobs/uploads/"
        answer = client.request("POST", start, body=b"", allow=(202,))
        self._location = client.here(answer.headers.get("location", ""), start)

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        """Take a piece of the layer. Raises RegistryError."""
        raw = bytes(piece)  # type: ignore[call-overload]
        self._diff.update(raw)
        self._take(self._pack.compress(raw))
        return len(raw)

    def _take(self, packed: bytes) -> None:
        self._waiting += packed
        while len(self._waiting) >= CHUNK:
            self._send(bytes(self._waiting[:CHUNK]))
            del self._waiting[:CHUNK]

    def _send(self, chunk: bytes) -> None:
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"{self._size}-{self._size + len(chunk) - 1}",
        }
        # Not repeated: a registry that took the chunk and whose answer was lost would take it twice.
        answer = self._client.request("PATCH", self._location, headers=headers, body=chunk, allow=(202, 204), retries=0)
        self._location = self._client.here(answer.headers.get("location", self._location), self._location)
        self._hash.update(chunk)
        self._size += len(chunk)

    def finish(self) -> Layer:
        """Store what was written. Raises RegistryError."""
        self._take(self._pack.flush())
        if self._waiting:
            self._send(bytes(self._waiting))
            self._waiting.clear()
        digest = f"sha256:{self._hash.hexdigest()}"
        location = self._location + ("&" if "?" in self._location else "?")
        location += urllib.parse.urlencode({"digest": digest})
        self._client.request("PUT", location, body=b"", allow=(201,))
        return Layer(digest, self._size, f"sha256:{self._diff.hexdigest()}")

    def cancel(self) -> None:
        """Let the registry forget what was sent; what cannot be forgotten now, its own purging removes."""
        with contextlib.suppress(RegistryError):
            self._client.request("DELETE", self._location, allow=(200, 202, 204, 404), retries=0)


def mount(client: RegistryClient, repository: str, digest: str, source: str) -> None:
    """Make a blob of another repository of the same registry one of this, too. Raises RegistryError."""
    query = urllib.parse.urlencode({"mount": digest, "from": source})
    start = f"/v2/{repository}/blobs/uploads/"
    answer = client.request("POST", f"{start}?{query}", body=b"", allow=(201, 202))
    if answer.status == 202:  # the registry began an upload in place of it
        location = client.here(answer.headers.get("location", ""), start)
        with contextlib.suppress(RegistryError):
            client.request("DELETE", location, allow=(200, 202, 204, 404), retries=0)
        raise RegistryError(f"{digest} of {source} is not in the registry any more", 404)
