# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The front door as text: sites in, nginx configuration out, and what may be wrong with a site. All pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._certificates.acme import WEBROOT
from .._certificates.model import NAME
from .._certificates.names import HOST_NAME
from .._certificates.store import FOLDER as TLS

UPSTREAM = re.compile(r"https?://(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?")
HSTS = ("auto", "always", "never")

# Mozilla's "intermediate" list without DHE: everything since 2013 can do one of these.
CIPHERS = ":".join(
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for key in ("ECDSA", "RSA")
)

PREAMBLE = """\
# Written by labserver.jupyter (role proxy); changes here are lost.
map $http_upgrade $labserver_connection {
    default upgrade;
    "" "";
}
"""


@dataclass(frozen=True)
class Site:
    """One thing behind the front door. No ``server_names`` means any name; 0 ``max_body_bytes`` means no limit."""

    name: str
    upstream: str
    server_names: tuple[str, ...] = ()
    port: int = 443
    certificate: str = "server"
    websocket: bool = True
    max_body_bytes: int = 0
    hsts: str = "auto"
    read_timeout_seconds: int = 86400
    extra: tuple[str, ...] = field(default_factory=tuple)


def from_mapping(item: Mapping[str, Any], certificate: str) -> Site:
    """Make a site of a checked input; ``certificate`` is the one for sites that name none."""
    known = {key: value for key, value in item.items() if key in Site.__dataclass_fields__ and value is not None}
    known |= {key: tuple(known.get(key) or ()) for key in ("server_names", "extra")}
    known["certificate"] = known.get("certificate") or certificate
    return Site(**known)


def problems(items: Sequence[Mapping[str, Any]], label: str = "sites", http_port: int = 80) -> list[str]:
    """Every mistake of a list of sites, each with its index and name, what is allowed and what to do."""
    found: list[str] = []
    names: set[str] = set()
    doors: dict[tuple[int, str], str] = {}
    for index, item in enumerate(items):
        name = str(item.get("name", ""))
        where = f"{label}[{index}] (name={name})"
        if not NAME.fullmatch(name):
            found.append(f"{where}: the name is not made of a-z, 0-9 and single hyphens")
        if name in names:
            found.append(f"{where}: another site has this name; give each one of its own")
        names.add(name)
        if not UPSTREAM.fullmatch(str(item.get("upstream", ""))):
            found.append(
                f'{where}: upstream "{item.get("upstream")}" is not like http://127.0.0.1:8000 (without a path)'
            )
        port = int(item.get("port") or 443)
        if not 0 < port < 65536 or port == http_port:
            found.append(f"{where}: port {port} is not from 1 to 65535, or is the one of plain HTTP")
        if (item.get("hsts") or "auto") not in HSTS:
            found.append(f'{where}: hsts "{item.get("hsts")}" is not one of {", ".join(HSTS)}')
        if int(item.get("max_body_bytes") or 0) < 0:
            found.append(f"{where}: max_body_bytes is negative; give 0 for no limit")
        for server_name in item.get("server_names") or ["any name"]:
            if server_name != "any name" and not HOST_NAME.fullmatch(str(server_name)):
                found.append(f'{where}: server name "{server_name}" is not a host name')
            other = doors.setdefault((port, str(server_name).lower()), name)
            if other != name:
                found.append(f'{where}: "{server_name}" at port {port} belongs to the site {other} already')
    return found


def _listen(port: int, flags: str, ipv6: bool) -> list[str]:
    return [f"    listen {address}{port}{flags};" for address in (["", "[::]:"] if ipv6 else [""])]


def _headers(site: Site) -> list[str]:
    # What a client sends under these names is replaced: this is the front door, nobody before it may be believed.
    # X-Scheme and X-Real-IP are what tornado (JupyterHub) looks at first; the hub's own proxy appends to the others.
    headers = {
        "Host": "$http_host",
        "X-Real-IP": "$remote_addr",
        "X-Scheme": "$scheme",
        "X-Forwarded-For": "$remote_addr",
        "X-Forwarded-Proto": "$scheme",
        "X-Forwarded-Host": "$http_host",
        "X-Forwarded-Port": "$server_port",
    }
    if site.websocket:
        headers |= {"Upgrade": "$http_upgrade", "Connection": "$labserver_connection"}
    return [f"        proxy_set_header {name} {value};" for name, value in headers.items()]


def _server(site: Site, any_name: bool, ipv6: bool) -> list[str]:
    folder = f"/{TLS}/{site.certificate}"
    hsts = {
        # The certificate's folder holds hsts.conf when the certificate is a public one; the mask may match nothing.
        "auto": [f"    include {folder}/hsts*.conf;"],
        "always": ["    add_header Strict-Transport-Security max-age=63072000 always;"],
        "never": [],
    }[site.hsts]
    return [
        f"# {site.name}",
        "server {",
        *_listen(site.port, " ssl default_server" if any_name else " ssl", ipv6),
        f"    server_name {' '.join(site.server_names) or '_'};",
        f"    ssl_certificate {folder}/cert.pem;",
        f"    ssl_certificate_key {folder}/key.pem;",
        *_tls(),
        *hsts,
        "    # Plain HTTP that comes to this port by mistake.",
        "    error_page 497 =308 https://$http_host$request_uri;",
        f"    client_max_body_size {site.max_body_bytes};",
        "    location / {",
        f"        proxy_pass {site.upstream};",
        "        proxy_http_version 1.1;",
        *_headers(site),
        "        # Large uploads and live output pass through as they come; nothing fills the disk of the front door.",
        "        proxy_request_buffering off;",
        "        proxy_buffering off;",
        f"        proxy_read_timeout {site.read_timeout_seconds}s;",
        f"        proxy_send_timeout {site.read_timeout_seconds}s;",
        *[f"        {line}" for line in site.extra],
        "    }",
        "}",
    ]


def _tls() -> list[str]:
    return [
        "    ssl_protocols TLSv1.2 TLSv1.3;",
        f"    ssl_ciphers {CIPHERS};",
        "    ssl_prefer_server_ciphers off;",
        "    ssl_session_cache shared:labserver:10m;",
        "    ssl_session_timeout 1d;",
        "    ssl_session_tickets off;",
    ]


def render(sites: Sequence[Site], http_port: int = 80, ipv6: bool = True) -> str:
    """The content of conf.d/labserver.conf; ``http_port`` 0 leaves plain HTTP alone (then no webroot challenge)."""
    lines = []
    if http_port:
        lines += [
            "# Plain HTTP: challenges of certificate authorities, and the way to TLS for all else.",
            "server {",
            *_listen(http_port, " default_server", ipv6),
            "    server_name _;",
            "    location ^~ /.well-known/acme-challenge/ {",
            f"        root {WEBROOT};",
            "        default_type text/plain;",
            "        try_files $uri =404;",
            "    }",
            "    location / {",
            "        return 308 https://$host$request_uri;",
            "    }",
            "}",
        ]
    open_ports = {site.port for site in sites if not site.server_names}
    for port in sorted({site.port for site in sites} - open_ports):
        lines += [
            f"# Names that nobody serves at port {port}: no certificate to show.",
            "server {",
            *_listen(port, " ssl default_server", ipv6),
            "    server_name _;",
            *_tls(),
            "    ssl_reject_handshake on;",
            "}",
        ]
    for site in sites:
        lines += _server(site, not site.server_names, ipv6)
    return PREAMBLE + "\n".join(lines) + "\n"


def consumers(sites: Sequence[Site]) -> dict[str, Any]:
    """What the certificates have to know of the front door (certificates.d/proxy.json)."""
    targets = []
    for site in sites:
        probe: dict[str, Any] = {"host": "127.0.0.1", "port": site.port}
        if site.server_names:
            probe["server_name"] = site.server_names[0].replace("*", "probe")
        targets.append(
            {
                "certificate": site.certificate,
                "name": f"proxy-{site.name}",
                "reload": {"service": "nginx"},
                "probe": probe,
            }
        )
    return {"version": 1, "targets": targets}
