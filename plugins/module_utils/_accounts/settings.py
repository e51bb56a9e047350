# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings of the role accounts: the one table of names, defaults, types and checks.

The module takes its argument spec from here; a test compares the role (defaults, argument specs, what it hands to the
module) with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from .check import HIGHEST_ID, LOWEST_ID, absolute_path, boolean, one_of, size, whole_number

UNLISTED = ("lock", "keep")


def _setting(value: Any, check: Callable[[object], Any], name: str = "", **spec: Any) -> Any:
    """Return a field; ``name`` is that of the input where it differs, ``spec`` what the module says of it."""
    own = {"type": type(value).__name__, "default": value, **spec}
    metadata = {"check": check, "name": name, "spec": own}
    return field(default=value, metadata=metadata)  # pylint: disable=invalid-field-call


def _id(value: object) -> int:
    return whole_number(value, LOWEST_ID, HIGHEST_ID)


@dataclass(frozen=True)
class Settings:
    """The role's settings, without their prefix; ranges are inclusive. ``quota_bytes`` None means no quota."""

    home_folder: str = _setting("/home", absolute_path)
    skeleton_folder: str = _setting("/etc/skel", absolute_path)
    shell: str = _setting("/bin/bash", absolute_path)
    uid_min: int = _setting(20000, _id)
    uid_max: int = _setting(29999, _id)
    gid_min: int = _setting(30000, _id)
    gid_max: int = _setting(39999, _id)
    unlisted: str = _setting("lock", lambda value: one_of(value, UNLISTED), choices=list(UNLISTED))
    remove_homes: bool = _setting(False, boolean)
    archive_folder: str = _setting("/srv/labserver/accounts/archive", absolute_path)
    quota_bytes: int | None = _setting(None, size, "quota", type="str", default="")
    expiry_notice_days: int = _setting(14, lambda value: whole_number(value, 0, 365))


def argument_spec() -> dict[str, dict[str, Any]]:
    """Return the settings as options of the module: name -> type, default and choices."""
    return {item.metadata["name"] or item.name: dict(item.metadata["spec"]) for item in fields(Settings)}


def parse(inputs: Mapping[str, Any], wrong: list[str]) -> Settings:
    """Return the settings of the role's inputs, adding to ``wrong`` what is not valid; empty means the default."""
    values: dict[str, Any] = {}
    for item in fields(Settings):
        key = f"accounts_{item.metadata['name'] or item.name}"
        value = inputs.get(key)
        if value in (None, ""):
            continue
        try:
            values[item.name] = item.metadata["check"](value)
        except ValueError as error:
            wrong.append(f"{key}: {error}")
    settings = Settings(**values)
    if settings.uid_min > settings.uid_max or settings.gid_min > settings.gid_max:
        wrong.append("accounts_uid_min..accounts_uid_max, accounts_gid_min..accounts_gid_max: a range is empty")
    elif settings.uid_min <= settings.gid_max and settings.gid_min <= settings.uid_max:
        wrong.append(
            "accounts_uid_min..accounts_uid_max and accounts_gid_min..accounts_gid_max overlap; every person has a "
            "group of the same number, so keep the ranges apart"
        )
    return settings
