# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of M(labserver.jupyter.bundle_install): reads the bundle and copies it to the host that needs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.labserver.jupyter.plugins.module_utils._bundle import archive, model, signature

MODULE = "labserver.jupyter.bundle_install"
OWN = ("file", "public_key", "accept_unsigned")
"""Options that are of the controller alone."""


def verified(arguments: dict[str, Any]) -> tuple[model.Manifest, bytes]:
    """Return the manifest of the bundle, and its bytes, or raise BundleError."""
    if not arguments.get("file"):
        raise model.BundleError("file: is missing; name the bundle")
    key = arguments.get("public_key")
    unsigned = boolean(arguments.get("accept_unsigned", False))

    def judge(content: bytes, signed: bytes) -> None:
        signature.judge(content, signed, Path(key) if key else None, accept_unsigned=unsigned)

    return archive.verify(Path(str(arguments["file"])), judge)


class ActionModule(ActionBase):
    """Verifies on the controller, asks the host, copies only what the host lacks."""

    TRANSFERS_FILES = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        given = dict(self._task.args)
        try:
            manifest, content = verified(given)
        except (model.BundleError, OSError) as error:
            raise AnsibleActionFail(f"{error}\nNothing was changed on any host.") from error
        try:
            folder = self._connection._shell.tmpdir
            told = {key: value for key, value in given.items() if key not in OWN}
            told |= {"manifest": content.decode(), "incoming": folder}
            told["archive_bytes"] = Path(str(given["file"])).stat().st_size
            answer: dict[str, Any] = self._execute_module(MODULE, told, task_vars=task_vars)
            if answer.get("changed") and not answer.get("failed") and not self._task.check_mode:
                there = self._connection._shell.join_path(folder, "bundle")
                try:
                    self._transfer_file(str(given["file"]), there)
                except AnsibleError as error:
                    raise AnsibleActionFail(f"the bundle cannot be copied to the host: {error}") from error
                answer = self._execute_module(MODULE, {**told, "archive": there}, task_vars=task_vars)
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir, force=True)
        known = {
            "created": manifest.created,
            "references": [image.reference for image in manifest.images],
            "packages": sorted(manifest.packages),
        }
        return {**result, **answer, **known}
