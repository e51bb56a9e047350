# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A client of the OCI distribution API, on the standard library alone.

It speaks Basic and Bearer, follows ``Link`` pages and redirects, repeats what is safe to repeat, and never believes a
body whose digest is not the one that was asked for.

    with RegistryClient("http://127.0.0.1:5000", username="puller", password=secret) as registry:
        for repository in registry.repositories():
            for tag in registry.tags(repository):
                manifest = registry.manifest(repository, tag)      # .digest, .media_type, .body
                config = registry.blob_json(repository, config_digest)

``_registry_manifest.parse`` tells what a manifest refers to. A client may be shared by threads;
:meth:`RegistryClient.map` runs a function over many items in threads of its own.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import ssl
import time
import urllib.parse
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from .auth import Authenticator, Credentials
from .transport import Request, Response, Transport, origin_of

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
# All of them in every request: with a narrower list distribution answers with another manifest, or 404. Schema 1 comes
# last, so that it is recognised where nothing else exists.
ACCEPT = ", ".join((OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST, DOCKER_SCHEMA1))

MAX_MANIFEST_BYTES = 4 << 20  # what the distribution specification asks registries to accept
MAX_BLOB_BYTES = 16 << 20
MAX_LIST_BYTES = 64 << 20
RETRY_STATUS = frozenset({429, 502, 503, 504})

Item = TypeVar("Item")
Result = TypeVar("Result")


class RegistryError(Exception):
    """A request that failed for good. ``status`` is the HTTP status, or None when there was no complete answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class RawManifest:
    """A manifest as the registry stores it; ``digest`` is the digest of ``body``, verified."""

    digest: str
    media_type: str
    body: bytes


class RegistryClient:
    """One registry. ``timeout`` is for each wait on the network, ``deadline`` for a whole request (both in seconds)."""

    def __init__(
        self,
        url: str,
        *,
        username: str | None = None,
        password: str | None = None,
        ca_file: str | None = None,
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
        self._transport = Transport(ca_file=ca_file, verify_tls=verify_tls, timeout=timeout)
        self._deadline = deadline
        self._retries = retries
        self._sleep = sleep
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        credentials = Credentials(username, password or "") if username else None
        self._auth = Authenticator(credentials, origin, frozenset(token_hosts), self._fetch_token)

    def __enter__(self) -> RegistryClient:
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

    # What the registry holds

    def ping(self, retries: int | None = None) -> float:
        """Check that the registry answers and lets these credentials in; return its clock (seconds since the epoch)."""
        answer = self.request("GET", "/v2/", retries=retries)
        try:
            return parsedate_to_datetime(answer.headers["date"]).timestamp()
        except (KeyError, TypeError, ValueError):
            return time.time()

    def repositories(self) -> list[str]:
        """Return the names of all repositories, those without a tag included, in the registry's order."""
        try:
            pages = list(self._pages("/v2/_catalog?n=1000"))
        except RegistryError as error:
            if error.status != 400:  # a registry with a lower limit
                raise
            pages = list(self._pages("/v2/_catalog"))
        return [name for page in pages for name in page.get("repositories") or []]

    def tags(self, repository: str) -> list[str]:
        """Return all tags of a repository, sorted; an empty or unknown repository has none."""
        try:
            # Without n: distribution 2.8 ignores it, others refuse large ones. A Link is followed all the same.
            pages = list(self._pages(f"/v2/{repository}/tags/list"))
        except RegistryError as error:
            if error.status == 404:
                return []
            raise
        return sorted({tag for page in pages for tag in page.get("tags") or []})

    def digest(self, repository: str, reference: str) -> str | None:
        """Return the digest of a tag or digest by HEAD, None when there is no such manifest."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self.request("HEAD", path, headers={"Accept": ACCEPT}, allow=(200, 404))
        if answer.status == 404:
            return None
        digest = answer.headers.get("docker-content-digest", "")
        # The header is optional in the specification.
        return digest if is_digest(digest) else self.manifest(repository, reference).digest

    def manifest(self, repository: str, reference: str) -> RawManifest:
        """Return a manifest by tag or digest. Raises RegistryError (404: there is none; None: a wrong body)."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self.request("GET", path, headers={"Accept": ACCEPT}, limit=MAX_MANIFEST_BYTES)
        expected = reference if is_digest(reference) else answer.headers.get("docker-content-digest", "")
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip()
        if media_type == DOCKER_SCHEMA1 and is_digest(expected):
            return RawManifest(expected, media_type, answer.body)  # its digest leaves the signatures out
        digest = digest_of(answer.body, expected)
        if expected and digest != expected:
            raise RegistryError(f"GET {self.url}{path}: the body has the digest {digest}, not {expected}")
        return RawManifest(digest, media_type, answer.body)

    def blob(self, repository: str, digest: str, limit: int = MAX_BLOB_BYTES) -> bytes:
        """Return a blob of at most ``limit`` bytes, its digest verified."""
        path = f"/v2/{repository}/blobs/{digest}"
        body = self.request("GET", path, limit=limit).body
        if (actual := digest_of(body, digest)) != digest:
            raise RegistryError(f"GET {self.url}{path}: the body has the digest {actual}")
        return body

    def blob_json(self, repository: str, digest: str) -> dict[str, Any]:
        """Return a blob that is a JSON object, such as the configuration of an image."""
        return _json_object(self.blob(repository, digest), f"{self.url}/v2/{repository}/blobs/{digest}")

    def blob_size(self, repository: str, digest: str) -> int | None:
        """Return the size of a blob in bytes by HEAD, None when it is not there."""
        answer = self.request("HEAD", f"/v2/{repository}/blobs/{digest}", allow=(200, 404))
        return None if answer.status == 404 else int(answer.headers.get("content-length", 0))

    # Writing

    def delete_manifest(self, repository: str, reference: str) -> bool:
        """Delete by digest (takes every tag on it along) or by tag (3.x); False when it was gone already."""
        path = f"/v2/{repository}/manifests/{reference}"
        return self.request("DELETE", path, allow=(200, 202, 404)).status != 404

    def put_manifest(self, repository: str, reference: str, body: bytes, media_type: str) -> None:
        """Store a manifest under a tag or its digest."""
        path = f"/v2/{repository}/manifests/{reference}"
        self.request("PUT", path, headers={"Content-Type": media_type}, body=body, allow=(201,))

    def put_blob(self, repository: str, body: bytes) -> str:
        """Upload a small blob in one piece and return its digest; nothing is sent when it is there already."""
        digest = digest_of(body)
        if self.blob_size(repository, digest) is not None:
            return digest
        start = f"/v2/{repository}/blobs/uploads/"
        location = self._here(self.request("POST", start, body=b"", allow=(202,)).headers.get("location", ""), start)
        location += ("&" if "?" in location else "?") + urllib.parse.urlencode({"digest": digest})
        self.request("PUT", location, headers={"Content-Type": "application/octet-stream"}, body=body, allow=(201,))
        return digest

    # The wire

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
        return _json_object(answer.body, where)

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        seen: set[str] = set()
        while path not in seen:
            seen.add(path)
            answer = self.request("GET", path, limit=MAX_LIST_BYTES)
            yield _json_object(answer.body, self.url + path)
            match = re.search(r'<([^>]*)>\s*;[^,]*rel="?next"?', answer.headers.get("link", ""))
            if not match:
                return
            path = self._here(match.group(1), path)
        raise RegistryError(f"GET {self.url}{path}: the pages of this list go in a circle")

    def _here(self, location: str, base: str) -> str:
        """Return a Link or Location as a path below this registry's URL.

        Its host is not looked at: behind a reverse proxy registries name their inner address, and credentials never
        follow it anyway.
        """
        target = urllib.parse.urlsplit(urllib.parse.urljoin(self.url + base, location))
        path = target.path[target.path.find("/v2/") :] if "/v2/" in target.path else target.path
        return f"{path}?{target.query}" if target.query else path


def is_digest(text: str) -> bool:
    """Whether ``text`` is a digest (``sha256:<64 hex>`` or ``sha512:<128 hex>``), not a tag."""
    return re.fullmatch(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", text) is not None


def digest_of(body: bytes, like: str = "") -> str:
    """Return the digest of ``body`` by the algorithm of the digest ``like`` (sha256 when there is none)."""
    algorithm = "sha512" if like.startswith("sha512:") else "sha256"
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


def _json_object(body: bytes, where: str) -> dict[str, Any]:
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
