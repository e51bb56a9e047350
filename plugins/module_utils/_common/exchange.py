# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file that one room writes for another (docs/reference/interfaces.md): a JSON object of a version known here."""

from __future__ import annotations

import json
from typing import Any

VERSION = 1
HINT = "run playbooks/site.yml, which writes it again"


class ExchangeError(ValueError):
    """The file is damaged or of another version; the text names it and says what to do."""


def parse(content: bytes | str, name: str) -> dict[str, Any]:
    """Return the document of a file's content; ``name`` is the file as messages call it. Raises ExchangeError."""
    try:
        document = json.loads(content)
    except ValueError as error:
        raise ExchangeError(f"{name} is damaged: {error}; {HINT}") from None
    if not isinstance(document, dict):
        raise ExchangeError(f"{name} is damaged: it does not hold a JSON object; {HINT}")
    if document.get("version") != VERSION:
        raise ExchangeError(
            f"{name}: its version is {document.get('version')!r}, and this release knows version {VERSION} only; {HINT}"
        )
    return document
