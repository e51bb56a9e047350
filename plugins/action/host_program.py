# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of M(labserver.jupyter.host_program): packs the cores into one file and has it copied."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import yaml
from ansible.plugins.action import ActionBase
from ansible_collections.labserver.jupyter.plugins.module_utils._common import files
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _delegated, _seen

MAIN = b"import sys\n\nfrom labserver_core._program import main\n\nsys.exit(main())\n"
PROGRAM = "usr/local/sbin/labserver"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same cores give the same bytes, so that a second run changes nothing


def version(collection: Path) -> str:
    """Return the version of the collection: a checkout has galaxy.yml, an installed collection MANIFEST.json."""
    if (collection / "galaxy.yml").exists():
        return str(yaml.safe_load((collection / "galaxy.yml").read_text(encoding="utf-8"))["version"])
    manifest = json.loads((collection / "MANIFEST.json").read_text(encoding="utf-8"))
    return str(manifest["collection_info"]["version"])


def pack(collection: Path) -> bytes:
    """Return the executable zip file of ``_program.py``, all packages beside it and the version of the collection."""
    cores = collection / "plugins/module_utils"
    parts = {"__main__.py": MAIN, "labserver_core/__init__.py": b""}
    parts["labserver_core/_version.py"] = f"VERSION = {version(collection)!r}\n".encode()
    sources = [cores / "_program.py", *cores.glob("_[a-z]*/**/*.py")]
    parts.update({f"labserver_core/{path.relative_to(cores)}": path.read_bytes() for path in sorted(sources)})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            entry = zipfile.ZipInfo(name, date_time=EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return b"#!/usr/bin/python3\n" + buffer.getvalue()


class ActionModule(ActionBase):
    """Delegates to ansible.builtin.copy, which brings idempotence, check mode and backup."""

    TRANSFERS_FILES = True
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        destination = self._task.args.get("path", f"/{PROGRAM}")
        packed = pack(Path(__file__).resolve().parents[2])
        if destination == f"/{PROGRAM}" and _seen.program(_seen.seen(task_vars), packed):
            return {**result, **_seen.SKIPPED, "dest": destination}
        with files.candidate(Path(tempfile.gettempdir()), packed) as local:
            arguments = {"src": str(local), "dest": destination, "owner": "root", "group": "root", "mode": "0755"}
            return _delegated.run(self, "ansible.legacy.copy", arguments, task_vars)
