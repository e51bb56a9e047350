# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter for playbooks/status.yml and playbooks/report.yml."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._common.words import clean

MOST_CHARACTERS = 300
FAILED = "Error executing command."
"""All that ansible.builtin.command says of a program that is not there."""
NOT_THERE = "the program labserver cannot be started there; playbooks/site.yml installs it"


def host_answers(results: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any] | str]:
    """Turn host -> result of a command that prints JSON into host -> what it printed, or a sentence why there is none.

    One server whose answer cannot be read must not take the answers of the others with it.
    """
    return {host: _answer(result) for host, result in results.items()}


def _answer(result: Mapping[str, Any]) -> dict[str, Any] | str:
    text = str(result.get("stdout") or "").strip()
    if not text:
        said = clean(result.get("stderr") or result.get("msg") or "", MOST_CHARACTERS) or "no answer"
        return NOT_THERE if said == FAILED else said
    try:
        answer = json.loads(text)
    except ValueError as error:
        return f"its answer is damaged: {clean(error, MOST_CHARACTERS)}"
    return answer if isinstance(answer, dict) else f"its answer is damaged: it is no JSON object: {clean(text, 80)}"


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"host_answers": host_answers}
