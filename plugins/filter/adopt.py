# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters for playbooks/adopt.yml."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml
from ansible_collections.labserver.jupyter.plugins.module_utils._adopt import show

LINE = re.compile(r"^\s*(username|user|password|pass|domain|dom)\s*=(.*)$")
OURS = "{{ adopted_credentials }}"
"""The one template in an inventory that was inferred (``_adopt/infer.py``)."""
TEMPLATE = re.compile(r"\{[{%#]")
KEYS = {"user": "username", "pass": "password", "dom": "domain"}


def adopt_table(report: Mapping[str, Any], host: str) -> list[str]:
    """Turn what adopt_info returned into the lines of a table."""
    return show.table(host, report)


def adopt_page(report: Mapping[str, Any], host: str, when: str) -> str:
    """Turn what adopt_info returned into one self-contained page."""
    return show.document(host, report, when)


def adopt_credentials(files: list[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Turn files of mount.cifs, as slurp returns them in a loop over name and path, into shares_credentials."""
    found: dict[str, dict[str, str]] = {}
    for each in files:
        text = base64.b64decode(each.get("content", "")).decode("utf-8", "replace")
        matches = [match for match in map(LINE.match, text.splitlines()) if match]
        found[each["item"]["key"]] = {KEYS.get(match[1], match[1]): match[2] for match in matches}
    return found


class _Dumper(yaml.SafeDumper):
    """Writes words of the old hub so that Ansible, which loads them later, takes none of them for a template."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    tag = "!unsafe" if TEMPLATE.search(text) and text != OURS else "tag:yaml.org,2002:str"
    return dumper.represent_scalar(tag, text, style="'" if tag == "!unsafe" else None)


_Dumper.add_representer(str, _text)


def _plain(data: Any) -> Any:
    """Return data without the kinds of texts and lists by which Ansible notes where they are from."""
    if isinstance(data, Mapping):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_plain(value) for value in data]
    return str(data) if isinstance(data, str) else data


def adopt_yaml(data: Mapping[str, Any]) -> str:
    """Turn an inventory that was inferred, or credentials, into YAML for a file of variables."""
    return yaml.dump(_plain(data), Dumper=_Dumper, indent=2, sort_keys=False, allow_unicode=True, width=140)


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "adopt_table": adopt_table,
            "adopt_page": adopt_page,
            "adopt_credentials": adopt_credentials,
            "adopt_yaml": adopt_yaml,
        }
