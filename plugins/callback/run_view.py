# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows a run of the playbooks; see DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
name: run_view
type: stdout
short_description: A line for each server and role, and what changed in words
version_added: 0.1.0
description:
  - On a terminal it shows one line for each server and role with what it did, how long it took and how long the last
    time, and below them what each server does now. With C(-v), or where the output is no terminal, it shows what the
    callback P(ansible.builtin.default#callback) shows.
  - In both cases a summary ends the run, with what changed on each server, what failed, and what to do.
  - The times of the last run are kept in C(run-times.json) in the folder of Ansible's state (C(ANSIBLE_HOME)).
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - set as C(stdout_callback) in the configuration, as the C(ansible.cfg) of this collection's checkout has it
"""

import shutil
import sys
import time
import typing as t
from pathlib import Path

from ansible import constants, context
from ansible.plugins.callback.default import CallbackModule as Default
from ansible_collections.labserver.jupyter.plugins.module_utils._common import files
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _run_view as core

COLOURS = {
    "ok": constants.COLOR_OK,
    "changed": constants.COLOR_CHANGED,
    "failed": constants.COLOR_ERROR,
    "unreachable": constants.COLOR_UNREACHABLE,
}
HIDDEN = "its output is hidden, since it may hold secrets; -e labserver_secure_logging=false shows it"
CLEAR = "\r\x1b[K"


class CallbackModule(Default):
    """Ansible's own output, or lines of servers and roles; and a summary."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "labserver.jupyter.run_view"

    def __init__(self) -> None:
        super().__init__()
        self.lines = sys.stdout.isatty() and not self._display.verbosity
        self.file = Path(constants.config.get_config_value("ANSIBLE_HOME")) / "run-times.json"
        self.last = core.load(self.file.read_text(encoding="utf-8") if self.file.is_file() else "")
        self.parts: list[core.Part] = []
        self.current: dict[str, core.Part] = {}
        self.began: dict[tuple[str, str], float] = {}
        self.doing: dict[str, str] = {}
        self.shown = False  # whether the last line of the terminal is the one of what goes on

    # What is noted, in both ways of showing.

    def _note(self, result: t.Any, outcome: str) -> None:
        task, host, values = result._task, result._host.get_name(), result._result
        step = core.Step(
            host,
            core.role_name(task._role.get_name() if task._role else ""),
            task.get_name(),
            outcome,
            time.monotonic() - self.began.pop((host, task._uuid), time.monotonic()),
            HIDDEN if "censored" in values else str(values.get("msg") or values.get("stderr") or ""),
            core.actions(values),
        )
        part = self.current.get(host)
        if part is None or part.role != step.role:
            self._end(host)
            part = self.current[host] = core.Part(host, step.role)
            self.parts.append(part)
        part.add(step)
        self.doing.pop(host, None)
        if self.lines:
            self._tell(step, values)

    def _end(self, host: str) -> None:
        """Show the line of the role that ended on a server, unless it had nothing to do at all."""
        part = self.current.pop(host, None)
        if self.lines and part is not None and any(step.outcome != "skipped" for step in part.steps):
            self._line(core.line(part, self.last, self._width()), COLOURS[part.outcome])

    def _width(self) -> int:
        return max((len(part.host) for part in self.parts), default=0)

    def _tell(self, step: core.Step, values: t.Any) -> None:
        if step.outcome in ("failed", "unreachable"):
            self._line(f"{step.host}  {step.role}, {core.title(step.task)}: {step.said}", COLOURS[step.outcome])
        elif values.get("_ansible_verbose_always") and step.outcome == "ok" and values.get("msg"):
            self._line(f"{step.host}  {self._words(values['msg'])}", constants.COLOR_VERBOSE)

    @staticmethod
    def _words(value: t.Any) -> str:
        return "\n".join(map(str, value)) if isinstance(value, list) else str(value)

    # The terminal.

    def _line(self, text: str, colour: str | None = None) -> None:
        self._clear()
        self._display.display(text, color=colour)

    def _clear(self) -> None:
        if self.shown:
            sys.stdout.write(CLEAR)
            sys.stdout.flush()
            self.shown = False

    def _going_on(self) -> None:
        text = "   ".join(self.doing.values())
        sys.stdout.write(CLEAR + text[: shutil.get_terminal_size().columns - 1])
        sys.stdout.flush()
        self.shown = bool(text)

    # Events of Ansible. Where lines are shown, its own output is not.

    def v2_playbook_on_play_start(self, play: t.Any) -> None:
        for host in list(self.current):
            self._end(host)
        if not self.lines:
            super().v2_playbook_on_play_start(play)
        elif play.get_name().strip():
            self._line(f"\n{play.get_name().strip()}", constants.COLOR_HIGHLIGHT)

    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        if not self.lines:
            super().v2_playbook_on_task_start(task, is_conditional)

    def v2_runner_on_start(self, host: t.Any, task: t.Any) -> None:
        self.began[host.get_name(), task._uuid] = time.monotonic()
        if not self.lines:
            super().v2_runner_on_start(host, task)
            return
        role = core.role_name(task._role.get_name() if task._role else "")
        self.doing[host.get_name()] = core.now(core.Step(host.get_name(), role, task.get_name(), "ok"), self.last)
        self._going_on()

    def v2_runner_on_ok(self, result: t.Any) -> None:
        self._note(result, "changed" if result._result.get("changed") else "ok")
        if not self.lines:
            super().v2_runner_on_ok(result)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        self._note(result, "ignored" if ignore_errors else "failed")
        if not self.lines:
            super().v2_runner_on_failed(result, ignore_errors)

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        self._note(result, "skipped")
        if not self.lines:
            super().v2_runner_on_skipped(result)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        self._note(result, "ignored" if result._task.ignore_unreachable else "unreachable")
        if not self.lines:
            super().v2_runner_on_unreachable(result)

    def v2_runner_item_on_ok(self, result: t.Any) -> None:
        if not self.lines:
            super().v2_runner_item_on_ok(result)

    def v2_runner_item_on_failed(self, result: t.Any) -> None:
        if not self.lines:
            super().v2_runner_item_on_failed(result)

    def v2_runner_item_on_skipped(self, result: t.Any) -> None:
        if not self.lines:
            super().v2_runner_item_on_skipped(result)

    def v2_runner_retry(self, result: t.Any) -> None:
        if not self.lines:
            super().v2_runner_retry(result)

    def v2_playbook_on_include(self, included_file: t.Any) -> None:
        if not self.lines:
            super().v2_playbook_on_include(included_file)

    def v2_on_file_diff(self, result: t.Any) -> None:
        self._clear()
        super().v2_on_file_diff(result)

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        for host in list(self.current):
            self._end(host)
        self._clear()
        if not self.lines:
            super().v2_playbook_on_stats(stats)
        check = bool(context.CLIARGS.get("check"))
        self._display.display("")
        for text in core.summary(sorted(stats.processed), self.parts, check=check):
            self._display.display(text)
        if not check:
            self._keep_times()

    def _keep_times(self) -> None:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            files.replace(self.file, core.dump(self.last, self.parts).encode(), 0o644)
        except OSError as error:
            self._display.warning(f"the times of this run are not kept: {error}")
