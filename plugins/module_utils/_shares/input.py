# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may be asked of the shares: every rule, checked before anything is touched."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .._common import paths
from .._common.folders import not_ours
from .options import merged, needs_credentials

TYPES = ("cifs", "nfs", "local")
USES = ("data", "work")
KEYS = frozenset(
    "name type source path credentials access others use when_absent options sentinel min_free_percent".split()  # noqa: SIM905
)
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
GROUP = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
SOURCES = {
    "cifs": (re.compile(r"//[^/\\\s]+/[^/\\][^\\]*"), "//server/share or //server/share/folder"),
    "nfs": (re.compile(r"(\[[0-9a-fA-F:]+\]|[^/:\\\s\[\]]+):/.*"), "server:/folder"),
    "local": (re.compile(r"/.+"), "the absolute path of a folder of the server"),
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_OPTION = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*")
_SECRETS = frozenset(["password", "pass", "passwd", "password2", "pass2", "credentials", "cred"])


def problems(inputs: Mapping[str, Any]) -> list[str]:
    """Return every problem of the role's variables, each with where it is, what is allowed and what to do."""
    found: list[str] = []
    credentials = inputs.get("shares_credentials") or {}
    options = inputs.get("shares_options") or {}
    root = str(inputs.get("shares_root") or paths.SHARES)
    why = not_ours(root, "shares")
    if why:
        found.append(f'shares_root: "{root}" {why}; give a folder of its own such as /srv/labserver/shares')
    for name in sorted(credentials):
        found += _credential_problems(f"shares_credentials[{name}]", name, credentials[name] or {})
    for kind in sorted(options):
        if kind not in TYPES:
            found.append(f'shares_options: "{kind}" is not a type of share; use {", ".join(TYPES)}')
        else:
            found += _option_problems(f"shares_options[{kind}]", options[kind] or {})
    shares = inputs.get("shares_list") or []
    for index, share in enumerate(shares):
        where = f"shares_list[{index}] (name={share.get('name', '')})"
        found += [f"{where}: {text}" for text in _share_problems(share, options, credentials, root)]
    return found + list(_clashes(shares)) + list(_nested(shares))


def _share_problems(
    share: Mapping[str, Any], defaults: Mapping[str, Any], credentials: Mapping[str, Any], root: str
) -> Iterator[str]:
    for key in sorted(set(share) - KEYS):
        yield f'"{key}" is not known; use {", ".join(sorted(KEYS))}'
    name, kind = str(share.get("name") or ""), share.get("type") or "cifs"
    if not NAME.fullmatch(name):
        yield f'name "{name}" is not valid; use up to 40 of a-z, 0-9, "-" and "_", a letter or digit first'
    if kind not in TYPES:
        yield f'type "{kind}" is not known; use {", ".join(TYPES)}'
        return
    own = share.get("options") or {}
    yield from _source_problems(kind, str(share.get("source") or ""), root)
    yield from _path_problems(str(share.get("path") or f"/mnt/{name}"), root)
    yield from (f"options{text}" for text in _option_problems("", own))
    yield from _access_problems(share, kind, own)
    yield from _use_of_credentials(kind, share.get("credentials") or "", credentials, defaults.get(kind) or {}, own)
    sentinel = str(share.get("sentinel") or "")
    if sentinel and (sentinel.startswith("/") or ".." in sentinel.split("/") or _CONTROL.search(sentinel)):
        yield f'sentinel "{sentinel}" is not valid; give the path of a file relative to the share'
    free = share.get("min_free_percent")
    if free is not None and not 0 <= float(free) <= 100:  # a text, where a template gave it
        yield f"min_free_percent {free} is not valid; give a number from 0 (no check) to 100"
    if (share.get("when_absent") or "refuse") not in ("wait", "refuse", "without"):
        yield f'when_absent "{share["when_absent"]}" is not known; use wait, refuse or without'


def _source_problems(kind: str, source: str, root: str) -> Iterator[str]:
    pattern, form = SOURCES[kind]
    if not pattern.fullmatch(source) or _CONTROL.search(source):
        yield f'source "{source}" is not valid for type {kind}; give {form}'
    elif kind == "local":
        below = f"{source}/".startswith(f"{root}/")
        why = f"lies below {root}, where the shares are mounted" if below else not_ours(source, "")
        if why:
            yield f'source "{source}" {why}; give a folder such as /srv/scratch'


def _use_of_credentials(
    kind: str, used: str, credentials: Mapping[str, Any], defaults: Mapping[str, Any], own: Mapping[str, Any]
) -> Iterator[str]:
    if kind != "cifs":
        if used:
            yield f"credentials are not used for type {kind}; leave them out"
        return
    needed = needs_credentials(merged(kind, defaults, own))
    if used and used not in credentials:
        known = ", ".join(sorted(credentials)) or "none"
        yield f'credentials "{used}" are not in shares_credentials; add them there (known: {known})'
    elif needed and not used:
        yield "credentials are missing; name an entry of shares_credentials, or set option sec: krb5 or guest: true"
    elif used and not needed:
        yield f'credentials "{used}" are not used with Kerberos or guest access; leave them out'


def _path_problems(path: str, root: str) -> Iterator[str]:
    if not path.startswith("/") or posixpath.normpath(path) != path or path.startswith("//") or _CONTROL.search(path):
        yield f'path "{path}" is not valid; give a normal absolute path such as /mnt/data'
    elif f"{path}/".startswith(f"{root}/") or f"{root}/".startswith(f"{path}/"):
        yield f'path "{path}" meets shares_root {root}, where the shares are mounted; give a path outside of it'
    elif why := not_ours(path, "shares"):
        yield f'path "{path}" {why}; give a path of its own such as /mnt/data'


def _access_problems(share: Mapping[str, Any], kind: str, own: Mapping[str, Any]) -> Iterator[str]:
    access, others = share.get("access") or {}, share.get("others") or "none"
    for group, right in sorted(access.items()):
        if not GROUP.fullmatch(group):
            yield f'access: "{group}" is not the name of a group'
        if right not in ("rw", "ro"):
            yield f'access[{group}]: "{right}" is not a right; use rw or ro'
    if others not in ("ro", "none"):
        yield f'others: "{others}" is not valid; use ro or none (for rw, name a group)'
    if not access and others == "none":
        yield "nobody may see it; give access (group: rw or ro) or others: ro"
    use = share.get("use") or "data"
    if use not in USES:
        yield f'use "{use}" is not known; use {", ".join(USES)}'
    elif use == "work" and kind == "cifs" and (others != "none" or any(right != "rw" for right in access.values())):
        yield (
            'use "work" lets everybody write who sees the share; give rw to every group and others: none, or use '
            '"data", or make a second share of the same folder for those who read'
        )
    writers = [group for group, right in access.items() if right == "rw"]
    readers = others == "ro" or len(writers) < len(access)
    if kind == "cifs" and len(writers) > 1 and readers and not {"multiuser", "gid", "file_mode", "dir_mode"} & set(own):
        yield (
            f"{', '.join(sorted(writers))} may write and others read, but a mounted CIFS share belongs to one group; "
            "give rw to one group (make one that holds both), or set the options gid, file_mode and dir_mode yourself"
        )


def _option_problems(where: str, options: Mapping[str, Any]) -> Iterator[str]:
    for key, value in sorted(options.items()):
        at = f"{where}[{key}]"
        if not _OPTION.fullmatch(str(key)):
            yield f"{at}: not the name of a mount option"
        elif str(key).lower() in _SECRETS:
            yield f"{at}: passwords stand in shares_credentials, never in options"
        elif key.endswith("_mode") and isinstance(value, int) and not isinstance(value, bool):
            yield f'{at}: {value} is a number, and YAML reads 0664 as 436; put it in quotes: "0664"'
        elif value is not None and not isinstance(value, (bool, int, float, str)):
            yield f"{at}: give true (the bare option), false (without it), or a text or number"
        elif isinstance(value, str) and ("," in value or '"' in value or not value or _CONTROL.search(value)):
            yield f"{at}: a value cannot be empty or hold commas, double quotes or control characters"


def _credential_problems(where: str, name: str, value: Mapping[str, Any]) -> Iterator[str]:
    """What mount.cifs 7.0 cannot read from a credentials file; commas, '#', blanks and quotes in a password it can."""
    if not NAME.fullmatch(name):
        yield f'{where}: the name is not valid; use up to 40 of a-z, 0-9, "-" and "_", a letter or digit first'
    for key in sorted(set(value) - {"username", "password", "domain"}):
        yield f'{where}: "{key}" is not known; use username, password and domain'
    user, password, domain = (value.get(key) or "" for key in ("username", "password", "domain"))
    if any(not isinstance(text, str) for text in (user, password, domain)):
        yield f"{where}: username, password and domain must be texts; put numbers in quotes"
        return
    if not user or not password:
        yield f"{where}: username and password must both be given"
    if user != user.strip() or domain != domain.strip():
        yield f"{where}: username and domain cannot begin or end with a blank"
    if "\\" in user or "/" in user:
        yield f"{where}: give the domain in a field of its own (domain: LAB), not in the username"
    if "%" in user:
        yield f"{where}: the username cannot hold %"
    if any(_CONTROL.search(text) for text in (user, password, domain)):
        yield f"{where}: line breaks and other control characters are not allowed"
    if len(password.encode()) > 512 or len(user.encode()) > 256 or len(domain.encode()) > 256:
        yield f"{where}: too long (password 512 bytes, username and domain 256 bytes)"


def _clashes(shares: list[Mapping[str, Any]]) -> Iterator[str]:
    names: dict[str, int] = {}
    paths: dict[str, int] = {}
    for index, share in enumerate(shares):
        name = str(share.get("name") or "")
        path = str(share.get("path") or f"/mnt/{name}")
        where = f"shares_list[{index}] (name={name})"
        if name in names:
            yield f"{where}: the name is that of shares_list[{names[name]}] too; names must differ"
        for other, first in paths.items():
            if path == other or f"{path}/".startswith(f"{other}/") or f"{other}/".startswith(f"{path}/"):
                yield f'{where}: path "{path}" meets "{other}" of shares_list[{first}]; paths cannot contain each other'
        names.setdefault(name, index)
        paths.setdefault(path, index)


def _nested(shares: list[Mapping[str, Any]]) -> Iterator[str]:
    """A read-only bind lets writes through to what is mounted below it, and a share that is away would hang another."""
    paths = {str(share.get("path") or f"/mnt/{share.get('name')}"): share.get("name") for share in shares}
    for index, share in enumerate(shares):
        source = f"{share.get('source')}/"
        for path in paths if share.get("type") == "local" else ():
            if source.startswith(f"{path}/") or f"{path}/".startswith(source):
                yield (
                    f'shares_list[{index}] (name={share.get("name")}): source "{share["source"]}" meets "{path}", the '
                    f"path of {paths[path]}; a share cannot lie within another one"
                )
