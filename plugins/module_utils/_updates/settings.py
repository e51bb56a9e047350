# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of the host that say which updates are installed by themselves, and what is left out.

Debian's ``unattended-upgrades`` does the work (apt-daily-upgrade.timer). apt reads the files of /etc/apt/apt.conf.d in
the order of their names, so this one has the last word over the host's own 20auto-upgrades and 50unattended-upgrades,
which stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .._common import files
from . import policy
from .policy import Policy

FOLDER = "etc/apt/apt.conf.d"
APT = f"{FOLDER}/95labserver-updates"
AFTER_ALL = "etc/apt/apt.conf"
"""Read after the folder (apt.conf(5))."""
NEEDRESTART = "etc/needrestart/conf.d/labserver.conf"
HEADER = "Written by the role labserver.jupyter.updates; changes are overwritten."
ORIGINS = {
    # The source of each: /etc/apt/apt.conf.d/50unattended-upgrades of the distribution's package. Those of another
    # distribution match nothing.
    "Debian": ("origin=Debian,codename=${distro_codename}-security,label=Debian-Security",),
    "Ubuntu": (
        "origin=Ubuntu,archive=${distro_codename}-security",
        "origin=UbuntuESM,archive=${distro_codename}-infra-security",
        "origin=UbuntuESMApps,archive=${distro_codename}-apps-security",
    ),
}
ENGINE = (
    "docker[.]io$", "docker-ce", "docker-cli$", "docker-buildx", "docker-compose", "docker-engine$", "containerd",
    "runc$",
)  # fmt: skip
DRIVERS = (
    "nvidia-", "libnvidia-", "cuda-", "libcuda", "linux-modules-nvidia-", "linux-objects-nvidia-",
    "linux-signatures-nvidia-", "xserver-xorg-video-nvidia", "firmware-nvidia-", "libxnvctrl",
)  # fmt: skip
"""Expressions of Python that match the beginning of a package's name, as unattended-upgrades takes them.

The user's side of NVIDIA's driver has to fit the module that the kernel has loaded.
"""
SERVICES = ("docker", "containerd")
"""What needrestart may not restart: people's servers hang on it."""
SCALARS = {
    "APT::Periodic::Enable": "1",
    "APT::Periodic::Update-Package-Lists": "1",
    "Unattended-Upgrade::Automatic-Reboot": "false",
}
OTHERS = {
    "cron-apt": "var/lib/dpkg/info/cron-apt.list",
    "landscape-client": "var/lib/dpkg/info/landscape-client.list",
    "auter": "etc/auter/auter.conf",
    "apt-dater-host": "var/lib/dpkg/info/apt-dater-host.list",
    "yum-cron or dnf-automatic": "etc/dnf/automatic.conf",
}
"""Other programs that install updates or restart a host, each with what tells that it is there."""


@dataclass(frozen=True)
class File:
    """A file as it shall be; without ``text`` it is not to be there."""

    path: str
    text: str


@dataclass(frozen=True)
class Plan:
    """The files that differ, each with what is there now."""

    files: tuple[File, ...] = ()
    before: tuple[str, ...] = ()


def part_of(package: str) -> str:
    """Return ``engine``, ``drivers`` or nothing for the name of a package."""
    for part, patterns in (("engine", ENGINE), ("drivers", DRIVERS)):
        if any(re.match(pattern, package) for pattern in patterns):
            return part
    return ""


def desired(wanted: Policy | None) -> tuple[File, ...]:
    """Return the files as they shall be; none of them where nothing is wanted."""
    if wanted is None:
        return tuple(File(path, "") for path in (APT, NEEDRESTART, policy.FILE))
    return (File(APT, _apt(wanted)), File(NEEDRESTART, _needrestart()), File(policy.FILE, policy.to_json(wanted)))


def _apt(wanted: Policy) -> str:
    values = {**SCALARS, "APT::Periodic::Unattended-Upgrade": "1" if wanted.security else "0"}
    lines = [f"// {HEADER}\n", *(f'{name} "{value}";\n' for name, value in values.items())]
    lines.append("// Security alone. What the files before name beside it is left to you.\n")
    lines += [f"#clear Unattended-Upgrade::{name};\n" for name in ("Allowed-Origins", "Origins-Pattern")]
    lines += _listed("Origins-Pattern", (one for origins in ORIGINS.values() for one in origins))
    lines.append("// What people's servers hang on is left out; what the files before leave out stays left out.\n")
    return "".join([*lines, *_listed("Package-Blacklist", [*ENGINE, *DRIVERS])])


def _listed(name: str, values: Iterable[str]) -> list[str]:
    return [f"Unattended-Upgrade::{name} {{\n", *(f'  "{value}";\n' for value in values), "};\n"]


def _needrestart() -> str:
    lines = [f"# {HEADER}\n", *(f"$nrconf{{override_rc}}{{qr(^{name})}} = 0;\n" for name in SERVICES)]
    return "".join([*lines, "1;\n"])


def compare(root: Path, wanted: Policy | None) -> Plan:
    """Compare the files below ``root`` with those that shall be there."""
    found = [(file, _text(root / file.path)) for file in desired(wanted)]
    differing = [(file, before) for file, before in found if before != file.text]
    return Plan(tuple(file for file, _before in differing), tuple(before for _file, before in differing))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def apply(root: Path, plan: Plan) -> None:
    """Write or remove the files."""
    for file in plan.files:
        files.put(root / file.path, file.text)


def others(root: Path) -> list[str]:
    """Return a sentence for each other program, and each file of apt, that has a say in what is updated here."""
    found = [
        f"{name} is installed and looks after updates too: remove it, or take labserver_updates out of the inventory"
        for name, mark in OTHERS.items()
        if (root / mark).exists()
    ]
    own = [path for path in sorted((root / FOLDER).glob("*")) if path.name > Path(APT).name and _read_by_apt(path)]
    for path in [*own, root / AFTER_ALL]:
        named = sorted(
            {*re.findall(r"^\s*(?:#clear\s+)?(Unattended-Upgrade|APT::Periodic)\b", _text(path), re.MULTILINE)}
        )
        if named:
            found.append(
                f"/{path.relative_to(root)} is read after /{APT} and sets {' and '.join(named)}: what it says holds"
            )
    return found


def _read_by_apt(path: Path) -> bool:
    """Tell whether apt reads a file of that folder (apt.conf(5)): no ending, or .conf."""
    return re.fullmatch(r"[A-Za-z0-9_-]+(?:\.conf)?", path.name) is not None
