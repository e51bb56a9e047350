# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CoCalc server as it should be: the container's command line, its certificate, its SQL. Nothing here has effects.

The contract of the images is that of the repository sagemathinc/cocalc-docker: everything lies below ``/projects``,
443 and 80 for people (80 alone with ``NOSSL``), 22 for SSH, PostgreSQL on a socket in ``/projects/postgres/data``.
"""

# Every value in SQL below passes through quote().
# ruff: noqa: S608

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._common import labels

DATABASE = {"PGHOST": "/projects/postgres/data/socket", "PGUSER": "smc", "PGDATABASE": "smc"}
EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


@dataclass(frozen=True)
class Desired:
    """The inputs of the role, typed. Sizes in bytes, times in seconds; port 0 means: not published."""

    name: str
    image: str
    data_folder: Path
    dump_folder: Path
    variant: str = "current"  # or legacy: images up to 2021-06
    pull: bool = True
    bind_address: str = "127.0.0.1"
    port: int = 8443
    http_port: int = 0
    tls: str = "own"  # or proxy: plain HTTP for a proxy on this host
    ssh_address: str = ""
    ssh_port: int = 2222
    environment: Mapping[str, str] = field(default_factory=dict)
    memory_bytes: int = 8 * 1024**3
    cpus: float = 4.0
    processes: int = 4096
    admins: Sequence[str] = ()
    token: str = ""
    certificate: bytes = b""
    key: bytes = b""
    letsencrypt: Mapping[str, Any] = field(default_factory=dict)
    dump_command: Sequence[str] = ("pg_dumpall",)
    dumps_kept: int = 3
    health_path: str = "/healthcheck"
    health_seconds: int = 900

    @property
    def wants_exposure(self) -> bool:
        """Whether other machines shall reach it: then administrators and the token have to be set first."""
        return not is_loopback(self.bind_address) or bool(self.ssh_address and not is_loopback(self.ssh_address))

    @property
    def database(self) -> dict[str, str]:
        return {**DATABASE, **{key: value for key, value in self.environment.items() if key in DATABASE}}


def is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def published(server: Desired, exposed: bool) -> list[str]:
    """Return the ``--publish`` arguments. What is not exposed listens on the host itself only."""
    address = server.bind_address if exposed or is_loopback(server.bind_address) else "127.0.0.1"
    if ":" in address:
        address = f"[{address}]"
    if server.tls == "proxy":
        ports = [f"{address}:{server.port}:80"]
    else:
        ports = [f"{address}:{server.port}:443"]
        if server.http_port:
            ports.append(f"{address}:{server.http_port}:80")
    if server.ssh_address:
        ssh = server.ssh_address if exposed or is_loopback(server.ssh_address) else "127.0.0.1"
        ports.append(f"{ssh}:{server.ssh_port}:22")
    return ports


def health_url(server: Desired, exposed: bool) -> str:
    """Return the address, on this host, that says whether the server really serves."""
    address = published(server, exposed)[0].rsplit(":", 2)[0]
    address = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(address, address)  # noqa: S104 - compared, not bound
    scheme = "http" if server.tls == "proxy" else "https"
    base = server.environment.get("BASE_PATH", "").rstrip("/")
    return f"{scheme}://{address}:{server.port}{base}{server.health_path}"


def settings(server: Desired, image_id: str, exposed: bool) -> dict[str, Any]:
    """Return everything that decides whether the container has to be replaced."""
    environment = dict(server.environment)
    if server.tls == "proxy":
        environment["NOSSL"] = "yes"
    return {
        "image": image_id,
        "ports": published(server, exposed),
        "environment": environment,
        "data": str(server.data_folder),
        "memory": server.memory_bytes,
        "cpus": server.cpus,
        "processes": server.processes,
    }


def settings_hash(server: Desired, image_id: str, exposed: bool) -> str:
    text = json.dumps(settings(server, image_id, exposed), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def create_command(server: Desired, image_id: str, exposed: bool) -> list[str]:
    """Return the command that makes, but does not start, the container."""
    wanted = settings(server, image_id, exposed)
    return [
        "docker",
        "create",
        f"--name={server.name}",
        f"--hostname={server.name}",
        "--restart=unless-stopped",
        f"--label={labels.CONFIG_SHA256}={settings_hash(server, image_id, exposed)}",
        f"--label={labels.EXPOSED}={'true' if exposed else 'false'}",
        f"--label={labels.of('cocalc')}",
        f"--mount=type=bind,source={server.data_folder},target=/projects",
        f"--memory={server.memory_bytes}",
        f"--cpus={server.cpus}",
        f"--pids-limit={server.processes}",
        *[f"--publish={port}" for port in wanted["ports"]],
        *[f"--env={name}={value}" for name, value in sorted(wanted["environment"].items())],
        server.image,
    ]


def certificate_files(server: Desired) -> dict[Path, bytes]:
    """Return where the lab's certificate belongs. Old images want both parts in one file."""
    if not server.certificate or not server.key:
        return {}
    if server.variant == "legacy":
        joined = server.certificate.rstrip(b"\n") + b"\n" + server.key.rstrip(b"\n") + b"\n"
        return {server.data_folder / "conf" / "nopassphrase.pem": joined}
    folder = server.data_folder / "conf" / "cert"
    return {folder / "key.pem": server.key, folder / "cert.pem": server.certificate}


def quote(text: str) -> str:
    """Return an SQL string constant; CoCalc's own script for this pastes its argument into the statement."""
    if "\0" in text:
        raise ValueError("SQL text cannot hold a zero byte")
    return "'" + text.replace("'", "''") + "'"


def read_access_sql(server: Desired) -> str:
    """Return SQL that lists the named people's accounts and the token, one ``kind|name|flag`` a line."""
    emails = ", ".join(quote(email) for email in server.admins) or "''"
    accounts = (
        "select 'account|' || email_address || '|' || coalesce('admin' = any(groups), false)::text "
        f"from accounts where email_address in ({emails});\n"
    )
    if server.variant == "legacy":
        where = f"name = 'account_creation_token' and value = {quote(server.token)}"
        return accounts + f"select 'token|' || value || '|true' from server_settings where {where};\n"
    where = f"token = {quote(server.token)} and coalesce(disabled, false) = false"
    return accounts + f"select 'token|' || token || '|true' from registration_tokens where {where};\n"


def write_access_sql(server: Desired, emails: Sequence[str], token: bool) -> str:
    """Return SQL that gives the named accounts the group admin (they keep others) and sets the token."""
    lines = ["begin;"]
    for email in emails:
        lines.append(
            "update accounts set groups = array_append(coalesce(groups, '{}'), 'admin') "
            f"where email_address = {quote(email)} and not coalesce('admin' = any(groups), false);"
        )
    if token and server.variant == "legacy":
        lines.append(
            f"insert into server_settings (name, value) values ('account_creation_token', {quote(server.token)}) "
            "on conflict (name) do update set value = excluded.value;"
        )
    elif token:
        # Whoever has an earlier token must not sign up with it any more; those that people made themselves stay.
        lines.append(
            "update registration_tokens set disabled = true "
            f"where descr = 'set by labserver' and token <> {quote(server.token)};"
        )
        lines.append(
            f"insert into registration_tokens (token, descr, disabled) values ({quote(server.token)}, "
            "'set by labserver', false) on conflict (token) do update set disabled = false;"
        )
    return "\n".join([*lines, "commit;", ""])


@dataclass(frozen=True)
class Access:
    """Who is an administrator and whether the token is set. ``unknown`` people have no account yet."""

    admins: tuple[str, ...] = ()
    ordinary: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    token: bool = False

    @property
    def safe_to_expose(self) -> bool:
        """Nobody can sign up without the token, and somebody of the lab is there to administer."""
        return self.token and bool(self.admins)


def access_from(server: Desired, text: str) -> Access:
    """Read the output of :func:`read_access_sql`."""
    accounts: dict[str, bool] = {}
    token = False
    for line in text.splitlines():
        kind, _bar, rest = line.strip().partition("|")
        name, _bar, flag = rest.rpartition("|")
        if kind == "account":
            accounts[name] = flag == "true"
        token = token or (kind == "token" and name == server.token)
    return Access(
        admins=tuple(email for email in server.admins if accounts.get(email)),
        ordinary=tuple(email for email in server.admins if accounts.get(email) is False),
        unknown=tuple(email for email in server.admins if email not in accounts),
        token=token,
    )
