# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of M(labserver.jupyter.host_program): packs the cores into one file and has it copied."""

from __future__ import annotations

import io
import tempfile
import typing as t
import zipfile
from pathlib import Path

from ansible.plugins.action import ActionBase

MAIN = b"import sys\n\nfrom labserver_core._program import main\n\nsys.exit(main())\n"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same cores give the same bytes, so that a second run changes nothing


def pack(cores: Path) -> bytes:
    """Return the executable zip file of ``_program.py`` and all packages in the folder ``cores``."""
    files = {"__main__.py": MAIN, "labserver_core/__init__.py": b""}
    sources = [cores / "_program.py", *cores.glob("_[a-z]*/**/*.py")]
    files.update({f"labserver_core/{path.relative_to(cores)}": path.read_bytes() for path in sorted(sources)})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, date_time=EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return b"#!/usr/bin/python3\n" + buffer.getvalue()


class ActionModule(ActionBase):
    """Delegates to ansible.builtin.copy, which brings idempotence, check mode and backup."""

    TRANSFERS_FILES = True
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        super().run(tmp, task_vars)
        destination = self._task.args.get("path", "/usr/local/sbin/labserver")
        cores = Path(__file__).resolve().parents[1] / "module_utils"
        with tempfile.NamedTemporaryFile(prefix="labserver-") as local:
            local.write(pack(cores))
            local.flush()
            task = self._task.copy()
            task.args = {"src": local.name, "dest": destination, "owner": "root", "group": "root", "mode": "0755"}
            task.diff = False  # a zip file has no diff that a person could read
            copy = self._shared_loader_obj.action_loader.get(
                "ansible.legacy.copy",
                task=task,
                connection=self._connection,
                play_context=self._play_context,
                loader=self._loader,
                templar=self._templar,
                shared_loader_obj=self._shared_loader_obj,
            )
            return t.cast(dict[str, t.Any], copy.run(task_vars=task_vars))
