# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what answers on the ports of this host, and the certificates that lie on its disk."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from .handle import World
from .model import Certificate, Container, Listener

ANSWER_SECONDS = 1.5
MOST_PORTS = 64
LISTENS = "0A"  # proc_net_tcp(5)
# Only what may be a hub, a proxy, a registry or an engine is asked.
PROGRAMS = re.compile(
    r"node|configurable|traefik|nginx|python|jupyter|dockerd|docker-pr|registry|apache|caddy|haproxy|exe"
)
CERTIFICATES = (
    ("/etc/labserver/tls", "*/cert.pem"),
    ("/etc/letsencrypt/live", "*/cert.pem"),
    ("/etc/nginx", "*/*.crt"),
    ("/etc/nginx", "*/*.pem"),
    ("/etc/ssl/localcerts", "*.pem"),
    ("/opt/tljh/state", "*.pem"),
)
NAMED = re.compile(
    r"(?:ssl_certificate\s+|tls_certificate_file\s+|SSLCertificateFile\s+|^\s*cert:\s*)([^\s;]+)", re.MULTILINE
)


def certificates(world: World) -> dict[str, Any]:
    """Return the certificates that a web server of this host may serve."""
    paths = [path for folder, pattern in CERTIFICATES for path in world.listed(folder, pattern)]
    settings = [*world.listed("/etc/nginx", "*enabled/*"), *world.listed("/etc/nginx/conf.d", "*.conf")]
    settings += ["/etc/nginx/nginx.conf", "/opt/tljh/config/config.yaml"]
    for each in settings:
        paths += [path.strip("'\"") for path in NAMED.findall(world.text(each)) if path.startswith(("/", "'", '"'))]
    found = [decoded(world.path(path), path) for path in dict.fromkeys(paths)]
    return {"certificates": tuple(each for each in found if each is not None)}


def decoded(path: Path, name: str) -> Certificate | None:
    """Return names and end of the first certificate of a PEM file; None when it holds none."""
    try:
        pem = path.read_bytes().decode("ascii", "replace")
        der = ssl.PEM_cert_to_DER_cert(re.findall("-----BEGIN CERT.*?-----END CERTIFICATE-----", pem, re.DOTALL)[0])
    except (OSError, ValueError, IndexError):
        return None
    return of_der(der, name)


def of_der(der: bytes, name: str) -> Certificate | None:
    """Return what a certificate says of itself, with the standard library alone."""
    descriptor = os.memfd_create("certificate")
    try:
        os.write(descriptor, ssl.DER_cert_to_PEM_cert(der).encode())
        # The decoder of the ssl module's own tests; there is no other in the standard library.
        data = getattr(ssl, "_ssl")._test_decode_cert(f"/proc/self/fd/{descriptor}")  # noqa: B009
    except (OSError, ssl.SSLError, ValueError, AttributeError):
        return None
    finally:
        os.close(descriptor)
    names = {value for kind, value in data.get("subjectAltName", ()) if kind in ("DNS", "IP Address")}
    names |= {value for part in data.get("subject", ()) for key, value in part if key == "commonName"}
    with contextlib.suppress(ValueError, KeyError):
        over = float(ssl.cert_time_to_seconds(data["notAfter"]))
        return Certificate(name, tuple(sorted(names)), hashlib.sha256(der).hexdigest(), over)
    return None


def _address(text: str) -> str:
    raw = bytes.fromhex(text)
    if len(raw) == 4:
        return socket.inet_ntop(socket.AF_INET, raw[::-1])
    words = b"".join(raw[start : start + 4][::-1] for start in range(0, 16, 4))
    address = socket.inet_ntop(socket.AF_INET6, words)
    return address.removeprefix("::ffff:")


def listening(world: World) -> dict[tuple[str, int], str]:
    """Return (address, port) -> inode of what listens on TCP."""
    found = {}
    for name in ("net/tcp", "net/tcp6"):
        try:
            lines = (world.proc / name).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if len(fields) > 9 and fields[3] == LISTENS:
                address, _colon, port = fields[1].partition(":")
                found[(_address(address), int(port, 16))] = fields[9]
    return found


def owners(world: World, inodes: Iterable[str]) -> dict[str, str]:
    """Return inode of a socket -> name of a process that has it open."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[str, str] = {}
    for folder in world.processes():
        try:
            links = [os.readlink(entry) for entry in (folder / "fd").iterdir()]  # noqa: PTH115  # Python 3.8
            name = (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            continue
        for link in links:
            if link in wanted:
                found[wanted[link]] = name
    return found


def listeners(world: World, containers: Iterable[Container], files: Iterable[Certificate]) -> dict[str, Any]:
    """Ask each port of this host that may be one of a hub who is there."""
    seen = listening(world)
    names = owners(world, seen.values())
    wanted = {place for place, inode in seen.items() if PROGRAMS.match(names.get(inode, ""))}
    for container in containers:
        wanted |= {(port.address, port.host) for port in container.ports}
    # One question for all addresses of a port; the widest one counts.
    by_port: dict[int, str] = {}
    for address, port in sorted(wanted):
        if port not in by_port or by_port[port].startswith("127."):
            by_port[port] = address
    server_names = [file.names[0] for file in files if file.names]
    with ThreadPoolExecutor(16) as pool:
        asked = pool.map(lambda item: ask(item[1], item[0], server_names[:6]), sorted(by_port.items())[:MOST_PORTS])
        found = [each for answers in asked for each in answers]
    left = [f"ports beyond the first {MOST_PORTS}"] if len(by_port) > MOST_PORTS else []
    return {"listeners": tuple(found), "unread": tuple(left)}


def _where(address: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}.get(address, address)  # noqa: S104


def ask(address: str, port: int, names: Iterable[str]) -> list[Listener]:
    """Return who answers on a port; for TLS one entry a name that a certificate file has. Empty when nobody does."""
    where = _where(address)
    served = [each for each in (handshake(where, port, name) for name in dict.fromkeys([*names, ""])) if each]
    base = Listener(address, port, tls=bool(served))
    base = identify(base, where)
    if not served:
        return [base] if base.status or base.speaks != "other" else []
    unlike = {each.fingerprint: each for each in served}
    return [
        replace(base, fingerprint=each.fingerprint, names=each.names, not_after=each.not_after)
        for each in unlike.values()
    ]


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # who it is, is not asked here
    return context


def handshake(where: str, port: int, name: str) -> Certificate | None:
    """Return the certificate that is served for a name; None where no TLS is spoken."""
    try:
        with (
            socket.create_connection((where, port), ANSWER_SECONDS) as link,
            _context().wrap_socket(link, server_hostname=name or None) as secure,
        ):
            der = secure.getpeercert(binary_form=True)
    except (OSError, ValueError):
        return None
    return of_der(der, "served") if der else None


def request(where: str, port: int, tls: bool, path: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and the beginning of what a port answers; status 0 when it does not speak HTTP."""
    connection: http.client.HTTPConnection
    if tls:
        connection = http.client.HTTPSConnection(where, port, timeout=ANSWER_SECONDS, context=_context())
    else:
        connection = http.client.HTTPConnection(where, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, headers, answer.read(4096)
    except (OSError, http.client.HTTPException, ValueError):
        return 0, {}, b""
    finally:
        connection.close()


def identify(each: Listener, where: str) -> Listener:
    """Return the listener with what it is: four questions at most, none of which changes anything."""
    status, headers, _body = request(where, each.port, each.tls, "/hub/login")
    if not status:
        return each
    each = replace(each, status=status, location=headers.get("location", ""))
    if "x-jupyterhub-version" in headers or each.location.partition("?")[0].endswith("/hub/login"):
        return replace(each, speaks="hub", version=headers.get("x-jupyterhub-version", ""))
    status, headers, body = request(where, each.port, each.tls, "/v2/")
    if "docker-distribution-api-version" in headers or (status == 200 and body.strip() == b"{}"):
        return replace(each, speaks="registry", status=status)
    status, _headers, _body = request(where, each.port, each.tls, "/api/routes")
    if status in (200, 403) and request(where, each.port, each.tls, "/api/no-such-thing")[0] == 404:
        return replace(each, speaks="proxy-api", status=status)
    status, _headers, body = request(where, each.port, each.tls, "/version")
    with contextlib.suppress(ValueError, TypeError):
        if status == 200 and "ApiVersion" in json.loads(body):
            return replace(each, speaks="docker", status=status)
    return each
