# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of M(labserver.jupyter.host_program): packs the cores into one file and has it copied."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.labserver.jupyter.plugins.module_utils import _program
from ansible_collections.labserver.jupyter.plugins.module_utils._common import files
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _delegated, _release, _seen

MAIN = b"import sys\n\nfrom labserver_core._program import main\n\nsys.exit(main())\n"
PROGRAM = "usr/local/sbin/labserver"
COMPLETIONS = "/usr/share/bash-completion/completions/"
"""Where bash looks for the completion of a command that is typed; read only where bash-completion is installed."""
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same cores give the same bytes, so that a second run changes nothing


def pack(collection: Path) -> bytes:
    """Return the executable zip file of ``_program.py``, all packages beside it and the version of the collection."""
    cores = collection / "plugins/module_utils"
    parts = {"__main__.py": MAIN, "labserver_core/__init__.py": b""}
    parts["labserver_core/_version.py"] = f"VERSION = {_release.version(collection)!r}\n".encode()
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
        completed = {}
        if destination == f"/{PROGRAM}":
            # First, so that a program that is there tells that its completion is too.
            with files.scratch(Path(tempfile.gettempdir()), "labserver-") as folder:
                script = folder / "labserver"
                files.create(script, _program.completion().encode(), 0o644)
                completed = self._copy(script, COMPLETIONS, "0644", task_vars)
        if completed.get("failed"):
            return completed
        with files.candidate(Path(tempfile.gettempdir()), packed) as local:
            copied = self._copy(local, destination, "0755", task_vars)
        return {**copied, "changed": bool(copied.get("changed") or completed.get("changed"))}

    def _copy(self, source: Path, destination: str, mode: str, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        arguments = {"src": str(source), "dest": destination, "owner": "root", "group": "root", "mode": mode}
        return _delegated.run(self, "ansible.legacy.copy", arguments, task_vars)
