# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lets the docker command log in to registries for the time of one run, without leaving a password behind."""

from __future__ import annotations

import base64
import json
import typing as t
from collections.abc import Mapping, Sequence
from pathlib import Path

OPTIONS: dict[str, t.Any] = {
    "registry": {"type": "str", "required": True},
    "username": {"type": "str", "required": True},
    "password_file": {"type": "path", "required": True, "no_log": False},
}


def configuration(logins: Sequence[Mapping[str, t.Any]], existing: str) -> str:
    """Return the text of a ``config.json`` of the docker command with logins (as in ``OPTIONS``) added to an old one.

    A login whose file is not there is left out: the registry of a host that has none needs none.

    Raises:
        ValueError: when ``existing`` is not a JSON object.
    """
    settings = json.loads(existing or "{}")
    if not isinstance(settings, dict):
        raise ValueError("it is not a JSON object")
    settings["auths"] = settings.get("auths") or {}
    for login in logins:
        file = Path(login["password_file"])
        if file.is_file():
            pair = login["username"].encode() + b":" + file.read_bytes().rstrip(b"\n")
            settings["auths"][login["registry"]] = {"auth": base64.b64encode(pair).decode()}
            # A credential helper would win over the entry; an empty name says that this registry has none.
            if "credsStore" in settings or "credHelpers" in settings:
                settings.setdefault("credHelpers", {})[login["registry"]] = ""
    return json.dumps(settings)


def environment(logins: Sequence[Mapping[str, t.Any]], folder: Path, existing: Path | None = None) -> dict[str, str]:
    """Return the variable with which the docker command knows ``logins``.

    Makes ``folder`` for it, which the caller removes: all that root's own ``~/.docker`` has (plugins, contexts,
    logins), and these logins.

    Raises:
        ValueError: when the ``config.json`` that is there cannot be read; says which and why.
    """
    existing = existing or Path("~/.docker").expanduser()
    old = existing / "config.json"
    try:
        text = configuration(logins, old.read_text() if old.is_file() else "")
    except ValueError as error:
        raise ValueError(f"{old}: {error}; mend or remove it (docker login writes it)") from error
    folder.mkdir(mode=0o700)
    (folder / "config.json").touch(mode=0o600)
    (folder / "config.json").write_text(text)
    for entry in existing.iterdir() if existing.is_dir() else ():
        if entry != old:
            (folder / entry.name).symlink_to(entry)
    return {"DOCKER_CONFIG": str(folder)}
