# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's memory of the lab's people and groups: nobody's uid is given to somebody else, also not after removal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

VERSION = 1


@dataclass(frozen=True)
class Record:
    """What was last done for a person. ``state`` is the last one that was reached completely.

    ``locked`` says that this project locked the password field, ``shadow_expire`` what it wrote there (days since
    1970), ``ssh_keys`` the keys it placed, ``archive`` the file of the last archive of the home, ``account`` whether
    the account still exists.
    """

    system_name: str
    uid: int
    gid: int
    home: str
    state: str = ""
    full_name: str = ""
    shell: str = "/usr/sbin/nologin"
    account: bool = True
    locked: bool = False
    shadow_expire: str = ""
    ssh_keys: tuple[str, ...] = ()
    archive: str | None = None


@dataclass(frozen=True)
class Register:
    """Records of people by login name, and gids of lab groups by name."""

    users: Mapping[str, Record] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)

    def with_user(self, name: str, **changes: Any) -> Register:
        """Return a register in which some fields of a person's record are changed."""
        return Register({**self.users, name: replace(self.users[name], **changes)}, self.groups)

    def dump(self) -> bytes:
        """Return the file's content."""
        users = {name: vars(record) for name, record in sorted(self.users.items())}
        data = {"version": VERSION, "users": users, "groups": dict(sorted(self.groups.items()))}
        return (json.dumps(data, indent=1, sort_keys=True) + "\n").encode()


def load(content: bytes | None) -> Register:
    """Return the register of the file's content (None: there is none yet); raises ValueError."""
    if content is None:
        return Register()
    try:
        data = json.loads(content)
        if data["version"] != VERSION:
            raise ValueError(f"version {data['version']!r} is unknown to this release")
        known = Record.__dataclass_fields__
        users = {}
        for name, raw in data["users"].items():
            fields = {key: value for key, value in raw.items() if key in known}
            users[name] = Record(**{**fields, "ssh_keys": tuple(raw.get("ssh_keys", ()))})
        return Register(users, {name: int(gid) for name, gid in data["groups"].items()})
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(f"is damaged ({error}); bring it back from the backup") from error
