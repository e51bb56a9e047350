# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads how a hub is set up: TLJH's configuration, a Compose hub's jupyterhub_config.py, its password store."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .._common import labels
from .handle import World
from .model import Container, Settings, Store

TLJH = "/opt/tljh"
FIRST_USE = "firstuseauthenticator.FirstUseAuthenticator"
CONFIG = "jupyterhub_config.py"
HASH = rb"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}"
BEFORE = re.compile(rb"([\w.@+-]{1,64}?)" + HASH)
AFTER = re.compile(HASH + rb"\x01?([\w.@+-]{1,64})")
DUMB = re.compile(r"^'([^']+)', \(", re.MULTILINE)
BACKENDS = {"dbm.gnu": "_gdbm", "dbm.ndbm": "_dbm", "dbm.sqlite3": "_sqlite3"}
"""Backend -> the extension module without which Python does not have it."""
MOST_STORE = 8 << 20


def settings_tree(text: str) -> dict[str, str]:
    """Return the simple values of a YAML file as ``a.b`` -> value; lists are joined by commas.

    The standard library reads no YAML, and nothing is installed here: this is the part of it that tljh-config writes.
    """
    found: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in text.splitlines():
        bare = re.sub(r"(^|\s)#.*", "", line).rstrip()
        if not bare.strip():
            continue
        indent = len(bare) - len(bare.lstrip())
        content = bare.strip()
        if content.startswith("- "):
            while path and path[-1][0] > indent:
                path.pop()
            key = ".".join(name for _indent, name in path)
            found[key] = ",".join(filter(None, [found.get(key, ""), content[2:].strip().strip("'\"")]))
            continue
        name, colon, value = content.partition(":")
        if not colon:
            continue
        while path and path[-1][0] >= indent:
            path.pop()
        path.append((indent, name.strip().strip("'\"")))
        key = ".".join(each for _indent, each in path)
        found[key] = value.strip().strip("[]").replace("'", "").replace('"', "")
    return found


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def _truth(text: str | None) -> bool | None:
    return None if not text else text.lower() in ("true", "yes", "on")


def tljh(world: World) -> Settings | None:
    """Return the settings of TLJH, with its own defaults (tljh/configurer.py); None where there is none."""
    if world.status(f"{TLJH}/config") is None and world.status(f"{TLJH}/state") is None:
        return None
    said = settings_tree(world.text(f"{TLJH}/config/config.yaml"))
    more = "\n".join(world.text(path) for path in world.listed(f"{TLJH}/config/jupyterhub_config.d", "*.py"))
    return Settings(
        path=f"{TLJH}/config/config.yaml",
        kind="tljh",
        authenticator=said.get("auth.type") or FIRST_USE,
        create_users=_truth(said.get("auth.FirstUseAuthenticator.create_users")) or False,
        open_signup=_truth(said.get("auth.NativeAuthenticator.open_signup")),
        memory_limit=said.get("limits.memory", "null") not in ("null", "", "~", "None") or "mem_limit" in more,
        culls=_truth(said.get("services.cull.enabled", "true")) is not False,
        https=_truth(said.get("https.enabled")) or False,
        admins=_names(said.get("users.admin", "")),
        allowed=_names(said.get("users.allowed", "")),
        has_list=True,
    )


def of_python(text: str, path: str) -> Settings:
    """Return what a jupyterhub_config.py says, as far as it can be read without running it."""
    code = re.sub(r"(?m)(^|\s)#.*$", "", text)

    def value(name: str) -> bool | None:
        seen = re.findall(rf"\.{name}\s*=\s*(True|False)", code)
        return None if not seen else seen[-1] == "True"

    def names(*words: str) -> frozenset[str]:
        seen = re.findall(rf"\.(?:{'|'.join(words)})\s*=\s*(?:set\()?[\[({{]([^\])}}]*)", code)
        return frozenset(name for text in seen for name in re.findall(r"['\"]([^'\"]+)['\"]", text))

    kinds = re.findall(r"authenticator_class\s*=\s*['\"]?([\w.]+)", code)
    # A computed list is a list all the same.
    computed = frozenset(re.findall(r"\.(?:allowed_users|whitelist)\s*=\s*(\w+)\b(?!\()", code)) - {"set"}
    return Settings(
        path=path,
        authenticator=kinds[-1] if kinds else "",
        create_users=value("create_users"),
        open_signup=value("open_signup"),
        allow_all=value("allow_all"),
        memory_limit="mem_limit" in code,
        culls="cull" in code,
        admins=names("admin_users"),
        allowed=names("allowed_users", "whitelist"),
        has_list=bool(computed or names("allowed_users", "whitelist")),
    )


def config_text(world: World, pid_root: Path, container: Container) -> tuple[str, str]:
    """Return path and text of the configuration of a hub in a container, nothing where none can be read."""
    command = container.command
    asked = [word for flag, word in zip(command, command[1:]) if flag in ("-f", "--config")]  # noqa: B905, RUF007  # Python 3.9
    for path in [*asked, f"/srv/jupyterhub/{CONFIG}", f"/etc/jupyterhub/{CONFIG}", f"/{CONFIG}"]:
        for base in [bind for bind in container.binds if (path + "/").startswith(bind.target.rstrip("/") + "/")]:
            text = world.text(base.source + path[len(base.target.rstrip("/")) :])
            if text:
                return path, text
        try:
            with (pid_root / path.lstrip("/")).open("rb") as file:
                return path, file.read(1 << 18).decode("utf-8", "replace")
        except OSError:
            continue
    return "", ""


def hub_roots(world: World, containers: Iterable[Container]) -> list[tuple[Container, Path]]:
    """Return the hubs in containers that this collection did not make, each with its root as the kernel shows it."""
    found = []
    for container in containers:
        if container.role == "hub" and not any(label.startswith(labels.PREFIX) for label in container.labels):
            found.append((container, world.proc / str(container.pid) / "root"))
    return found


def hubs(world: World, containers: Iterable[Container]) -> dict[str, Any]:
    """Return settings and password stores of all hubs here, but for those of this collection."""
    settings, stores = [], []
    own = tljh(world)
    if own is not None:
        settings.append(own)
        if "firstuse" in own.authenticator.lower():
            python = list(world.listed(f"{TLJH}/hub/lib", "python3*/lib-dynload/*.so"))
            python = python or world.listed("/usr/lib", "python3.*/lib-dynload/*.so")
            stores += store(world, f"{TLJH}/state", [Path(path).name for path in python])
    for container, root in hub_roots(world, containers):
        path, text = config_text(world, root, container)
        if not text:
            continue
        hub = of_python(text, f"{container.name}: {path}")
        settings.append(hub)
        if "firstuse" in hub.authenticator.lower():
            extensions = [
                found.name
                for folder in ("usr/local/lib", "usr/lib", "opt/conda/lib")
                for found in (root / folder).glob("python3*/lib-dynload/*.so")
            ]
            folders = [
                bind.source
                for bind in container.binds
                if bind.kind in ("bind", "volume") and bind.source.startswith("/")
            ]
            for folder in folders:
                stores += store(world, folder, extensions)
    return {"hubs": tuple(settings), "stores": tuple(stores)}


def store(world: World, folder: str, extensions: list[str]) -> list[Store]:
    """Return the password store of a folder: its backends by names and first bytes (dbm.whichdb), names by content."""
    files = [path for path in world.listed(folder, "passwords.dbm*") if world.path(path).is_file()]
    if not files:
        return []
    kinds: list[str] = []
    names: set[str] = set()
    for path in files:
        content = world.content(path, MOST_STORE)
        kind = backend(Path(path).name, content)
        if kind and kind not in kinds:
            kinds.append(kind)
        if path.endswith(".dir"):
            names |= set(DUMB.findall(content.decode("latin-1")))
        else:
            pattern = AFTER if kind == "dbm.ndbm" else BEFORE
            names |= {found.decode("utf-8", "replace") for found in pattern.findall(content)}
    openable = None
    if extensions and len(kinds) == 1:
        needed = BACKENDS.get(kinds[0])
        openable = needed is None or any(name.startswith(f"{needed}.") for name in extensions)
    return [Store(f"{folder}/passwords.dbm", tuple(kinds), openable, frozenset(names))]


def backend(name: str, content: bytes) -> str:
    """Return which dbm backend wrote a file."""
    if name.endswith((".dat", ".dir", ".bak")):
        return "dbm.dumb"
    if name.endswith((".db", ".pag")):
        return "dbm.ndbm"
    if content[:4] in (
        b"\xce\x9a\x57\x13",
        b"\xcd\x9a\x57\x13",
        b"\xcf\x9a\x57\x13",
        b"\x13\x57\x9a\xce",
        b"\x13\x57\x9a\xcd",
    ):
        return "dbm.gnu"
    return "dbm.sqlite3" if content.startswith(b"SQLite format 3") else ""
