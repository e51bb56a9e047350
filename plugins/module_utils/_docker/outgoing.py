# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's proxy, named in the three places where a host asks for it: apt, the engine, and everything else.

Each program has its own grammar for exceptions. Names and single addresses work everywhere; networks such as
10.0.0.0/8 are known to Docker, Python, curl and restic, not to apt.
"""

from __future__ import annotations

import ipaddress
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .._common import due, files, outgoing

APT = "etc/apt/apt.conf.d/80labserver-outgoing"
UNIT = "etc/systemd/system/docker.service.d/labserver-outgoing.conf"
ENGINE = "docker.service"
ALWAYS = ("localhost", "127.0.0.1", "127.0.0.0/8", "::1")
"""Never asked for at a proxy: what is on the host itself, the lab's registry for instance."""
UNSAFE = re.compile(r"[\s\"'\\$`#;,]")
NAME = re.compile(r"\.?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*")
HEADER = "# Written by the role labserver.jupyter.docker; changes are overwritten.\n"


@dataclass(frozen=True)
class Desired:
    """``http`` and ``https`` are the proxies' addresses (empty: straight); ``direct`` is what is asked without them."""

    http: str = ""
    https: str = ""
    direct: tuple[str, ...] = ()


@dataclass(frozen=True)
class File:
    """A file as it shall be; without ``text`` it is not to be there."""

    path: str
    text: str
    mode: int


@dataclass(frozen=True)
class Plan:
    """The files to write or remove, and the variables before and after, with passwords hidden."""

    files: tuple[File, ...] = ()
    before: str = ""
    after: str = ""

    @property
    def engine(self) -> bool:
        """Whether the engine has to start anew: it reads the proxy's address only then."""
        return any(file.path in (outgoing.FILE, UNIT) for file in self.files)


def desired(http: str, https: str, direct: Sequence[str]) -> Desired:
    """Return what is wanted. A proxy for http alone is also that for https, as most networks have one for both."""
    return Desired(http, https or http, tuple(dict.fromkeys(str(one) for one in direct)))


def problems(http: str, https: str, direct: Sequence[str], label: str = "docker") -> list[str]:
    """Return what is wrong with the inputs, each with its name, without repeating a password."""
    found = []
    for name, value in (("http_proxy", http), ("https_proxy", https)):
        if value:
            found += [f"{label}_{name}: {text}" for text in _address_problems(value)]
    for index, one in enumerate(direct):
        if str(one) == "*":
            found.append(f"{label}_no_proxy[{index}]: '*' would turn the proxy off; leave {label}_http_proxy empty")
        elif not _is_network(str(one)) and not NAME.fullmatch(str(one)):
            found.append(
                f"{label}_no_proxy[{index}]: {str(one)!r} is not a host name, a domain that begins with a dot, an"
                " address or a network such as 10.0.0.0/8; give no scheme, port or path"
            )
    return found


def _address_problems(value: str) -> list[str]:
    """Return what is wrong with a proxy's address. It may hold a password, so it is not repeated."""
    wanted = "give it like http://proxy.example.org:3128 or http://name:password@proxy.example.org:3128"
    if UNSAFE.search(value):
        return [f"has a space, a quote or another character that needs percent-encoding (%20 for a space); {wanted}"]
    try:
        parts = urllib.parse.urlsplit(value)
        port = parts.port
    except ValueError:
        return [f"its port is not a number from 1 to 65535; {wanted}"]
    rules = (
        (parts.scheme not in ("http", "https"), "does not begin with http:// or https://"),
        (not parts.hostname, "has no host"),
        (port is None, "has no port"),
        (parts.path not in ("", "/") or bool(parts.query or parts.fragment), "has a path"),
        (bool(parts.username) and not parts.password, "names a user without a password"),
    )
    return [f"{text}; {wanted}" for broken, text in rules if broken][:1]


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def variables(wanted: Desired, more: Sequence[str] = ()) -> dict[str, str]:
    """Return the variables that programs know, in both cases: curl reads http_proxy in small letters only.

    ``more`` is asked without the proxy too, such as the hub by people's servers.
    """
    if not (wanted.http or wanted.https):
        return {}
    direct = ",".join(dict.fromkeys([*ALWAYS, *more, *wanted.direct]))
    pairs = (("http_proxy", wanted.http), ("https_proxy", wanted.https), ("no_proxy", direct))
    return {name: value for low, value in pairs if value for name in (low, low.upper())}


def texts(wanted: Desired) -> tuple[File, ...]:
    """Return the three files as they shall be."""
    found = variables(wanted)
    secret = any("@" in address for address in (wanted.http, wanted.https))
    return (
        File(outgoing.FILE, HEADER + outgoing.render(found) if found else "", 0o600),
        File(APT, HEADER + _apt(wanted) if found else "", 0o600 if secret else 0o644),
        File(UNIT, f"{HEADER}[Service]\nEnvironmentFile=-/{outgoing.FILE}\n" if found else "", 0o644),
    )


def _apt(wanted: Desired) -> str:
    """Return apt's settings (apt-transport-http(1)). Its exceptions are hosts, one by one."""
    lines = []
    for scheme, address in (("http", wanted.http), ("https", wanted.https)):
        if address:
            lines.append(f'Acquire::{scheme}::Proxy "{address}";\n')
            hosts = [one for one in ("localhost", "127.0.0.1", *wanted.direct) if "/" not in one and one[0] != "."]
            lines += [
                f'Acquire::{scheme}::Proxy::{host} "DIRECT";\n' for host in dict.fromkeys(hosts) if ":" not in host
            ]
    return "".join(lines)


def compare(root: Path, wanted: Desired) -> Plan:
    """Compare the files below ``root`` with those that shall be there."""
    found = tuple(file for file in texts(wanted) if _differs(root / file.path, file))
    return Plan(found, _shown(outgoing.environment(root)), _shown(variables(wanted)))


def _differs(path: Path, file: File) -> bool:
    try:
        there = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return bool(file.text)
    return there != file.text or path.stat().st_mode & 0o777 != file.mode


def apply(root: Path, plan: Plan) -> None:
    """Write the files. That the engine has to start anew is noted first: a run that dies here is made up for later."""
    if plan.engine:
        due.mark(root, ENGINE)
    for file in plan.files:
        files.put(root / file.path, file.text, file.mode)


def _shown(values: Mapping[str, str]) -> str:
    """Return variables for a diff, without the passwords in addresses."""
    return "".join(f"{name}={re.sub('//[^/]*@', '//(hidden)@', value)}\n" for name, value in values.items())
