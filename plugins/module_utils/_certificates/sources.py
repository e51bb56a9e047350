# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sources of certificates behind one call: give me key and chain for this entry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from .._common import process
from .._common.process import Sink
from . import acme, authority, build
from .model import Entry, SourceError
from .store import Pair

SELF_SIGNED_DAYS = 397  # browsers refuse more
EXEC_TIMEOUT_SECONDS = 300
# Such sources only hand over what somebody else made: looking at every run costs nothing.
PASSIVE = frozenset({"files"})
REMOTE = frozenset({"acme", "container_exec"})


def get(entry: Entry, root: Path, now: datetime, log: Sink, first: bool) -> Pair:
    """Get a new pair; ``first`` says that there was none before. Raises SourceError, OSError, ValueError."""
    if entry.source == "acme":
        return acme.get(entry, root, now, log)
    if entry.source == "internal_ca":
        days = float(entry.options.get("days") or authority.LEAF_DAYS)
        try:
            return authority.issue(root, entry.names, entry.key_type, days, now)
        except authority.AuthorityError as error:
            raise SourceError(str(error)) from error
    if entry.source == "self_signed":
        return build.self_signed(entry.names, entry.key_type, float(entry.options.get("days") or SELF_SIGNED_DAYS))
    if entry.source == "container_exec":
        return _from_container(entry, log, first)
    return _from_files(entry)


def _from_files(entry: Entry) -> Pair:
    parts = []
    for part in ("key", "certificate"):
        content = entry.options.get(f"{part}_content")
        path = entry.options.get(part) or ""
        try:
            parts.append(str(content).encode() if content else Path(path).read_bytes())
        except OSError as error:
            raise SourceError(f"files.{part} {path}: {error.strerror}") from error
    return Pair(*parts)


def _from_container(entry: Entry, log: Sink, first: bool) -> Pair:
    options = entry.options
    container = options["container"]
    argv = list((first and options.get("setup_command")) or options["renew_command"])
    _preflight(container, argv[0])
    limit = float(options.get("timeout_seconds") or EXEC_TIMEOUT_SECONDS)
    environment = {str(key): str(value) for key, value in (options.get("environment") or {}).items()}
    commands = [argv] if argv == list(options["renew_command"]) else [argv, list(options["renew_command"])]
    for command in commands:
        result, output = process.capture(command, limit, container=container, environment=environment)
        log(output.encode())
        if result.status:
            reason = result.reason or f"ended with status {result.status}"
            raise SourceError(f'"{command[0]}" in the container {container} {reason}')
    return Pair(_part(container, options["key"], options), _part(container, options["certificate"], options))


def _preflight(container: str, program: str) -> None:
    """Say clearly what is missing: docker's own exit statuses mean several things each."""
    result, output = process.capture(["docker", "inspect", "-f", "{{.State.Status}}", container], 30)
    if result.status == process.NOT_FOUND:
        raise SourceError("docker is not installed on this host")
    if result.status:
        missing = "no such" in output.lower()
        raise SourceError(f"there is no container {container}" if missing else "the Docker engine does not answer")
    if output.strip() != "running":
        raise SourceError(f"the container {container} is not running ({output.strip()})")
    result, _output = process.capture(["sh", "-c", f'command -v "{program}"'], 30, container=container)
    if result.status:
        raise SourceError(
            f'the container {container} has no command "{program}"; published CoCalc images never had letsencrypt-cert:'
            " get the certificate on the host (source acme or internal_ca) and deploy it by copy instead"
        )


def _part(container: str, path: str, options: Mapping[str, Any]) -> bytes:
    """A file of the host, or with ``inside`` of the container."""
    if not options.get("inside"):
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}") from error
    pieces: list[bytes] = []
    result = process.run(["cat", path], 30, pieces.append, container=container)
    if result.status:
        raise SourceError(f"{path} cannot be read in the container {container}")
    return b"".join(pieces)
