# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The front door as text: sites in, nginx configuration out. All pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .._certificates.acme import WEBROOT
from .._certificates.store import FOLDER as TLS
from .model import ANY_PATH, Site

# Mozilla's "intermediate" list without DHE: everything since 2013 can do one of these.
CIPHERS = ":".join(
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for key in ("ECDSA", "RSA")
)

HUB_BODY_BYTES = 1 << 20
"""The largest request to the hub itself; its database keeps what people send. Their own servers have a limit apart."""
HEADER_SECONDS = 15
"""How long a connection may take for its handshake and for the head of a request; an idle one is closed then."""

# A login costs 0.3 s of a core. 20 at once and two a second per address are enough for a course behind one address, the
# 40 after them wait for their turn (up to 20 s), and the rest is told to come again.
PREAMBLE = """\
# Written by labserver.jupyter (role proxy); changes here are lost.
map $http_upgrade $labserver_connection {
    default upgrade;
    "" "";
}
map $request_method $labserver_login {
    default "";
    POST $binary_remote_addr;
}
limit_req_zone $labserver_login zone=labserver_login:10m rate=2r/s;
limit_conn_zone $binary_remote_addr zone=labserver_address:10m;
"""
LOGIN_LIMIT = "limit_req zone=labserver_login burst=60 delay=20;"


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


def _server(site: Site, any_name: bool, ipv6: bool, connections: int) -> list[str]:
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
        "    # Nobody is let in while the certificate is a stand-in; the mask matches nothing afterwards.",
        f"    include {folder}/closed*.conf;",
        "    # Plain HTTP that comes to this port by mistake.",
        "    error_page 497 =308 https://$http_host$request_uri;",
        # What is behind the front door does not always know that people come over TLS: JupyterHub's _xsrf, for one.
        # (proxy_cookie_flags would say it more plainly; nginx has it since 1.19.3.)
        '    proxy_cookie_path ~^(.*)$ "$1; Secure";',
        *_patience(connections),
        *(_hub_locations(site) if site.hub_path else _location(site, "/", site.max_body_bytes)),
        "}",
    ]


def _hub_locations(site: Site) -> list[str]:
    """A JupyterHub: everything that is nobody's server or service is the hub's."""
    path = re.escape(site.hub_path)
    before_servers = before_hub = path
    if site.hub_path == ANY_PATH:  # what stands below hub/ is the hub's, also hub/user/
        before_servers, before_hub = "(?:/(?!hub/)[^/]+)*/", "(?:/[^/]+)*/"
    pages = f"~ ^{before_hub}hub/(?:login|signup|change-password|api/authorizations/token)$"
    servers = f"^{before_servers}(?:user|services)/"
    # nginx decides by the path in its plain form and hands on what the client wrote: the hub would see another one.
    plain = f'if ($request_uri !~ "{servers}") {{ return 400; }}'
    return [
        *_location(site, "/", HUB_BODY_BYTES),
        *_location(site, pages, HUB_BODY_BYTES, [LOGIN_LIMIT]),
        *_location(site, f"~ {servers}", site.max_body_bytes, [plain]),
    ]


def _location(site: Site, match: str, max_body_bytes: int, limits: Sequence[str] = ()) -> list[str]:
    return [
        f"    location {match} {{",
        f"        client_max_body_size {max_body_bytes};",
        f"        proxy_pass {site.upstream};",
        "        proxy_http_version 1.1;",
        *_headers(site),
        "        # Large uploads and live output pass through as they come; nothing fills the disk of the front door.",
        "        proxy_request_buffering off;",
        "        proxy_buffering off;",
        f"        proxy_read_timeout {site.read_timeout_seconds}s;",
        f"        proxy_send_timeout {site.read_timeout_seconds}s;",
        *[f"        {line}" for line in (*limits, *site.extra)],
        "    }",
    ]


def _patience(connections: int) -> list[str]:
    """Limits of every server: time for a request's head, and connections per address."""
    return [
        f"    client_header_timeout {HEADER_SECONDS}s;",
        "    reset_timedout_connection on;",
        "    limit_req_status 429;",
        "    limit_conn_status 429;",
        *([f"    limit_conn labserver_address {connections};"] if connections else []),
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


def render(sites: Sequence[Site], http_port: int = 80, ipv6: bool = True, connections: int = 0) -> str:
    """Return the content of conf.d/labserver.conf.

    ``http_port`` 0 leaves plain HTTP alone (then no webroot challenge), ``connections`` is the most per address (0: no
    limit).
    """
    lines = []
    if http_port:
        lines += [
            "# Plain HTTP: challenges of certificate authorities, and the way to TLS for all else.",
            "server {",
            *_listen(http_port, " default_server", ipv6),
            "    server_name _;",
            *_patience(connections),
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
            *_patience(0),
            "    ssl_reject_handshake on;",
            "}",
        ]
    for site in sites:
        lines += _server(site, not site.server_names, ipv6, connections)
    return PREAMBLE + "\n".join(lines) + "\n"
