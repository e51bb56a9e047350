# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Explains to people why their server did not start."""

from __future__ import annotations

import html
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..exchange import files
from ..exchange.text import clean
from ..words.language import gettext, later

SHOWN_LINES = 15
KEPT_LINES = 60
KEPT_FAILURES = 500
KEPT_BYTES = 2 * 1024**2
"""All failures together."""
ENTRY_BYTES = 32 * 1024
LONGEST_WORDS = 500
FULL = 0.95
"""Of its limit: a container with more than that in use has no memory left."""
READ_AGAIN = 2000
"""So many pages read again from the disk are no start, but a program that finds no room for itself in memory."""
_WRITING = threading.Lock()


def _told(text: str, values: Mapping[str, str]) -> str:
    return gettext(text).format(**values) if values else gettext(text)


def told(entry: Mapping[str, Any]) -> str:
    """Return what a kept failure says, for the person whose request is answered."""
    text, values = entry.get("text"), entry.get("values")
    if isinstance(text, str) and isinstance(values, dict):
        try:
            return clean(_told(text, values), LONGEST_WORDS)
        except (KeyError, IndexError, ValueError, AttributeError):
            pass
    return clean(gettext(str(entry.get("sentence") or "")), LONGEST_WORDS)


@dataclass(frozen=True)
class Failure:
    """``reason``: a short word for statistics; ``log``: the server's last lines.

    ``text``: what people read, in English, with the names of ``values`` in braces.
    """

    reason: str
    text: str
    log: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What the administrator reads."""
        return self.text.format(**self.values) if self.values else self.text

    def told(self) -> str:
        """Return what the person reads whose request is answered."""
        return _told(self.text, self.values)

    def page(self) -> str:
        """Return the failure as HTML."""
        text = f"<strong>{html.escape(self.told())}</strong>"
        if self.log:
            lines = html.escape("\n".join(self.log[-SHOWN_LINES:]))
            title = gettext("The last lines of the server's log:")
            text += f"<br>{title}<pre class='text-start' id='server-log'>{lines}</pre>"
        return text


NO_SERVER = later("The image has no notebook server: it lacks the program jupyterhub-singleuser. Choose another image.")
# What the engine or the guard answers instead of starting the container.
ENGINE = (
    ("kept apart", "isolation",
     later("People's servers cannot be kept apart on this host now, so none starts. Please tell the administrator.")),
    ("executable file not found|no such file or directory.*exec|exec.*no such file or directory", "image",
     NO_SERVER),
    ("exec format error", "image", later("The image is made for another kind of processor. Choose another image.")),
    ("storage-opt", "disk",
     later("The disk of a server cannot be limited on this host. Please tell the administrator to run the playbook.")),
    ("no such image", "image", later("The image is no longer on this server. Choose another one.")),
    ("no space left on device", "disk", later("The server's disk is full. Please tell the administrator.")),
    (r"minimum memory limit|memory limit.*too low|HostConfig\.Memory(Swap)? has a value|container init was OOM-killed"
     "|cannot allocate memory", "limit", later("The memory limit is too low to start anything.")),
    ("home folder|bind source path does not exist", "home",
     later("Your home folder is missing on this server. Please tell the administrator.")),
    (r"already has \d+ of at most \d+ servers|may have one server", "limit",
     later("You have as many servers as you may have. Stop one of them first.")),
    ("together would have more than one person", "limit",
     later("Your servers may not use more together than you may. Choose less memory, or stop another one first.")),
    (r"hold \d+ of \d+ graphics cards", "gpu",
     later("Your servers may not hold more graphics cards together than you may. Start without, or stop another one.")),
    ("is held by", "gpu", later("Somebody else just took the graphics card. Choose again.")),
    (
        "unresolvable CDI devices",
        "gpu",
        later("The graphics card cannot be used: this server's description of its cards (CDI) does not fit them any"
              " more. Please tell the administrator."),
    ),
    ("could not select device driver|nvidia", "gpu", later("The graphics card cannot be used on this server.")),
)  # fmt: skip
# What a server that stopped has written.
LOG = (
    ("disk quota exceeded", "quota",
     later("Your disk quota is full. Delete files, or ask the administrator for more.")),
    ("no space left on device", "disk", later("The disk is full. Please tell the administrator.")),
    ("can't start new thread|resource temporarily unavailable", "limit",
     later("The limit of processes is too low for this image.")),
    ("memoryerror|cannot allocate memory", "memory", later("The server ran out of memory while it started.")),
    ("permission denied", "home", later("The server could not write to your home folder.")),
    ("no module named '?jupyterhub|jupyterhub-singleuser.*not found", "image",
     later("The image has no notebook server for this hub. Choose another image.")),
    ("jupyterhub version .* does not match|version mismatch", "image",
     later("The image's notebook server does not fit this hub.")),
)  # fmt: skip


def _first(patterns: tuple[tuple[str, str, str], ...], text: str) -> tuple[str, str] | None:
    for pattern, reason, sentence in patterns:
        if re.search(pattern, text, re.IGNORECASE):
            return reason, sentence
    return None


def last_lines(log: str) -> tuple[str, ...]:
    """Return the last lines of a log, without colours, tokens and what is no text."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", log)
    plain = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", plain)
    plain = re.sub(r"(?i)(token[=: ]+)\S+", r"\1...", plain)
    return tuple(clean(line) for line in plain.splitlines()[-KEPT_LINES:])


def of_engine(message: str) -> Failure:
    """Explain a refusal of the engine or of the guard."""
    found = _first(ENGINE, message)
    if found:
        return Failure(found[0], found[1], last_lines(message))
    return Failure("engine", later("The container could not be made."), last_lines(message))


def of_silence(message: str) -> Failure:
    """Explain that guard or engine gave no answer."""
    return Failure(
        "engine", later("Docker on this server does not answer. Please try again in a minute."), last_lines(message)
    )


def squeezed(memory: Mapping[str, Any]) -> bool:
    """Tell from Docker's ``memory_stats`` whether a container runs and gets nowhere for want of memory.

    Without swap the kernel first takes the pages of programs and libraries away and reads them again from the disk.
    Just below what is needed that goes on without end, and nothing is ever killed.
    """
    counts = memory.get("stats") or {}
    limit, used = memory.get("limit") or 0, memory.get("usage") or 0
    again = counts.get("pgmajfault") or counts.get("total_pgmajfault") or 0
    return bool(limit) and used >= FULL * limit and again >= READ_AGAIN


def of_container(
    state: Mapping[str, Any] | None,
    log: str,
    memory_bytes: int,
    waited_seconds: float,
    memory: Mapping[str, Any] | None = None,
) -> Failure:
    """Explain why a container that was started has no answering server. ``state`` is Docker's, None when it is gone.

    ``memory`` are Docker's ``memory_stats`` of a container that runs.
    """
    lines = last_lines(log)
    found = _first(LOG, log)
    if state is None:
        return Failure("gone", later("The container disappeared while it started."), lines)
    limit = {"limit": f"{memory_bytes / 1024**2:.0f} MiB"}
    if state.get("OOMKilled") or (state.get("ExitCode") == 137 and not state.get("Running")):
        text = later("The server ran out of memory while it started (limit {limit}).")
        return Failure("memory", text, lines, limit)
    if found:
        return Failure(found[0], found[1], lines)
    if state.get("Running"):
        short = squeezed(memory or {})
        waited = {"seconds": f"{waited_seconds:.0f}"}
        late = later("The server runs, but did not answer within {seconds} seconds.")
        low = later(
            "The server runs, but did not answer within {seconds} seconds: its memory limit of {limit} is too low."
        )
        return Failure("memory" if short else "timeout", low if short else late, lines, {**limit, **waited})
    if state.get("ExitCode") in (126, 127):
        return Failure("image", NO_SERVER, lines)
    text = later("The server stopped by itself with exit code {code}.")
    return Failure("exit", text, lines, {"code": str(state.get("ExitCode"))})


def fit(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of bounded size without control characters: people choose what stands in it."""
    kept: dict[str, Any] = {}
    for key, value in entry.items():
        lines = isinstance(value, list | tuple)
        kept[key] = [clean(line) for line in value[-KEPT_LINES:]] if lines else value
        if isinstance(value, str):
            kept[key] = clean(value, LONGEST_WORDS)
        if isinstance(value, Mapping):
            kept[key] = {name: clean(one, LONGEST_WORDS) for name, one in value.items()}
    while len(json.dumps(kept)) > ENTRY_BYTES and kept.get("log"):
        kept["log"] = kept["log"][len(kept["log"]) // 2 + 1 :]
    return kept


def keep(path: Path, entry: Mapping[str, Any]) -> None:
    """Add a failure to the administrator's list and drop the oldest. Several servers may fail at once."""
    with _WRITING:
        lines = path.read_text().splitlines() if path.exists() else []
        lines = [line for line in lines if len(line) <= ENTRY_BYTES][1 - KEPT_FAILURES :]
        lines.append(json.dumps(fit(entry)))
        while sum(map(len, lines)) > KEPT_BYTES:
            del lines[: len(lines) // 10 + 1]
        files.replace(path, "".join(f"{line}\n" for line in lines).encode())


def read(path: Path) -> list[dict[str, Any]]:
    """Return the kept failures, the oldest first; lines that are none are skipped. Raises OSError."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text().splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found
