# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of managed packages is whole: it has each package that tasks and variables of the roles name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import collection  # noqa: F401 - makes the checkout importable as the collection
import yaml
from ansible_collections.labserver.jupyter.plugins.module_utils._status import managed_packages
from paths import ROOT

MODULE = "labserver.jupyter.packages"
QUOTED = re.compile(r"'([a-z0-9][a-z0-9+.-]+)'")
NO_PACKAGES = {"acme", "acme.program", "cifs", "defined", "equalto", "nfs", "source"}
"""Other words in the expressions."""
OF_CODE = {"zstd": "plugins/modules/accounts_info.py"}
"""Named by a module, which the role hands on."""


def words(value: Any) -> Iterator[str]:
    """Yield the names in a value: of an expression, what stands in quotes."""
    if isinstance(value, dict):
        for key in value.keys() - {"newer_release", "keyring"}:
            yield from words(value[key])
    elif isinstance(value, list):
        for one in value:
            yield from words(one)
    elif isinstance(value, str):
        yield from QUOTED.findall(value) if "{{" in value else [value]


def tasks(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the tasks of a file, those in blocks too."""
    for one in value or []:
        yield one
        for part in ("block", "rescue", "always"):
            yield from tasks(one.get(part))


def named() -> dict[str, set[str]]:
    """Return the packages that the roles name, each with the files that do."""
    found = defaultdict(set)
    for path in (ROOT / "roles").glob("*/vars/*.yml"):
        for key, value in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
            if re.fullmatch(r"__\w+_packages", key):
                for name in words(value):
                    found[name].add(str(path.relative_to(ROOT)))
    for path in (ROOT / "roles").glob("*/tasks/*.yml"):
        for task in tasks(yaml.safe_load(path.read_text(encoding="utf-8"))):
            for name in words(task[MODULE]["name"]) if MODULE in task else ():
                found[name].add(str(path.relative_to(ROOT)))
    for name, place in OF_CODE.items():
        assert f'"{name}"' in (ROOT / place).read_text(encoding="utf-8")
        found[name].add(place)
    return found


# The expressions of image_build take the keyring from a table beside them.
KEYRINGS = {"debian-archive-keyring", "ubuntu-keyring"}


def test_each_package_that_roles_name_is_compared() -> None:
    strange = {name: sorted(who) for name, who in named().items() if name not in managed_packages.NAMES | NO_PACKAGES}
    assert strange == {}, "add it to _status/managed_packages.py"


def test_nothing_stands_there_that_no_role_names() -> None:
    assert sorted(managed_packages.NAMES - {*named(), *KEYRINGS}) == []
    tables = (ROOT / "roles/image_build/vars/main.yml").read_text(encoding="utf-8")
    assert [name for name in KEYRINGS if name not in tables] == []
    assert sorted(NO_PACKAGES - {*named()}) == []


def test_no_role_installs_in_another_way() -> None:
    others = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "roles").glob("*/tasks/*.yml")
        if re.search(r"ansible\.builtin\.(apt|package):\n(?!.*\n?.*state: absent)", path.read_text(encoding="utf-8"))
    ]
    assert sorted(others) == []
