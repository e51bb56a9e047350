# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plan and apply of the module lab_proxy: nginx's files on a host, tested by nginx before they are put in place."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .._certificates import authority, store
from .._certificates.acme import WEBROOT
from .._common import files as common_files
from . import nginx
from .nginx import Site

MAIN = "etc/nginx/nginx.conf"
CONFIG = "etc/nginx/conf.d/labserver.conf"
DEFAULT_SITE = "etc/nginx/sites-enabled/default"
CONSUMER = "etc/labserver/certificates.d/proxy.json"
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


def plan(root: Path, sites: Sequence[Site], http_port: int, names: Sequence[str], run: Run) -> Plan:
    """Compare the host with the sites; ``names`` is what a stand-in for a site of any name is made out to."""
    ipv6 = (root / "proc/net/if_inet6").exists()
    text = nginx.render(sites, http_port, ipv6)
    consumer = json.dumps(nginx.consumers(sites), indent=2).encode() + b"\n"
    wanted: dict[str, bytes | None] = {CONFIG: text.encode(), CONSUMER: consumer}
    if http_port == 80:
        wanted[DEFAULT_SITE] = None  # it claims port 80 too
    existing = {path: _read(root / path) for path in wanted}
    placeholders: dict[str, tuple[str, ...]] = {}
    for site in sites:
        if store.read(root, site.certificate) is None:
            known = placeholders.get(site.certificate, ())
            placeholders[site.certificate] = tuple(dict.fromkeys([*known, *(site.server_names or names)]))
    files = {path: content for path, content in wanted.items() if existing[path] != content}
    return Plan(
        files=files,
        placeholders=placeholders,
        start=run(["systemctl", "is-active", "--quiet", "nginx"])[0] != 0,
        reload=bool(placeholders or {CONFIG, DEFAULT_SITE} & set(files))
        or _read(root / LOADED) != _hash(text.encode()),
        before=(existing[CONFIG] or b"").decode("utf-8", "replace"),
        after=text,
    )


def removal(root: Path) -> Plan:
    """What takes the front door off again; certificates stay."""
    before = _read(root / CONFIG)
    files = {path: None for path in (CONFIG, CONSUMER) if (root / path).exists()}
    owed = (root / CONFIG).exists() or (root / LOADED).exists()
    return Plan(files, {}, start=False, reload=owed, before=(before or b"").decode("utf-8", "replace"))


def _hash(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode() + b"\n"


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def apply(root: Path, steps: Plan, run: Run) -> None:
    """Carry the plan out. Raises RefusedError, OSError, or RuntimeError when nginx does not start or reload."""
    for name, names in steps.placeholders.items():
        store.install(root, name, authority.self_signed(names, "ecdsa", PLACEHOLDER_DAYS), placeholder=True)
    new = steps.files.get(CONFIG)
    if new is not None:
        (root / WEBROOT.lstrip("/")).mkdir(mode=0o755, parents=True, exist_ok=True)
        test(root, new, DEFAULT_SITE in steps.files, run)
    if steps.after and steps.reload:
        (root / LOADED).unlink(missing_ok=True)
    for path, content in steps.files.items():
        if content is None:
            (root / path).unlink()
        else:
            (root / path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            common_files.replace(root / path, content, 0o644)
    if steps.start:
        _must(run, ["systemctl", "enable", "--now", "nginx"])
    elif steps.reload:
        _must(run, ["systemctl", "reload", "nginx"])
    if not steps.after:
        (root / LOADED).unlink(missing_ok=True)
    elif steps.reload:
        (root / LOADED).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        common_files.replace(root / LOADED, _hash(steps.after.encode()), 0o644)


def _must(run: Run, argv: Sequence[str]) -> None:
    status, output = run(argv)
    if status:
        raise RuntimeError(f"{' '.join(argv)}: {output.strip()} (see journalctl -u nginx)")


def test(root: Path, content: bytes, without_default: bool, run: Run) -> None:
    """Have nginx read the whole configuration with ``content`` in the place of the present one."""
    main = (root / MAIN).read_text()
    if not INCLUDE_CONF.search(main):
        raise RefusedError(f"/{MAIN} does not include /etc/nginx/conf.d/*.conf; put that line back into its http block")
    with tempfile.NamedTemporaryFile(dir=root / "etc/nginx", prefix=".labserver-", suffix=".new") as candidate:
        candidate.write(content)
        candidate.flush()
        others = [path for path in sorted((root / "etc/nginx/conf.d").glob("*.conf")) if path != root / CONFIG]
        enabled = root / "etc/nginx/sites-enabled"
        sites = sorted(enabled.iterdir()) if enabled.exists() else []
        sites = [path for path in sites if not (without_default and path == root / DEFAULT_SITE)]
        main = INCLUDE_CONF.sub(lambda _match: _includes([*others, Path(candidate.name)]), main)
        main = INCLUDE_SITES.sub(lambda _match: _includes(sites), main)
        with tempfile.NamedTemporaryFile("w", dir=root / "etc/nginx", prefix=".labserver-", suffix=".conf") as whole:
            whole.write(main)
            whole.flush()
            status, output = run(["nginx", "-t", "-q", "-c", whole.name])
    if status:
        lines = [line for line in output.splitlines() if "[emerg]" in line] or output.splitlines()
        raise RefusedError(f"nginx refuses the configuration, nothing was changed: {'; '.join(lines)}")


def _includes(paths: Sequence[Path]) -> str:
    return "\n".join(f"    include {path};" for path in paths)
