# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why Dockerfiles did not build, for whoever wrote them."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..module_utils._common import outgoing

DOCUMENTATION = r"""
name: build_failures
short_description: Why images were not built, in words and with the end of what the build said
version_added: 0.1.0
description:
  - Takes the results of a loop of M(community.docker.docker_image) over images to be built and returns for each that
    failed where its Dockerfile is, which instruction failed, and the last lines of output.
  - What failed only because the image beneath it failed is left out.
positional: _input
options:
  _input:
    description: The results of the loop.
    type: list
    elements: dict
    required: true
author:
  - The labserver.jupyter authors (@labserver)
"""

EXAMPLES = r"""
message: "{{ built.results | labserver.jupyter.build_failures }}"
"""

RETURN = r"""
_value:
  description: The message.
  type: str
"""

FAILURE = re.compile(
    r"Error building \S+ - (?:code: \S+, )?message: (?P<message>.*?), logs: (?P<logs>\[.*\])", re.DOTALL
)
RED = "\x1b[91m"
PLAIN = "\x1b[0m"
OWN = (" ---> Running in", "Removing intermediate container")
LAST_LINES = 20


def _lines(pieces: Sequence[str]) -> list[str]:
    """Return the lines of a build. What programs say as an error comes red, and in pieces of a line."""
    text = ""
    for piece in pieces:
        if not piece.startswith((RED, PLAIN)) and text and not text.endswith("\n"):
            text += "\n"
        ends = not (piece.startswith(RED) and piece.endswith(PLAIN)) and not piece.startswith(PLAIN)
        text += piece.replace(RED, "").replace(PLAIN, "") + ("\n" if ends else "")
    return [line for line in text.splitlines() if line.strip() and not line.startswith(OWN)]


def _parts(text: str) -> tuple[str, list[str]]:
    """Return what the engine complains of, and the lines of the build."""
    found = FAILURE.fullmatch(text)
    if found is None:
        return text, []
    try:
        pieces = ast.literal_eval(found["logs"])
    except (ValueError, SyntaxError):
        return text, []
    return found["message"], _lines([str(piece) for piece in pieces])


def _told(result: Mapping[str, Any]) -> str:
    message, lines = _parts(str(result.get("msg", "")))
    item = result["item"]
    steps = [line for line in lines if line.startswith("Step ")]
    text = f"The image {item['name']} does not build; its Dockerfile is in {item['context']}."
    if found := outgoing.cause("\n".join([message, *lines])):
        text += f"\n  The reason: {found}"
    if steps:
        text += f"\n  It stopped at {steps[-1]}"
        lines = lines[lines.index(steps[-1]) + 1 :]
    text += f"\n  Docker says: {message}"
    if lines:
        text += "\n  The end of its output:\n" + "\n".join(f"    {line}" for line in lines[-LAST_LINES:])
    return text


def _failed(results: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    names: set[str] = set()
    for result in results:
        if not result.get("failed"):
            continue
        item = result["item"]
        if item.get("base") not in names:
            yield result
        names.add(item["name"])


def build_failures(results: Sequence[Mapping[str, Any]]) -> str:
    """Return why images were not built, one paragraph for each."""
    return "\n".join(_told(result) for result in _failed(results))


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"build_failures": build_failures}
