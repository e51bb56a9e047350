# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host remembers in /etc/labserver/accounts, readable by root alone.

``register.json``: every number that was ever given, so that nobody's uid is given to somebody else, also not after
removal. ``wanted.json``: what was last asked for, so that the daily job can act on it without Ansible.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .._common import files
from . import input as inputs
from .ids import Ids
from .model import Desired

REGISTER = "etc/labserver/accounts/register.json"
WANTED = "etc/labserver/accounts/wanted.json"
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


def load_register(content: bytes) -> Register:
    """Return the register of the file's content; raises ValueError."""
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


def read_register(root: Path) -> Register:
    """Return the host's register, an empty one where there is none yet; raises ValueError when it is damaged."""
    path = root / REGISTER
    try:
        return load_register(path.read_bytes())
    except FileNotFoundError:
        return Register()
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error


def write_register(root: Path, register: Register) -> None:
    """Replace the register where it changes."""
    _write(root / REGISTER, register.dump())


def wanted(inputs: Mapping[str, Any], ids: Ids) -> bytes:
    """Return the content of wanted.json: the module's inputs, and the number of everybody."""
    data = {"version": VERSION, "inputs": inputs, "ids": {"users": dict(ids.users), "groups": dict(ids.groups)}}
    return (json.dumps(data, indent=1, sort_keys=True) + "\n").encode()


def read_wanted(root: Path) -> bytes:
    """Return the content of wanted.json, empty when there is none."""
    return _read(root / WANTED)


def write_wanted(root: Path, content: bytes) -> None:
    """Replace wanted.json where it changes."""
    _write(root / WANTED, content)


def load_wanted(root: Path) -> tuple[Desired, Ids]:
    """Return what was last asked for; raises ValueError when nothing was, or when the file is damaged."""
    content = read_wanted(root)
    if not content:
        raise ValueError(f"{root / WANTED} does not exist; run the playbook first")
    try:
        data = json.loads(content)
        desired, problems = inputs.desired(data["inputs"])
        ids = Ids(data["ids"]["users"], data["ids"]["groups"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{root / WANTED} is damaged ({error}); run the playbook again") from error
    if problems:
        raise ValueError(f"{root / WANTED} does not suit this release; run the playbook again: {'; '.join(problems)}")
    return desired, ids


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _write(path: Path, content: bytes) -> None:
    if _read(path) == content:
        return
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    files.replace(path, content, 0o600)
