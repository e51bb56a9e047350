# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A person's visit at a hub, over HTTP alone: logs in, starts a server, asks it, stops it.

What it needs of the hub's pages and API is what people's browsers need too.
"""

from __future__ import annotations

import http.client
import http.cookiejar
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

ANSWER_SECONDS = 30.0
PAUSE_SECONDS = 0.5


class VisitError(Exception):
    """The hub did not do what a person expects; the message says what."""


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: where the hub sends a person to is an answer."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


@dataclass
class Visit:
    """One browser of one person; ``base`` is the hub's address with a slash at the end."""

    base: str
    name: str
    sleep: Callable[[float], None] = time.sleep
    jar: http.cookiejar.CookieJar = field(default_factory=http.cookiejar.CookieJar)

    def __post_init__(self) -> None:
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.jar), _Stay()
        )

    def _ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        # Browsers say so; JupyterHub keeps its checks against forged requests for those.
        sent = {"Sec-Fetch-Mode": "navigate", **{key.replace("_", "-"): value for key, value in headers.items()}}
        request = urllib.request.Request(self.base + path, body, sent, method=method)  # noqa: S310 (http alone)
        try:
            with self._opener.open(request, timeout=ANSWER_SECONDS) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except (OSError, http.client.HTTPException) as error:
            raise VisitError(f"{method} {path}: {error}") from error

    def _xsrf(self, path: str) -> str:
        wanted = urllib.parse.urlsplit(self.base + path).path
        fitting = [one for one in self.jar if one.name == "_xsrf" and wanted.startswith(one.path)]
        return max(fitting, key=lambda one: len(one.path)).value or "" if fitting else ""

    def _api(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        headers = {"X_XSRFToken": self._xsrf(path), "Sec_Fetch_Mode": "cors", "Referer": f"{self.base}hub/home"}
        if body is not None:
            headers["Content_Type"] = "application/json"
        status, said = self._ask(method, path, body, **headers)
        try:
            return status, json.loads(said or b"null")
        except ValueError:
            return status, None

    def until(self, what: str, look: Callable[[], bool], seconds: float) -> None:
        """Wait until ``look`` is true; raises VisitError after so many seconds."""
        end = time.monotonic() + seconds
        while not look():
            if time.monotonic() > end:
                raise VisitError(f"{what} within {seconds:.0f} seconds")
            self.sleep(PAUSE_SECONDS)

    def answers(self) -> bool:
        """Tell whether the hub answers through its proxy."""
        try:
            return self._ask("GET", "hub/health")[0] == 200
        except VisitError:
            return False

    def log_in(self, password: str) -> None:
        """Log in by the form of the page; raises VisitError when the hub refuses."""
        status, _page = self._ask("GET", "hub/login")
        if status != 200:
            raise VisitError(f"the login page answers HTTP {status}")
        form = {"_xsrf": self._xsrf("hub/login"), "username": self.name, "password": password}
        status, _page = self._ask("POST", "hub/login", urllib.parse.urlencode(form).encode())
        if status != 302:
            raise VisitError(f"the login was refused (HTTP {status})")
        if not any(cookie.name == "jupyterhub-session-id" for cookie in self.jar):
            raise VisitError("the login brought no session")

    def _server(self) -> dict[str, Any] | None:
        status, user = self._api("GET", f"hub/api/users/{self.name}")
        if status != 200 or not isinstance(user, dict):
            raise VisitError(f"the hub's API answers HTTP {status}")
        found: dict[str, Any] | None = (user.get("servers") or {}).get("")
        return found

    def start(self, seconds: float, reason: Callable[[], str] = lambda: "") -> str:
        """Start a server and wait until it answers through the proxy; returns the version that it says.

        ``reason`` says why a start failed. Raises VisitError.
        """
        status, said = self._api("POST", f"hub/api/users/{self.name}/server", b"{}")
        if status not in (201, 202):
            words = said.get("message") if isinstance(said, dict) else ""
            raise VisitError(f"no server starts (HTTP {status}): {words or reason() or 'no reason is given'}")

        def ready() -> bool:
            server = self._server()
            if server is None:
                raise VisitError(f"the server does not start: {reason() or 'no reason is given'}")
            return server.get("ready") is True

        self.until("the server is not ready", ready, seconds)
        version: list[str] = []

        def speaks() -> bool:
            status, said = self._api("GET", f"user/{self.name}/api")
            if status == 200 and isinstance(said, dict) and "version" in said:
                version.append(str(said["version"]))
            return bool(version)

        self.until("the server is not reached through the proxy", speaks, ANSWER_SECONDS)
        return version[0]

    def stop(self, seconds: float) -> None:
        """Stop the server and wait until it is gone; raises VisitError."""
        status, _said = self._api("DELETE", f"hub/api/users/{self.name}/server")
        if status not in (202, 204):
            raise VisitError(f"the server is not stopped (HTTP {status})")
        self.until("the server does not stop", lambda: self._server() is None, seconds)
