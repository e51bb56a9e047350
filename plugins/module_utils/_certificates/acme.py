# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates by ACME, with the host's certbot as the client.

certbot only gets certificates here. When, where to and whether it arrived is decided by this program: certbot reports
success when a deploy hook failed and never tries again, and old versions have one fixed limit of 30 days.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from .._common import outgoing, ports, process
from .model import Entry, SourceError
from .store import Pair

CONFIG = "etc/letsencrypt"
WEBROOT = "/var/lib/labserver/acme"
LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
TIMEOUT_SECONDS = 300
PROFILES_SINCE = (4, 0)
ARI_SINCE = (4, 1)

# What certbot says -> what a person should hear. The whole output is in the log of the job.
REASONS = (
    (
        re.compile(r"rateLimited|too many (?:certificates|failed|requests|new orders)", re.IGNORECASE),
        "rate limited",
    ),
    (re.compile(r"Proxy Authentication Required"), outgoing.CAUSES[0][1]),
    (re.compile(r"CERTIFICATE_VERIFY_FAILED"), "the authority's own certificate is not trusted"),
    (
        re.compile(r"Connection refused|Max retries exceeded|timed out", re.IGNORECASE),
        "the authority cannot be reached",
    ),
    (
        re.compile(r"unauthorized|Invalid response from|Some challenges have failed"),
        "the authority could not check the names",
    ),
    (re.compile(r"Another instance of Certbot"), "another certbot is running"),
    (re.compile(r"hook.*(?:error|failed)", re.IGNORECASE), "a hook of the dns challenge failed"),
)


# certbot 2 says "Could not bind TCP port 80 because", later ones "Problem binding to port 80".
TAKEN = re.compile(r"(?:Could not bind TCP port|Problem binding to port) (\d+)")


def _taken(port: int) -> str:
    who = ports.holder(port)
    by = f" by {who}" if who else ""
    return f"port {port} is taken{by}; stop that, or use acme.challenge webroot behind the proxy"


def version(text: str) -> tuple[int, ...]:
    """certbot's version from ``certbot --version``; empty when it is not to be read."""
    match = re.search(r"certbot (\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in match.group(1).split(".")) if match else ()


def refusal(options: Mapping[str, Any], client: tuple[int, ...]) -> str:
    """Return why this certbot must not be used for these options; empty when it may."""
    profile = options.get("profile")
    if profile and client < PROFILES_SINCE:
        shown = ".".join(map(str, client)) or "of unknown version"
        return (
            f'certbot {shown} knows no profiles, and its limit of 30 days would renew a "{profile}" certificate at'
            " every run; install certbot 4.0 or newer, or leave acme.profile empty"
        )
    return ""


def arguments(entry: Entry, root: Path, force: bool) -> list[str]:
    """The command line of certbot. It is complete every time, so certbot's own renewal files decide nothing."""
    options = entry.options
    words = [options.get("program") or "certbot", "certonly", "--non-interactive", "--agree-tos"]
    words += ["--config-dir", str(root / CONFIG), "--work-dir", str(root / "var/lib/letsencrypt")]
    words += ["--logs-dir", str(root / "var/log/letsencrypt"), "--max-log-backups", "20"]
    words += ["--cert-name", entry.name, "--key-type", entry.key_type, "--no-directory-hooks"]
    words += ["--force-renewal"] if force else ["--keep-until-expiring"]
    words += (
        ["--email", options["email"], "--no-eff-email"]
        if options.get("email")
        else ["--register-unsafely-without-email"]
    )
    words += ["--server", options["server"]] if options.get("server") else []
    words += ["--preferred-profile", options["profile"]] if options.get("profile") else []
    challenge = options.get("challenge") or "webroot"
    if challenge == "webroot":
        words += ["--webroot", "--webroot-path", options.get("webroot") or WEBROOT]
    elif challenge == "standalone":
        words += ["--standalone"]
        words += ["--http-01-port", str(options["http_port"])] if options.get("http_port") else []
    elif options.get("dns_auth_hook"):
        words += ["--manual", "--preferred-challenges", "dns", "--manual-auth-hook", options["dns_auth_hook"]]
        words += ["--manual-cleanup-hook", options["dns_cleanup_hook"]] if options.get("dns_cleanup_hook") else []
    words += [str(word) for word in options.get("extra_arguments") or []]
    return words + [word for name in entry.names for word in ("-d", name)]


def damage(config: Path, name: str) -> str:
    """Why certbot could not go on with the lineage; empty when it is whole, or when there is none at all."""
    live, archive, conf = config / "live" / name, config / "archive" / name, config / "renewal" / f"{name}.conf"
    there = [path for path in (live, archive, conf) if path.exists()]
    if not there:
        return ""
    if len(there) < 3:
        return f"only {', '.join(str(path.relative_to(config)) for path in there)} is there"
    for file in ("cert", "chain", "fullchain", "privkey"):
        path = live / f"{file}.pem"
        if not path.is_symlink():
            return f"live/{name}/{file}.pem is not a symlink (a backup that follows symlinks was restored)"
        if not path.exists() or not path.stat().st_size:
            return f"live/{name}/{file}.pem is empty or points nowhere"
    text = conf.read_text("utf-8", "replace")
    if not all(re.search(rf"^{key}\s*=\s*\S", text, re.MULTILINE) for key in ("cert", "privkey", "chain", "fullchain")):
        return f"renewal/{name}.conf is damaged"
    return ""


def move_aside(config: Path, name: str, now: datetime) -> None:
    """Put a damaged lineage away. Left in place it would become ``<name>-0001``, or burn a certificate at each try."""
    away = config / "labserver-damaged" / f"{name}-{now:%Y%m%dT%H%M%S}"
    away.mkdir(mode=0o700, parents=True)
    for folder, path in (("live", name), ("archive", name), ("renewal", f"{name}.conf")):
        with contextlib.suppress(FileNotFoundError):
            (config / folder / path).rename(away / f"{folder}-{path}")


def _own_log(root: Path) -> str:
    """certbot's log of its last run; version 2.1 prints "can't set attribute" where it has the authority's words."""
    try:
        return (root / "var/log/letsencrypt/letsencrypt.log").read_text("utf-8", "replace")
    except OSError:
        return ""


def reason(root: Path, output: str) -> str:
    """Return in a few words why certbot failed, from its output or its own log."""
    for text in (output, _own_log(root)):
        taken = TAKEN.search(text)
        if taken:
            return _taken(int(taken[1]))
        for pattern, found in REASONS:
            if pattern.search(text):
                return found
    return "see the log of the job"


def _forget_account(config: Path, server: str, now: datetime) -> None:
    path = config / "accounts" / server.partition("://")[2]
    if path.exists():
        away = config / "labserver-damaged" / f"account-{now:%Y%m%dT%H%M%S}"
        away.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.rename(away)


def has_ari(options: Mapping[str, Any]) -> bool:
    """Whether this certbot asks the authority when to renew (RFC 9773), so that it is to be asked at every run."""
    return _client(options) >= ARI_SINCE


def _client(options: Mapping[str, Any]) -> tuple[int, ...]:
    program = options.get("program") or "certbot"
    result, output = process.capture([program, "--version"], 60)
    if result.status:
        raise SourceError(f"{program} cannot be run: {result.reason or output.strip()[-200:]}")
    return version(output)


def get(entry: Entry, root: Path, now: datetime, log: process.Sink, force: bool = True) -> Pair:
    """Have certbot get a certificate and return it. Raises SourceError, OSError."""
    options = entry.options
    refused = refusal(options, _client(options))
    if refused:
        raise SourceError(refused)
    config = root / CONFIG
    broken = damage(config, entry.name)
    if broken:
        log(f"certbot's files of {entry.name} are damaged ({broken}); they are moved to labserver-damaged\n".encode())
        move_aside(config, entry.name, now)
    if (options.get("challenge") or "webroot") == "webroot":
        Path(options.get("webroot") or WEBROOT).mkdir(mode=0o755, parents=True, exist_ok=True)
    given = {str(key): str(value) for key, value in (options.get("environment") or {}).items()}
    environment = {**outgoing.environment(root), **given}
    if options.get("ca_bundle"):
        environment["REQUESTS_CA_BUNDLE"] = options["ca_bundle"]
    limit = float(options.get("timeout_seconds") or TIMEOUT_SECONDS)
    command = arguments(entry, root, force)
    result, output = process.capture(command, limit, environment=environment)
    log(output.encode())
    if result.status and not result.timed_out and "accountDoesNotExist" in _own_log(root):
        log(b"the authority does not know certbot's account any more; a new one is made\n")
        _forget_account(config, options.get("server") or LETS_ENCRYPT, now)
        result, output = process.capture(command, limit, environment=environment)
        log(output.encode())
    if result.timed_out:
        raise SourceError(f"certbot {result.reason}")
    if result.status:
        why = reason(root, output)
        raise SourceError(f"certbot failed: {why}", rate_limited=why == "rate limited")
    live = config / "live" / entry.name
    return Pair((live / "privkey.pem").read_bytes(), (live / "fullchain.pem").read_bytes())
