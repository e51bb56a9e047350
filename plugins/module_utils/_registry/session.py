# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests to one registry: with the credentials it asks for, repeated where that can help, in several threads.

What comes back is complete, or an error says why not.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import time
import urllib.parse
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

from .auth import Authenticator, Credentials
from .protocol import MAX_BLOB_BYTES, MAX_LIST_BYTES, RegistryError
from .transport import Request, Response, Transport, origin_of

RETRY_STATUS = frozenset({429, 502, 503, 504})

Item = TypeVar("Item")
Result = TypeVar("Result")


class Session:
    """A registry's URL and user. ``timeout`` is for each wait on the network, ``deadline`` for a whole request (s)."""

    def __init__(
        self,
        url: str,
        *,
        username: str | None = None,
        password: str | None = None,
        ca_file: str | None = None,
        ca_files: Iterable[str] = (),
        verify_tls: bool = True,
        token_hosts: Iterable[str] = (),
        threads: int = 8,
        timeout: float = 30.0,
        deadline: float = 300.0,
        retries: int = 4,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = (url if "://" in url else f"https://{url}").rstrip("/")
        try:
            origin = origin_of(self.url)
        except (ValueError, http.client.InvalidURL) as error:
            raise ValueError(f"{url!r} is not a registry's URL; give one like https://registry.lab:5000") from error
        files = (*([ca_file] if ca_file else []), *ca_files)
        self._transport = Transport(ca_files=files, verify_tls=verify_tls, timeout=timeout)
        self._deadline = deadline
        self._retries = retries
        self._sleep = sleep
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        credentials = Credentials(username, password or "") if username else None
        self._auth = Authenticator(credentials, origin, frozenset(token_hosts), self._fetch_token)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the threads and close every connection; the client can be used again afterwards."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
        self._transport.close()

    @property
    def requests(self) -> int:
        """How many requests have been answered so far."""
        return self._transport.answered

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield ``function(item)`` for each item, in order, computed by ``threads`` threads; raises the first error."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="registry")
        return self._pool.map(function, items)

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        allow: Collection[int] = (200,),
        limit: int = MAX_BLOB_BYTES,
        retries: int | None = None,
    ) -> Response:
        """Send a request and return the complete answer; a status that is not in ``allow`` raises RegistryError.

        Repeated: 429, 502, 503, 504 and broken connections (every request of this client may be repeated), after the
        pause of ``Retry-After`` or a growing one; once more after 401, with the credentials that it asks for.
        """
        where = f"{method} {self.url}{path}"
        until = time.monotonic() + self._deadline
        attempt = 0
        challenged = False
        while True:
            sent = dict(headers or {})
            if authorization := self._auth.header(method, path):
                sent["Authorization"] = authorization
            problem: BaseException | None = None
            try:
                answer = self._transport.send(Request(method, self.url + path, sent, body, limit, until))
            except (OSError, http.client.HTTPException) as error:
                problem, message, status, pause = error, _describe(error), None, ""
            else:
                if answer.status == 401 and not challenged and self._auth.challenge(method, path, answer.headers):
                    challenged = True
                    continue
                if answer.status in allow:
                    return answer
                message, status = f"{answer.status} {_reason(answer)}", answer.status
                pause = answer.headers.get("retry-after", "")
            attempt += 1
            hopeless = isinstance(problem, ssl.SSLCertVerificationError) or status not in {None, *RETRY_STATUS}
            if hopeless or attempt > (self._retries if retries is None else retries) or time.monotonic() > until:
                raise RegistryError(f"{where}: {message}", status) from problem
            self._sleep(min(float(pause), 30.0) if pause.isdigit() else min(0.1 * 3 ** (attempt - 1), 5.0))

    def _fetch_token(self, url: str, headers: Mapping[str, str]) -> dict[str, Any]:
        where = url.partition("?")[0]
        try:
            answer = self._transport.send(Request("GET", url, headers, until=time.monotonic() + self._deadline))
        except (OSError, http.client.HTTPException) as error:
            raise RegistryError(f"GET {where}: {_describe(error)}") from error
        if answer.status != 200:
            raise RegistryError(f"GET {where}: {answer.status} {_reason(answer)}", answer.status)
        return json_object(answer.body, where)

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the pages of a list, as its ``Link`` headers lead on."""
        seen: set[str] = set()
        while path not in seen:
            seen.add(path)
            answer = self.request("GET", path, limit=MAX_LIST_BYTES)
            yield json_object(answer.body, self.url + path)
            match = re.search(r'<([^>]*)>\s*;[^,]*rel="?next"?', answer.headers.get("link", ""))
            if not match:
                return
            path = self.here(match.group(1), path)
        raise RegistryError(f"GET {self.url}{path}: the pages of this list go in a circle")

    def here(self, location: str, base: str) -> str:
        """Return a Link or Location as a path below this registry's URL.

        Its host is not looked at: behind a reverse proxy registries name their inner address, and credentials never
        follow it anyway.
        """
        target = urllib.parse.urlsplit(urllib.parse.urljoin(self.url + base, location))
        path = target.path[target.path.find("/v2/") :] if "/v2/" in target.path else target.path
        return f"{path}?{target.query}" if target.query else path


def json_object(body: bytes, where: str) -> dict[str, Any]:
    """Return a body that is a JSON object; raises RegistryError."""
    try:
        document = json.loads(body)
    except ValueError as error:
        raise RegistryError(f"{where}: the answer is not JSON ({error})") from error
    if not isinstance(document, dict):
        raise RegistryError(f"{where}: the answer is not a JSON object")
    return document


def _describe(error: BaseException) -> str:
    if isinstance(error, http.client.IncompleteRead):
        return f"the answer was cut off, {error.expected} bytes are missing"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _reason(answer: Response) -> str:
    """Return what the registry says about an error, in one line."""
    try:
        errors = json.loads(answer.body)["errors"]
        text = "; ".join(f"{item.get('code', '')} {item.get('message', '')}".strip() for item in errors)
    except (ValueError, KeyError, TypeError, AttributeError):
        text = answer.body[:200].decode("utf-8", "replace").strip()
    return text or http.client.responses.get(answer.status, "")
