# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Another registry, asked over HTTP: with its login or token, through the lab's proxy; and why it gave nothing."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SECONDS = 30.0
"""How long an upstream may say nothing."""
TOKEN_BYTES = 1024 * 1024
ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)


class UpstreamError(Exception):
    """Why an upstream gives nothing: the status and code of the answer to the client, and a sentence for people."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Cache:
    """A cache of this lab: ``name`` as in references of images, and where it fetches from."""

    name: str
    upstream: str
    username: str = ""
    password: str = field(default="", repr=False)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects (layers lie elsewhere) with the same method. Logins are never handed on: see ``Upstream``."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Return the next request."""
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is not None:
            new.method = req.get_method()
        return new


def opener(ca_file: str | None = None) -> urllib.request.OpenerDirector:
    """Return what opens addresses; proxies come from the environment (http_proxy, https_proxy, no_proxy)."""
    tls = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file))
    return urllib.request.build_opener(tls, _Redirects())


class Upstream:
    """The registry behind one cache. Safe to use from several threads."""

    def __init__(self, cache: Cache, opened: urllib.request.OpenerDirector) -> None:
        self.cache = cache
        self._opener = opened
        self._lock = threading.Lock()
        self._headers: dict[str, tuple[str, float]] = {}  # repository -> Authorization, good until

    def ask(self, method: str, path: str, repository: str = "") -> http.client.HTTPResponse:
        """Return the answer to a request below the upstream's address. Raises UpstreamError."""
        address = self.cache.upstream + path
        for last in (False, True):
            request = urllib.request.Request(address, method=method, headers={"Accept": ACCEPT})  # noqa: S310
            known = self._headers.get(repository)
            if known and time.monotonic() < known[1]:
                # "Unredirected": layers come from other hosts, and a login is none of their business.
                request.add_unredirected_header("Authorization", known[0])
            try:
                answer: http.client.HTTPResponse = self._opener.open(request, timeout=SECONDS)
            except urllib.error.HTTPError as error:
                challenge = error.headers.get("WWW-Authenticate", "")
                if error.code == 401 and not last and self._login(challenge, repository):
                    continue
                raise self._refused(error) from error
            except (OSError, http.client.HTTPException) as error:
                raise unreachable(self.cache, error) from error
            return answer
        raise AssertionError("not reached")

    def check(self) -> None:
        """Raise UpstreamError when the upstream is no registry, cannot be reached, or refuses the login."""
        with self.ask("GET", "/v2/") as answer:
            if not answer.headers.get("Docker-Distribution-Api-Version") and answer.read(64).strip()[:1] not in (
                b"{",
                b"",
            ):
                raise self._no_registry("something else")

    def _login(self, challenge: str, repository: str) -> bool:
        """Take in the challenge of a 401; False when there is nothing to answer. Raises UpstreamError."""
        kind, _space, rest = challenge.partition(" ")
        cache = self.cache
        basic = ""
        if cache.username:
            basic = "Basic " + base64.b64encode(f"{cache.username}:{cache.password}".encode()).decode()
        if kind.lower() == "basic" and basic:
            header, seconds = basic, 3600.0
        elif kind.lower() == "bearer":
            header, seconds = self._token(rest, repository, basic)
        else:
            return False
        with self._lock:
            self._headers[repository] = (header, time.monotonic() + seconds)
        return True

    def _token(self, challenge: str, repository: str, basic: str) -> tuple[str, float]:
        """Get a token (docs.docker.com, Token Authentication) and for how many seconds it is good."""
        fields = dict(re.findall(r'([A-Za-z_]+)="([^"]*)"', challenge))
        realm = urllib.parse.urlsplit(fields.get("realm", ""))
        query = urllib.parse.parse_qsl(realm.query)
        query += [("service", fields["service"])] if fields.get("service") else []
        query += [("scope", f"repository:{repository}:pull")] if repository else []
        address = urllib.parse.urlunsplit((realm.scheme, realm.netloc, realm.path, urllib.parse.urlencode(query), ""))
        if realm.scheme != "https" and not (realm.scheme == "http" and self.cache.upstream.startswith("http:")):
            raise self._no_registry(f"a token server at {fields.get('realm', '')[:100]!r}")
        request = urllib.request.Request(address)  # noqa: S310
        if basic:
            request.add_unredirected_header("Authorization", basic)
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                found = json.loads(answer.read(TOKEN_BYTES))
            token = found.get("token") or found["access_token"]
            lifetime = found.get("expires_in")
        except urllib.error.HTTPError as error:
            raise self._refused(error) from error
        except (OSError, http.client.HTTPException) as error:
            raise unreachable(self.cache, error) from error
        except (ValueError, KeyError, AttributeError) as error:
            raise self._no_registry("a token server that gives no token") from error
        # A little earlier than the server thinks, so that no request is under way with a token that ran out.
        return f"Bearer {token}", 0.8 * (lifetime if isinstance(lifetime, int | float) and lifetime > 0 else 60)

    def _refused(self, error: urllib.error.HTTPError) -> UpstreamError:
        cache = self.cache
        if error.code == 407:
            return unreachable(cache, error)
        if error.code in (401, 403):
            if cache.username:
                text = f"{cache.upstream} refuses the login of {cache.username!r}, or that user may not read this image"
            else:
                text = f"{cache.upstream} asks for a login: the image is private or does not exist"
            return UpstreamError(
                403, "DENIED", f"{text}; see username and password in registry_caches (name={cache.name})"
            )
        if error.code == 429:
            more = "" if cache.username else "; with username and password in registry_caches it may allow more"
            return UpstreamError(429, "TOOMANYREQUESTS", f"{cache.upstream} limits how much is pulled from here{more}")
        if error.code == 404 and not urllib.parse.urlsplit(error.url or "").path.rstrip("/").endswith("/v2"):
            return UpstreamError(404, "NOT_FOUND", f"{cache.upstream} does not have it")
        if error.code >= 500:
            return UpstreamError(502, "UNAVAILABLE", f"{cache.upstream} answers with an error ({error.code})")
        return self._no_registry(str(error.code))

    def _no_registry(self, found: str) -> UpstreamError:
        text = (
            f"{self.cache.upstream} does not answer like an image registry, but with {found}; give the address of the "
            f"registry itself, such as https://registry-1.docker.io, in registry_caches (name={self.cache.name})"
        )
        return UpstreamError(502, "UNAVAILABLE", text)


def unreachable(cache: Cache, error: Exception) -> UpstreamError:
    """Return the sentence for a connection that did not come about, or broke."""
    reason = getattr(error, "reason", error)
    if "407" in str(error):
        text = (
            "the proxy on the way out asks for a login, or refuses the one it gets (407): see user and password in "
            "labserver_http_proxy"
        )
    elif isinstance(reason, ssl.SSLCertVerificationError):
        text = (
            f"its certificate cannot be checked ({reason.verify_message}): where a firewall opens TLS, name its "
            "authority in labserver_extra_ca_certificates"
        )
    elif isinstance(reason, socket.gaierror):
        text = f"its name is not known here ({reason.strerror}): see registry_caches, and the way out of this network"
    else:
        text = f"{reason or type(error).__name__}"
    return UpstreamError(502, "UNAVAILABLE", f"{cache.upstream} cannot be reached: {text}")


def caches(document: Mapping[str, Any]) -> dict[str, Cache]:
    """Return the caches of the file ``caches.json`` that the role writes."""
    found = [
        Cache(one["name"], one["upstream"].rstrip("/"), one.get("username") or "", one.get("password") or "")
        for one in document["caches"]
    ]
    return {one.name: one for one in found}
