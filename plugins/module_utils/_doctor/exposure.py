# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hazards of what can be reached from outside: open services, plain HTTP, certificates."""

from __future__ import annotations

from .hazards import Seen, hazard
from .model import Certificate, Current, Listener

DAY = 86400.0
SOON_DAYS = 14.0
DATABASES = {3306: "MySQL", 5432: "PostgreSQL", 6379: "Redis", 27017: "MongoDB", 9200: "Elasticsearch"}
# Versions of JupyterHub with a known hole that lets one person act as another: CVE-2024-28233, CVE-2024-41942.
HOLES = ("CVE-2024-28233, CVE-2024-41942", (4, 1, 6), (5, 1, 0))


def _outside(current: Current, speaks: str) -> list[Listener]:
    return [each for each in current.listeners if each.speaks == speaks and not each.local]


def _place(each: Listener) -> str:
    return f"port {each.port} ({each.address})"


@hazard(
    "registry-open",
    "critical",
    "everybody in the network replaces an image that people's servers are started from",
    "bind it to 127.0.0.1, or let it ask for a password and speak TLS",
)
def registry_open(current: Current) -> Seen:
    """A registry that answers without a password on an address that others reach."""
    for each in _outside(current, "registry"):
        if each.status == 200:
            yield _place(each), "the registry answers everybody without a password"


@hazard(
    "registry-plain",
    "warning",
    "passwords and images pass the network readable and changeable",
    "put TLS before it, or bind it to 127.0.0.1",
)
def registry_plain(current: Current) -> Seen:
    """A registry without TLS on an address that others reach."""
    for each in _outside(current, "registry"):
        if not each.tls and each.status != 200:
            yield _place(each), "the registry speaks plain HTTP to the network"


@hazard(
    "docker-over-tcp",
    "critical",
    "everybody who reaches the port is root on this host",
    "take -H tcp:// off the engine; use ssh:// for remote use",
)
def docker_over_tcp(current: Current) -> Seen:
    """An engine that answers over TCP without a certificate of the client."""
    for each in current.listeners:
        if each.speaks == "docker":
            yield _place(each), "the Docker engine takes orders here without a certificate"


@hazard(
    "plain-http",
    "critical",
    "passwords and everything people do pass the network readable",
    "put TLS before the hub and let port 80 only lead there; TLJH: tljh-config set https.enabled true",
)
def plain_http(current: Current) -> Seen:
    """A hub that shows its pages without TLS to others."""
    for each in _outside(current, "hub"):
        if not each.tls and not each.location.startswith("https://"):
            yield _place(each), "the hub's login page comes by plain HTTP"


@hazard(
    "proxy-api-open",
    "critical",
    "who knows or guesses its token leads people to a page of the own making",
    "bind the API of configurable-http-proxy to 127.0.0.1 or keep it inside Docker's network",
)
def proxy_api_open(current: Current) -> Seen:
    """The API of the hub's proxy on an address that others reach."""
    for each in _outside(current, "proxy-api"):
        yield _place(each), f"the API of the hub's proxy answers here ({each.status})"


@hazard(
    "database-open",
    "warning",
    "everybody in the network may try passwords on the database",
    "publish the port on 127.0.0.1 only, or not at all: containers of one network need no published port",
)
def database_open(current: Current) -> Seen:
    """Databases in containers that are published to the network."""
    for container in current.containers:
        for port in container.ports:
            if port.container in DATABASES and not port.address.startswith("127."):
                yield container.name, f"{DATABASES[port.container]} is published on {port.address}:{port.host}"


@hazard(
    "firewall-passed-by",
    "warning",
    "the firewall says that the port is closed, and it is open: Docker's rules come before it",
    "publish on 127.0.0.1, or put rules into the chain DOCKER-USER",
)
def firewall_passed_by(current: Current) -> Seen:
    """Ports that Docker publishes on all addresses of a host whose administrator trusts ufw."""
    if not current.system.firewall:
        return
    for container in current.containers:
        open_ports = sorted({str(port.host) for port in container.ports if not port.address.startswith("127.")})
        if open_ports:
            yield container.name, f"{current.system.firewall} does not filter its port {', '.join(open_ports)}"


@hazard(
    "insecure-registry",
    "warning",
    "whoever stands in between gives this host another image, and it is started",
    "give the registry a certificate and its CA to /etc/docker/certs.d/HOST:PORT/ca.crt",
)
def insecure_registry(current: Current) -> Seen:
    """Registries of other hosts that the engine trusts without a certificate."""
    for name in current.engine.insecure_registries:
        if not name.startswith(("127.", "::1", "localhost")):
            yield name, "the engine takes images from there without a certificate"


@hazard(
    "hub-with-known-hole",
    "warning",
    "one person's page acts with the rights of another who opens it",
    "update JupyterHub to 5.1 or later, after a copy of its database",
)
def hub_with_known_hole(current: Current) -> Seen:
    """Versions of JupyterHub with a published hole, by the header that it sends."""
    for version in sorted({each.version for each in current.listeners if each.speaks == "hub" and each.version}):
        numbers = tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
        if numbers and (numbers < HOLES[1] or (5,) <= numbers < HOLES[2]):
            yield "JupyterHub", f"it is {version}, which has {HOLES[0]}"


def _days(not_after: float | None, now: float) -> float | None:
    return None if not_after is None else (not_after - now) / DAY


@hazard(
    "certificate-expires",
    "critical",
    "browsers refuse the page, and people learn to click warnings away",
    "renew it and look why that did not happen by itself",
)
def certificate_expires(current: Current) -> Seen:
    """Certificates that are over or nearly so, as files and as they are served."""
    served = [(f"port {each.port}", each.not_after) for each in current.listeners if each.tls]
    for place, not_after in [(each.path, each.not_after) for each in current.certificates] + served:
        days = _days(not_after, current.now)
        if days is not None and days < SOON_DAYS:
            yield place, "it has expired" if days <= 0 else f"{days:.0f} days are left"


@hazard(
    "certificate-not-served",
    "critical",
    "the renewed file is on the disk and people get the old one, until it expires",
    "reload what serves it, and let the renewal do so each time",
)
def certificate_not_served(current: Current) -> Seen:
    """What is served is none of the files, though a file has the same names."""
    known = {each.fingerprint for each in current.certificates}

    def meant(each: Listener) -> Certificate | None:
        same = [file for file in current.certificates if set(file.names) & set(each.names)]
        return max(same, key=lambda file: file.not_after or 0.0, default=None)

    for each in current.listeners:
        file = meant(each) if each.tls and each.fingerprint and each.fingerprint not in known else None
        if file is not None:
            yield _place(each), f"it serves another certificate than {file.path}"


@hazard(
    "renewal-missing",
    "warning",
    "the certificates of this host expire within 90 days",
    "switch on certbot.timer or write a cron entry for certbot renew",
)
def renewal_missing(current: Current) -> Seen:
    """certbot has certificates and nothing calls it."""
    if current.system.renewal == "missing":
        yield "certbot", "it has certificates to renew, and neither timer nor cron calls it"
