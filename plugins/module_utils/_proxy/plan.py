# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""nginx's files on a host, tested by nginx before they are put in place: read, compare, apply (module proxy)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .._certificates import build, store
from .._certificates.acme import WEBROOT
from .._common import files
from . import main_file, nginx
from .model import Site, consumers

MAIN = "etc/nginx/nginx.conf"
CONFIG = "etc/nginx/conf.d/labserver.conf"
DEFAULT_SITE = "etc/nginx/sites-enabled/default"
CONSUMER = "etc/labserver/certificates.d/proxy.json"
SERVICES = "etc/labserver/services.d/proxy.json"
# The hash of the configuration that nginx has read. It is not there from the first change until after the reload,
# so a run that was killed in between is made good by the next one.
LOADED = "var/lib/labserver/proxy-loaded"
PLACEHOLDER_DAYS = 30

INCLUDE_CONF = re.compile(r"^\s*include\s+/etc/nginx/conf\.d/\*\.conf\s*;", re.MULTILINE)
INCLUDE_SITES = re.compile(r"^\s*include\s+/etc/nginx/sites-enabled/\*\s*;", re.MULTILINE)

Run = Callable[[Sequence[str]], tuple[int, str]]  # argv -> exit status and output


class RefusedError(Exception):
    """nginx does not take the configuration; the text is what it says. Nothing was changed."""


@dataclass(frozen=True)
class Plan:
    """``files``: path -> content (None: remove); ``placeholders``: certificate -> names; ``start``: nginx is down;
    ``reload``: nginx runs with something else than what the files shall hold."""

    files: Mapping[str, bytes | None]
    placeholders: Mapping[str, tuple[str, ...]]
    start: bool
    reload: bool
    before: str = ""
    after: str = ""

    @property
    def changed(self) -> bool:
        return bool(self.files or self.placeholders or self.start or self.reload)


@dataclass(frozen=True)
class Desired:
    """``names``: for the stand-in certificate of a site of any name; ``http_port`` 0: no plain HTTP."""

    sites: tuple[Site, ...]
    http_port: int = 80
    names: tuple[str, ...] = ()
    connections: int = 0  # at most per address; 0: any number


@dataclass(frozen=True)
class Current:
    """``files``: path -> content (None: not there); ``certificates``: those of the sites that are installed."""

    files: Mapping[str, bytes | None]
    certificates: frozenset[str]
    running: bool
    ipv6: bool


def read(root: Path, desired: Desired, run: Run) -> Current:
    """Look at the host; touches nothing."""
    wanted = {site.certificate for site in desired.sites}
    return Current(
        files={path: _content(root / path) for path in (MAIN, CONFIG, CONSUMER, SERVICES, DEFAULT_SITE, LOADED)},
        certificates=frozenset(name for name in wanted if store.read(root, name) is not None),
        running=run(["systemctl", "is-active", "--quiet", "nginx"])[0] == 0,
        ipv6=(root / "proc/net/if_inet6").exists(),
    )


def compare(desired: Desired, current: Current) -> Plan:
    """Return what has to change. Pure."""
    text = nginx.render(desired.sites, desired.http_port, current.ipv6, desired.connections)
    services = json.dumps({"version": 1, "services": [{"name": "nginx", "unit": "nginx.service"}]}).encode() + b"\n"
    consumer = json.dumps(consumers(desired.sites), indent=2).encode() + b"\n"
    wanted: dict[str, bytes | None] = {CONFIG: text.encode(), CONSUMER: consumer, SERVICES: services}
    if desired.http_port == 80:
        wanted[DEFAULT_SITE] = None  # it claims port 80 too
    main = current.files[MAIN]
    if main is not None:  # else check mode, before nginx is installed
        wanted[MAIN] = main_file.tune(main.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    placeholders: dict[str, tuple[str, ...]] = {}
    for site in desired.sites:
        if site.certificate not in current.certificates:
            known = placeholders.get(site.certificate, ())
            placeholders[site.certificate] = tuple(dict.fromkeys([*known, *(site.server_names or desired.names)]))
    changes = {path: content for path, content in wanted.items() if current.files[path] != content}
    return Plan(
        files=changes,
        placeholders=placeholders,
        start=not current.running,
        reload=bool(placeholders or {MAIN, CONFIG, DEFAULT_SITE} & set(changes))
        or current.files[LOADED] != _hash(text.encode()),
        before=(current.files[CONFIG] or b"").decode("utf-8", "replace"),
        after=text,
    )


def removal(root: Path) -> Plan:
    """Return what takes the front door off again; certificates stay."""
    before = _content(root / CONFIG)
    changes: dict[str, bytes | None] = {path: None for path in (CONFIG, CONSUMER, SERVICES) if (root / path).exists()}
    main = _content(root / MAIN)
    if main is not None:
        former = main_file.untune(main.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        changes |= {} if former == main else {MAIN: former}
    owed = (root / CONFIG).exists() or (root / LOADED).exists()
    return Plan(changes, {}, start=False, reload=owed, before=(before or b"").decode("utf-8", "replace"))


def _hash(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode() + b"\n"


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def apply(root: Path, steps: Plan, run: Run) -> None:
    """Carry the plan out. Raises RefusedError, OSError, or RuntimeError when nginx does not start or reload."""
    for name, names in steps.placeholders.items():
        store.install(root, name, build.self_signed(names, "ecdsa", PLACEHOLDER_DAYS), placeholder=True)
    new = {path: content for path, content in steps.files.items() if path in (MAIN, CONFIG) and content is not None}
    if steps.after and new:
        (root / WEBROOT.lstrip("/")).mkdir(mode=0o755, parents=True, exist_ok=True)
        test(root, new, DEFAULT_SITE in steps.files, run)
    if steps.after and steps.reload:
        (root / LOADED).unlink(missing_ok=True)
    for path, content in steps.files.items():
        if content is None:
            (root / path).unlink()
        else:
            (root / path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            files.replace(root / path, content, 0o644)
    if steps.start:
        _must(run, ["systemctl", "enable", "--now", "nginx"])
    elif steps.reload:
        _must(run, ["systemctl", "reload", "nginx"])
    if not steps.after:
        (root / LOADED).unlink(missing_ok=True)
    elif steps.reload:
        (root / LOADED).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        files.replace(root / LOADED, _hash(steps.after.encode()), 0o644)


def _must(run: Run, argv: Sequence[str]) -> None:
    status, output = run(argv)
    if status:
        raise RuntimeError(f"{' '.join(argv)}: {output.strip()} (see journalctl -u nginx)")


def test(root: Path, new: Mapping[str, bytes], without_default: bool, run: Run) -> None:
    """Have nginx read the whole configuration with ``new`` (path -> content) in the place of what is there."""
    main = new.get(MAIN, (root / MAIN).read_bytes()).decode("utf-8", "surrogateescape")
    content = new.get(CONFIG) or (root / CONFIG).read_bytes()
    if not INCLUDE_CONF.search(main):
        raise RefusedError(f"/{MAIN} does not include /etc/nginx/conf.d/*.conf; put that line back into its http block")
    folder = root / "etc/nginx"
    with files.candidate(folder, content, ".new") as ours:
        others = [path for path in sorted((folder / "conf.d").glob("*.conf")) if path != root / CONFIG]
        enabled = folder / "sites-enabled"
        sites = sorted(enabled.iterdir()) if enabled.exists() else []
        sites = [path for path in sites if not (without_default and path == root / DEFAULT_SITE)]
        main = INCLUDE_CONF.sub(lambda _match: _includes([*others, ours]), main)
        main = INCLUDE_SITES.sub(lambda _match: _includes(sites), main)
        with files.candidate(folder, main.encode("utf-8", "surrogateescape"), ".conf") as whole:
            status, output = run(["nginx", "-t", "-q", "-c", str(whole)])
    if status:
        lines = [line for line in output.splitlines() if "[emerg]" in line] or output.splitlines()
        raise RefusedError(f"nginx refuses the configuration, nothing was changed: {'; '.join(lines)}")


def _includes(paths: Sequence[Path]) -> str:
    return "\n".join(f"    include {path};" for path in paths)
