# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which Authorization header a request to a registry carries: Basic, or a Bearer token from the registry's realm."""

from __future__ import annotations

import base64
import re
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .transport import Origin


class Credentials(NamedTuple):
    """A user of the registry."""

    username: str
    password: str


class Authenticator:
    """Answers the challenges of one registry; safe to use from several threads.

    ``fetch(url, headers)`` gets a token. Credentials go to the registry itself and, for tokens, to the realm
    it names when that is on the same host or one of ``token_hosts``; to nobody else.
    """

    def __init__(
        self,
        credentials: Credentials | None,
        origin: Origin,
        token_hosts: frozenset[str],
        fetch: Callable[[str, Mapping[str, str]], dict[str, Any]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._credentials = credentials
        self._origin = origin
        self._token_hosts = token_hosts
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._basic: str | None = None
        self._tokens: dict[tuple[str, str], tuple[str, float]] = {}  # (repository, kind) -> header, good until

    def header(self, method: str, path: str) -> str | None:
        """Return the header for a request, as far as earlier answers tell which one is wanted."""
        if self._basic:
            return self._basic
        found = self._tokens.get(_key(method, path))
        return found[0] if found and self._clock() < found[1] else None

    def challenge(self, method: str, path: str, headers: Mapping[str, str]) -> bool:
        """Take in the challenge of a 401; True when the request is worth repeating."""
        kind, _space, rest = headers.get("www-authenticate", "").partition(" ")
        if kind.lower() == "basic":
            if self._credentials is None or self._basic is not None:
                return False  # nothing to offer, or refused already
            self._basic = _basic(self._credentials)
            return True
        if kind.lower() != "bearer":
            return False
        fields = {name.lower(): value for name, value in re.findall(r'([A-Za-z_]+)="([^"]*)"', rest)}
        realm = urllib.parse.urlsplit(fields.get("realm", ""))
        if realm.scheme not in ("http", "https") or not realm.hostname:
            return False
        query = urllib.parse.parse_qsl(realm.query)
        query += [("service", fields["service"])] if "service" in fields else []
        query += [("scope", scope) for scope in fields.get("scope", "").split(" ") if scope]
        url = urllib.parse.urlunsplit(
            (realm.scheme, realm.netloc, realm.path or "/", urllib.parse.urlencode(query), "")
        )
        sent: dict[str, str] = {}
        secure = realm.scheme == "https" or self._origin[0] == "http"
        if self._credentials and secure and (realm.hostname == self._origin[1] or realm.hostname in self._token_hosts):
            sent["Authorization"] = _basic(self._credentials)
        answer = self._fetch(url, sent)
        token = answer.get("token") or answer.get("access_token")
        if not isinstance(token, str) or not token:
            return False
        lifetime = answer.get("expires_in")
        seconds = float(lifetime) if isinstance(lifetime, int | float) and lifetime > 0 else 60.0
        with self._lock:
            # A little earlier than the server thinks, so that no request is under way with a token that ran out.
            self._tokens[_key(method, path)] = (f"Bearer {token}", self._clock() + seconds * 0.8)
        return True


def _key(method: str, path: str) -> tuple[str, str]:
    """Tokens are given per repository and kind of access."""
    match = re.match(r"(?:.*?)/v2/(.+)/(?:manifests|blobs|tags|referrers)/", path)
    kind = "read" if method in ("GET", "HEAD") else method
    return (match.group(1) if match else "", kind)


def _basic(credentials: Credentials) -> str:
    return "Basic " + base64.b64encode(f"{credentials.username}:{credentials.password}".encode()).decode()
