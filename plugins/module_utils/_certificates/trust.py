# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a host trust the lab's authority: the system's store, Docker's registries, and a copy for containers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from .._common import files, process

SYSTEM = "usr/local/share/ca-certificates/labserver-ca.crt"
PUBLIC = "etc/labserver/public/ca.crt"
STORE = "etc/ssl/certs/ca-certificates.crt"  # what the host trusts, all in one file
BUNDLE = "etc/labserver/public/ca-bundle.crt"  # its copy for containers, which must not follow links out of the folder
DOCKER = "etc/docker/certs.d"
DOCKER_FILE = "labserver-ca.crt"  # beside a ca.crt of somebody else; Docker reads every *.crt without a restart

Run = Callable[[Sequence[str]], int]


def run(argv: Sequence[str]) -> int:
    """Run a command of the system; returns its exit status."""
    result, _output = process.capture(argv, 120)
    return result.status


def places(registries: Sequence[str]) -> list[str]:
    """Where the root goes. A registry is ``host:port``; Docker takes the port literally, also 443."""
    return [SYSTEM, PUBLIC, *(f"{DOCKER}/{registry}/{DOCKER_FILE}" for registry in registries)]


def missing(root: Path, anchor: bytes, registries: Sequence[str]) -> list[str]:
    """Those of ``places`` that do not hold the root."""
    return [path for path in places(registries) if not (root / path).exists() or (root / path).read_bytes() != anchor]


def ensure(root: Path, anchor: bytes, registries: Sequence[str], command: Run = run) -> list[str]:
    """Put the root everywhere; returns what was changed. Raises OSError."""
    changed = missing(root, anchor, registries)
    for path in changed:
        (root / path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        files.replace(root / path, anchor, 0o644)
    if SYSTEM in changed and command(["update-ca-certificates"]):
        (root / SYSTEM).unlink()  # so that the next run tries again
        raise OSError("update-ca-certificates failed (is the package ca-certificates installed?)")
    store = root / STORE
    if store.exists() and (not (root / BUNDLE).exists() or (root / BUNDLE).read_bytes() != store.read_bytes()):
        files.replace(root / BUNDLE, store.read_bytes(), 0o644)
        changed.append(BUNDLE)
    return [f"/{path}" for path in changed]
