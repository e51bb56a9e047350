# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides whether a host can become a lab server, and says everything that is in the way at once."""

from __future__ import annotations

from .model import PARTS, STOPS, Facts, Finding
from .systems import LIKELY_ARCHITECTURES, LOWEST_PYTHON, TESTED_ARCHITECTURES, refused

GIB = 1 << 30
# Measured after the first run of a default lab server: 2.3 GiB below /var/lib/docker, 0.4 GiB elsewhere below /var.
# Images need about as much again while they are built.
NEEDED_BYTES = 6 * GIB
COMFORTABLE_BYTES = 20 * GIB
COMFORTABLE_MEMORY_BYTES = 2 * GIB - GIB // 8  # a machine of 2 GB shows less

TEXTS = {
    "snap_docker": "Docker is installed as a snap, which sees only a part of the host's files and would use the same"
    " socket as the engine that is installed here; move its containers away, then 'snap remove docker'.",
    "podman_docker": "The package podman-docker stands in Docker's place, but the hub and the registry need the real"
    " engine; 'apt-get remove podman-docker' (Podman itself may stay).",
    "tljh": "The Littlest JupyterHub is installed here (/opt/tljh): its hub and its web server hold the ports and the"
    " accounts jupyter-<name> that this collection uses; take it over with playbooks/adopt.yml,"
    " or set up the lab server on another host.",
    "jupyterhub": "Another JupyterHub is installed here (jupyterhub.service), and two hubs on one host get into each"
    " other's way; stop and remove it, or use another host.",
    "ufw": "ufw is active: allow SSH and the ports of the front door ('ufw allow 80,443/tcp').",
    "firewalld": "firewalld is active: allow SSH and the ports of the front door (services http and https).",
    "cloud_init": "cloud-init has not finished its first boot and may still install packages; 'cloud-init status"
    " --wait' waits for it.",
}


def judge(
    facts: Facts, accepted: frozenset[str] = frozenset(), elsewhere: frozenset[str] = frozenset()
) -> tuple[Finding, ...]:
    """Return what was found. What is accepted by name is still said, but stops nothing.

    ``elsewhere``: parts that the inventory has on other servers only.
    """
    found = {name: TEXTS[name] for name in sorted(facts.found)}
    found.update(_system(facts))
    found.update(_resources(facts))
    found.update(_web_server(facts))
    found.update(_parts(facts, elsewhere))
    order = [*STOPS, *sorted(set(found) - set(STOPS))]
    return tuple(
        Finding(name, found[name], name in STOPS and name not in accepted)
        for name in sorted(found, key=order.index)
        if name in STOPS or name not in accepted
    )


def _parts(facts: Facts, elsewhere: frozenset[str]) -> dict[str, str]:
    return {
        f"other_{part}": (
            f"A {part} of this collection runs here (/etc/labserver/services.d/{part}.json), but the inventory has this"
            f" server not in its group {PARTS[part]}: put it back into that group, or set {part}_state: absent for it,"
            f" which removes the {part}'s containers and keeps its data."
        )
        for part in sorted(facts.parts & elsewhere)
    }


def _system(facts: Facts) -> dict[str, str]:
    found = {}
    text = refused(facts.system)
    if text:
        found["system"] = text
    elif facts.python < LOWEST_PYTHON:
        need = ".".join(map(str, LOWEST_PYTHON))
        have = ".".join(map(str, facts.python))
        found["python"] = (
            f"Ansible uses Python {have} on this host, and the collection needs {need} or newer; take"
            " ansible_python_interpreter out of the inventory, or set it to /usr/bin/python3."
        )
    if facts.architecture in LIKELY_ARCHITECTURES:
        found["untested_architecture"] = (
            f"The architecture {facts.architecture} should work, as everything is built on the host, but the whole has"
            " not been run on it."
        )
    elif facts.architecture not in TESTED_ARCHITECTURES:
        known = ", ".join(TESTED_ARCHITECTURES + LIKELY_ARCHITECTURES)
        found["architecture"] = f"The architecture {facts.architecture} is not supported; it has to be one of {known}."
    if facts.init != "systemd":
        found["init"] = (
            f"The first process of this host is {facts.init}, not systemd, so no service can be started (in WSL:"
            " systemd=true in /etc/wsl.conf)."
        )
    return found


def _resources(facts: Facts) -> dict[str, str]:
    found = {}
    free = f"{facts.free_bytes / GIB:.1f} GiB are free where /var lies"
    if facts.free_bytes < NEEDED_BYTES and not facts.lab_server:
        found["disk"] = f"{free}, and a lab server needs {NEEDED_BYTES // GIB} GiB for its first run; make room there."
    elif facts.free_bytes < COMFORTABLE_BYTES:
        found["low_disk"] = (
            f"{free}; the images of the lab will need more than {COMFORTABLE_BYTES // GIB} GiB before long."
        )
    if 0 < facts.memory_bytes < COMFORTABLE_MEMORY_BYTES:
        found["low_memory"] = (
            f"The host has {facts.memory_bytes / GIB:.1f} GiB of memory, which the servers of a few people fill."
        )
    return found


def _web_server(facts: Facts) -> dict[str, str]:
    """A lab server's own nginx, and its containers, hold the ports too."""
    others = {port: program for port, program in sorted(facts.listeners.items()) if program != "nginx"}
    if not others or facts.lab_server or "tljh" in facts.found:
        return {}
    ports = " and ".join(f"{program} on port {port}" for port, program in others.items())
    return {
        "web_server": f"Another web server listens here ({ports}), where the front door of the lab will be; stop and"
        " disable it, or accept it with host_accepted: [web_server] if the inventory gives the front door other ports."
    }
