# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the first call of a run sees of a host, so that later tasks need not ask again for what nobody has changed.

Every remote call costs a third of a second and more, and most of a run's calls find nothing to do. This one look says
which packages, files of jobs, services and images there are. Needs Python 3.11, unlike ``read``.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .._common import outgoing, services
from .._common.docker_api import DockerEngine, EngineError

PROGRAM = "usr/local/sbin/labserver"
JOB_FILES = (
    "etc/labserver/jobs.d/*.json",
    "etc/cron.d/labserver-*",
    "etc/systemd/system/labserver-*.service",
    "etc/systemd/system/labserver-*.timer",
    "var/lib/labserver/jobs/*.json",
    "etc/labserver/alerts.json",
    outgoing.FILE,
    "etc/labserver/updates.json",
    "var/lib/labserver/bundle/current/manifest.json",
)
SECRET_KEYS = ("environment", "mail", "webhook", "heartbeat_url")
"""Keys whose values may be secrets. A file with one is reported without a hash: later tasks ask for it."""
IMAGES = "labserver/"
INSTALLED = re.compile(r"^Package: (\S+)\nStatus: \S+ ok installed$", re.MULTILINE)


def look(root: Path, run: services.Runner, units: Sequence[str], engine: DockerEngine | None) -> dict[str, Any]:
    """Return what there is, as plain data: ``packages``, ``files``, ``program``, ``services`` and ``images``."""
    world = services.World(run, root)
    return {
        "packages": packages(root),
        "files": {name: description for pattern in JOB_FILES for name, description in _files(root, pattern)},
        "program": _described(root / PROGRAM) if (root / PROGRAM).is_file() else [],
        "services": {name: asdict(current) for name, current in services.read(world, units).items()} if units else {},
        "images": images(engine),
    }


def packages(root: Path) -> list[str]:
    """Return the names of the packages that are installed completely (dpkg(1): state "installed", held ones too)."""
    try:
        text = (root / "var/lib/dpkg/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return sorted(set(INSTALLED.findall(text)))


def images(engine: DockerEngine | None) -> list[str]:
    """Return the names of the images that this collection built; none without an engine."""
    try:
        found = engine.get("/images/json") if engine is not None else []
    except (EngineError, OSError):
        return []
    return sorted(tag for one in found or [] for tag in one.get("RepoTags") or [] if tag.startswith(IMAGES))


def _files(root: Path, pattern: str) -> list[tuple[str, list[Any]]]:
    return [(str(path.relative_to(root)), _described(path)) for path in sorted(root.glob(pattern)) if path.is_file()]


def _described(path: Path) -> list[Any]:
    """Return hash of the content, mode and owner of a file; the hash is empty where it could give a secret away."""
    found = path.stat()
    content = path.read_bytes()
    secret = path.suffix == ".env" or (path.suffix == ".json" and _may_hold_secrets(content))
    digest = "" if secret else hashlib.sha256(content).hexdigest()
    return [digest, stat.S_IMODE(found.st_mode), found.st_uid]


def _may_hold_secrets(content: bytes) -> bool:
    try:
        document = json.loads(content)
        return any(document.get(key) for key in SECRET_KEYS)
    except (ValueError, AttributeError):
        return True
