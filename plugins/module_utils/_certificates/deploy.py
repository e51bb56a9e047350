# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring an installed certificate to those that serve it, and look at what they really serve.

A deployment is done when the fingerprint that is served is that of the file, or, where nothing can be asked, when the
copy and the reload went well. Until then it is pending and tried again at every run, without a new certificate.
"""

from __future__ import annotations

import grp
import hashlib
import pwd
import socket
import ssl
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .._common import files, process, words
from .._common.process import Sink
from .model import Target
from .store import Installed

RELOAD_SECONDS = 60.0
PROBE_SECONDS = 20.0  # how long a service may take to come back with the new certificate
CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class TargetState:
    """``fingerprint`` is what was deployed last, ``pending`` why the present one is not; ``served`` as last seen:
    yes, no (another certificate), unreachable, or unknown (nothing to ask). ``content`` stands for all that the target
    was reloaded with, also what no fingerprint tells (the chain, the header)."""

    fingerprint: str = ""
    pending: str = ""
    served: str = "unknown"
    content: str = ""


TESTS = {"nginx": ("nginx", "-t", "-q")}
"""Service -> the command that reads its configuration, certificates included, without touching what runs."""
OWED = "owed"  # as ``content``: a reload failed while the right certificate was served already


@dataclass(frozen=True)
class Tools:
    """What deployment touches besides files: handed in for the tests."""

    log: Sink
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


def served(probe: Mapping[str, Any]) -> str:
    """SHA-256 of the certificate that is served there. Raises OSError (also for a failed handshake)."""
    host = str(probe.get("host") or "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The certificate is compared with the file bit by bit; whether a client would trust it is not the question here.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    address = (host, int(probe["port"]))
    with (
        socket.create_connection(address, CONNECT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=probe.get("server_name") or host) as connection,
    ):
        return hashlib.sha256(connection.getpeercert(binary_form=True) or b"").hexdigest()


def seen(probe: Mapping[str, Any], fingerprint: str) -> str:
    """``served`` as a word of TargetState."""
    if not probe:
        return "unknown"
    try:
        return "yes" if served(probe) == fingerprint else "no"
    except OSError:
        return "unreachable"


def _user(name: Any) -> int:
    return -1 if name in (None, "") else int(name) if str(name).isdigit() else pwd.getpwnam(str(name)).pw_uid


def _group(name: Any) -> int:
    return -1 if name in (None, "") else int(name) if str(name).isdigit() else grp.getgrnam(str(name)).gr_gid


def copy(settings: Mapping[str, Any], installed: Installed) -> bool:
    """Copy the pair into a folder, as far as it differs; returns whether it did. Raises OSError, KeyError."""
    folder = Path(settings["folder"])
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    pair = installed.pair
    wanted = [
        (settings.get("key") or "key.pem", pair.key, int(str(settings.get("key_mode") or "0600"), 8)),
        (settings.get("certificate") or "cert.pem", pair.chain, int(str(settings.get("mode") or "0644"), 8)),
    ]
    if settings.get("ca") and pair.ca:
        wanted.append((settings["ca"], pair.ca, int(str(settings.get("mode") or "0644"), 8)))
    owner, group = _user(settings.get("owner")), _group(settings.get("group"))
    changed = False
    for name, content, mode in wanted:
        path = folder / name
        if not _same(path, content, mode, owner, group):
            files.replace(path, content, mode, owner, group)
            changed = True
    return changed


def _same(path: Path, content: bytes, mode: int, owner: int, group: int) -> bool:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or path.read_bytes() != content:
            return False
    except FileNotFoundError:
        return False
    right = owner in (-1, status.st_uid) and group in (-1, status.st_gid)
    return right and stat.S_IMODE(status.st_mode) == mode


def reload(settings: Mapping[str, Any], log: Sink) -> str:
    """Have the consumer read its certificate again; returns why that failed, or an empty string."""
    limit = float(settings.get("timeout_seconds") or RELOAD_SECONDS)
    if settings.get("service"):
        name = settings["service"]
        refused = _refused(name, limit, log)
        if refused:
            return refused
        argv = ["systemctl", "reload", name] if Path("/run/systemd/system").is_dir() else ["service", name, "reload"]
        shown = f"reload of {name}"
    elif settings.get("container"):
        name = settings["container"]
        hup = settings.get("action") == "hup"
        result, output = process.capture(["docker", "inspect", "-f", "{{.State.Status}}", name], 30)
        if result.status:
            return (
                f"there is no container {name}" if "no such" in output.lower() else "the Docker engine does not answer"
            )
        if output.strip() != "running":
            return f"the container {name} is not running ({output.strip()})"
        argv = ["docker", "kill", "--signal", "HUP", name] if hup else ["docker", "restart", name]
        shown = f"{'signal to' if hup else 'restart of'} the container {name}"
    elif settings.get("command"):
        argv = list(settings["command"])
        shown = f"the command {argv[0]}"
    else:
        return ""
    result, output = process.capture(argv, limit)
    log(output.encode())
    if result.status:
        return f"{shown} {result.reason or f'failed with status {result.status}'}"
    return ""


def _refused(service: str, limit_seconds: float, log: Sink) -> str:
    """Return why the service would not start with its configuration as it is now; empty when it would, or who knows."""
    if service not in TESTS:
        return ""
    result, output = process.capture(TESTS[service], limit_seconds)
    log(output.encode())
    if not result.status or result.status == process.NOT_FOUND:
        return ""
    reasons = [line for line in output.splitlines() if "[emerg]" in line] or [result.reason or f"{result.status}"]
    return f"{service} refuses its configuration: {words.clean(reasons[0])}"


def content_of(target: Target, installed: Installed) -> str:
    """What a target reads when it is reloaded, as a hash; one with a copy of its own does not see the header."""
    header = b"hsts" if installed.hsts and not target.copy else b""
    return hashlib.sha256(installed.pair.chain + header).hexdigest()[:16]


def deploy(target: Target, installed: Installed, before: TargetState, tools: Tools) -> tuple[TargetState, bool]:
    """Deploy to one target if there is anything to do; returns its state and whether anything was done."""
    fingerprint, content = installed.certificate.fingerprint, content_of(target, installed)
    try:
        copied = copy(target.copy, installed) if target.copy else False
    except (OSError, KeyError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return replace(before, pending=f"copy to {target.copy.get('folder')}: {reason}"), False
    was_served = seen(target.probe, fingerprint)
    # The same certificate with something else around it; before the first reload nothing is known, and nothing is owed.
    again = before.content not in ("", content) and before.fingerprint in ("", fingerprint)
    settled = None if copied or again else _settled(before, fingerprint, was_served)
    if settled:
        return replace(settled, content=content), False
    left = TargetState("" if copied else before.fingerprint, content=OWED if was_served == "yes" else "")
    failed = reload(target.reload, tools.log)
    if failed:
        return replace(left, pending=failed, served=was_served), copied
    now_served = was_served
    if target.probe:
        now_served = _wait_until_served(target.probe, fingerprint, tools)
        if now_served != "yes":
            what = "does not answer" if now_served == "unreachable" else "still serves another certificate"
            reason = f"port {target.probe['port']} {what} after the reload"
            return replace(left, pending=reason, served=now_served), True
    return TargetState(fingerprint, "", now_served, content), True


def _settled(before: TargetState, fingerprint: str, now_served: str) -> TargetState | None:
    """The state when the present certificate is deployed already, None when there is something to do."""
    if now_served == "yes":
        return TargetState(fingerprint, "", "yes")
    deployed = before.fingerprint == fingerprint and not before.pending
    return TargetState(fingerprint, "", now_served) if deployed and now_served != "no" else None


def _wait_until_served(probe: Mapping[str, Any], fingerprint: str, tools: Tools) -> str:
    end = tools.clock() + float(probe.get("wait_seconds") or PROBE_SECONDS)
    while True:
        state = seen(probe, fingerprint)
        if state == "yes" or tools.clock() >= end:
            return state
        tools.sleep(0.2)
