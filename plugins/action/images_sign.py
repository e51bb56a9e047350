# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of M(labserver.jupyter.images_sign): signs here, so that the private key reaches no host."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.labserver.jupyter.plugins.module_utils._images import sign
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import signature
from ansible_collections.labserver.jupyter.plugins.plugin_utils._signing import Signer

MODULE = "labserver.jupyter.images_sign"


class ActionModule(ActionBase):
    """Reads through the host which signatures there are, signs what lacks one, and has the host push it."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        given = dict(self._task.args)
        try:
            signer = Signer(str(given.pop("signing_key", "")))
        except ValueError as error:
            return {**result, "failed": True, "msg": f"signing_key: {error}"}
        answer: dict[str, Any] = self._execute_module(MODULE, given, task_vars=task_vars)
        if answer.get("failed"):
            return {**result, **answer}
        absent = [sign.Image(str(one["repository"]), str(one["digest"])) for one in answer["absent"]]
        images = sign.once(
            sign.Image(str(one["repository"]), str(one.get("digest") or ""), str(one.get("tag") or ""))
            for one in given["images"]
        )
        gone = {(image.repository, image.digest) for image in absent}
        there = [image for image in images if (image.repository, image.digest) not in gone]
        lacking = sign.compare(there, answer["signatures"], signer.made)
        made = []
        for image in lacking:
            content = signature.payload(f"{given['registry']}/{image.repository}", image.digest)
            made.append(sign.told(image, content, signer.sign(content)))
        if made and not self._task.check_mode:
            answer = self._execute_module(MODULE, {**given, "signatures": made}, task_vars=task_vars)
            if answer.get("failed"):
                return {**result, **answer}
        answer.pop("signatures", None)
        warnings = [f"{image.name} is not in the registry, so it was not signed" for image in absent]
        return {
            **result,
            **answer,
            **({"warnings": warnings} if warnings else {}),
            "absent": [{"repository": image.repository, "digest": image.digest} for image in absent],
            "changed": bool(lacking),
            "actions": [{"what": "sign", "name": image.name} for image in lacking],
            "diff": {"before": "", "after": "".join(f"sign {image.name}\n" for image in lacking)},
        }
