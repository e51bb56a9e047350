# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records what every task of a playbook run did, for the tests that compare runs and for the benchmarks.

Each run writes one JSON file below the folder LABSERVER_RUNS: ``{"playbook", "check", "seconds", "results"}`` with a
result per task, host and loop item.
"""

from __future__ import annotations

import json
import os
import time
import typing as t
from pathlib import Path

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: run_record
type: notification
short_description: Records what every task did
description: Writes one JSON file per run below the folder named by the environment variable LABSERVER_RUNS.
requirements: []
"""

# These act on the controller alone: no call to the host.
LOCAL_ACTIONS = frozenset(
    {"add_host", "assert", "debug", "fail", "group_by", "include_role", "include_tasks", "include_vars", "meta"}
    | {"pause", "set_fact", "set_stats", "validate_argument_spec", "validate_inputs"}
)


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "run_record"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        folder = os.environ.get("LABSERVER_RUNS", "")
        self.disabled = not folder
        self.folder = Path(folder)
        self.playbook = ""
        self.began = time.time()
        self.task_began: dict[str, float] = {}
        self.results: list[dict[str, t.Any]] = []

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        self.playbook = Path(playbook._file_name).name

    def v2_runner_on_start(self, host: t.Any, task: t.Any) -> None:
        self.task_began[f"{host.name}\0{task._uuid}"] = time.time()

    def _add(self, result: t.Any, item: str = "", failed: bool = False, skipped: bool = False) -> None:
        task, host = result._task, result._host
        action = str(task.action).rpartition(".")[2]
        self.results.append(
            {
                "role": task._role.get_name() if task._role else "",
                "task": task.get_name(),
                "path": task.get_path(),
                "action": action,
                "local": action in LOCAL_ACTIONS or str(task.delegate_to or "") in ("localhost", "127.0.0.1"),
                "host": host.name,
                "item": item,
                "changed": bool(result._result.get("changed")),
                "skipped": skipped,
                "failed": failed,
                "seconds": self._seconds(f"{host.name}\0{task._uuid}"),
            }
        )

    def _seconds(self, key: str) -> float:
        """Return the time since the task or its previous loop item ended."""
        now = time.time()
        began = self.task_began.get(key, now)
        self.task_began[key] = now
        return round(now - began, 3)

    def _add_task(self, result: t.Any, failed: bool = False, skipped: bool = False) -> None:
        # A loop was recorded item by item.
        if "results" in result._result and result._task.loop is not None:
            return
        self._add(result, failed=failed, skipped=skipped)

    def v2_runner_on_ok(self, result: t.Any) -> None:
        self._add_task(result)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        self._add_task(result, failed=not ignore_errors)

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        self._add_task(result, skipped=True)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        self._add_task(result, failed=True)

    def _add_item(self, result: t.Any, failed: bool = False, skipped: bool = False) -> None:
        self._add(result, item=str(self._get_item_label(result._result)), failed=failed, skipped=skipped)

    def v2_runner_item_on_ok(self, result: t.Any) -> None:
        self._add_item(result)

    def v2_runner_item_on_failed(self, result: t.Any) -> None:
        self._add_item(result, failed=True)

    def v2_runner_item_on_skipped(self, result: t.Any) -> None:
        self._add_item(result, skipped=True)

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        if all(result["host"] == "localhost" for result in self.results):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        record = {
            "playbook": self.playbook,
            "check": bool(context.CLIARGS.get("check")),
            "seconds": round(time.time() - self.began, 2),
            "results": self.results,
        }
        (self.folder / f"{time.time_ns()}.json").write_text(json.dumps(record, indent=1))
