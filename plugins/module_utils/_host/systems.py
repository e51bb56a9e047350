# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The systems that become lab servers, those that do not and why, and the way out.

What a role does differently on one of them stands in the role's ``vars``. The README says what was run on which system.
"""

from __future__ import annotations

from .model import System

SUPPORTED = {
    # (ID, VERSION_ID): (what people call it, the name that Ansible has for the distribution)
    ("debian", "12"): ("Debian 12", "Debian"),
    ("debian", "13"): ("Debian 13", "Debian"),
    ("ubuntu", "24.04"): ("Ubuntu 24.04 LTS", "Ubuntu"),
    ("ubuntu", "26.04"): ("Ubuntu 26.04 LTS", "Ubuntu"),
}
LOWEST_PYTHON = (3, 11)
"""What the collection's modules and /usr/local/sbin/labserver need on the host."""
TESTED_ARCHITECTURES = ("x86_64",)
LIKELY_ARCHITECTURES = ("aarch64",)
"""Everything is built on the host from packages that exist for them; nobody has run the whole there."""
NAMES = ", ".join(name for name, _packages in SUPPORTED.values())
NEW_HOST = "Use another server or a virtual machine with one of these"


def refused(system: System) -> str:
    """Return why the system is not supported, as one sentence with the way out; empty where it is."""
    if (system.name, system.version) in SUPPORTED:
        return ""
    families = (system.name, *system.like)
    if (system.name, system.version) == ("ubuntu", "22.04"):
        # https://packages.ubuntu.com/jammy/python3; what else it would need is in roles/host/README.md.
        why = (
            "its Python 3.10 is older than the 3.11 that the collection needs; upgrade it with"
            " 'do-release-upgrade' to Ubuntu 24.04 LTS"
        )
    elif system.name == "ubuntu" and _older(system.version, 22):
        why = f"it is too old; upgrade it to one of {NAMES}"
    elif system.name == "ubuntu":
        why = f"only the LTS releases are; the supported systems are {NAMES}. {NEW_HOST}"
    elif system.name == "debian" and _older(system.version, 12):
        why = f"it is too old; upgrade it to one of {NAMES}"
    elif system.name == "debian":
        why = f"the supported systems are {NAMES}. {NEW_HOST}"
    elif {"rhel", "fedora", "centos"} & set(families):
        why = (
            "the collection is made of Debian's packages, while this system has dnf, SELinux and Podman; the supported"
            f" systems are {NAMES}. {NEW_HOST}"
        )
    elif {"debian", "ubuntu"} & set(families):
        why = f"it is derived from Debian or Ubuntu, but the supported systems are {NAMES}. {NEW_HOST}"
    else:
        why = f"the supported systems are {NAMES}. {NEW_HOST}"
    return f"{system.pretty} is not supported: {why}."


def _older(version: str, major: int) -> bool:
    first = version.split(".", maxsplit=1)[0]
    return first.isdigit() and int(first) < major
