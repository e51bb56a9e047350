# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings of the Docker engine: merged with what others wrote there, checked by the engine's own parser."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

# Runs a command, returns its exit status and what it wrote to both outputs.
Runner = Callable[[Sequence[str]], tuple[int, str]]


class DaemonConfigError(Exception):
    """The file that is there, or the file that would be written, is not usable; the text says why."""


def merge(existing: Mapping[str, t.Any], wanted: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return ``existing`` with ``wanted`` over it: dictionaries key by key, everything else replaced whole."""
    result = dict(existing)
    for key, value in wanted.items():
        below = result.get(key)
        result[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result


def withdraw(existing: Mapping[str, t.Any], managed: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return ``existing`` without the settings in ``managed``; one that somebody changed since then stays."""
    result = dict(existing)
    for key, value in managed.items():
        if key not in result:
            continue
        if isinstance(result[key], Mapping) and isinstance(value, Mapping):
            result[key] = withdraw(result[key], value)
            if not result[key]:
                del result[key]
        elif result[key] == value:
            del result[key]
    return result


def parse(text: str, path: str) -> dict[str, t.Any]:
    """Return the settings in ``text`` (empty means none); raise DaemonConfigError when it is not a JSON object."""
    if not text.strip():
        return {}
    try:
        settings = json.loads(text)
    except ValueError as exc:
        raise DaemonConfigError(f"{path} is not valid JSON ({exc}); mend or remove it, then run again") from exc
    if not isinstance(settings, dict):
        raise DaemonConfigError(f"{path} holds {type(settings).__name__}, but the engine reads a JSON object")
    return settings


def render(settings: Mapping[str, t.Any]) -> str:
    """Return the text of daemon.json."""
    return json.dumps(settings, indent=2, sort_keys=True) + "\n"


@dataclass(frozen=True)
class Plan:
    """What daemon.json and the record of our own settings hold, and what they shall hold."""

    before: str
    after: str
    managed_before: str
    managed_after: str

    @property
    def changed(self) -> bool:
        return self.before != self.after or self.managed_before != self.managed_after


def plan(current: str, managed: str, wanted: Mapping[str, t.Any], path: str, record: str) -> Plan:
    """Compare the texts of daemon.json and of the record with the ``wanted`` settings.

    A setting that an earlier run made and that is no longer wanted goes away, unless it was changed by hand since.
    """
    existing = parse(current, path)
    settings = merge(withdraw(existing, parse(managed, record)), wanted)
    after = current if settings == existing else render(settings)
    managed_after = render(wanted) if wanted else ""
    return Plan(current, after, managed, managed if parse(managed, record) == dict(wanted) else managed_after)


def check(path: str, settings: Mapping[str, t.Any], run: Runner) -> None:
    """Let the engine's own parser read the file at ``path``; raise DaemonConfigError with its words if it refuses.

    Docker 23 and later have ``--validate``. An older engine is started with a log level that does not exist: it reads
    the file first, and the complaint about the log level says that the file was fine.
    """
    status, output = run(["dockerd", "--validate", "--config-file", path])
    if "unknown flag: --validate" in output:
        if "log-level" in settings:  # the same option twice would be refused for that reason alone
            return
        status, output = run(["dockerd", "--config-file", path, "--log-level=validate-only"])
        if "unable to parse logging level" in output:
            return
    if status != 0:
        words = output.strip().splitlines()[-1] if output.strip() else f"exit status {status}"
        raise DaemonConfigError(f"the engine refuses the settings: {words.replace(path, 'daemon.json')}")
