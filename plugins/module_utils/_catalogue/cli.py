# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver catalogue``: the service that keeps the list of images, and what it shows to a person."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .._common.docker_api import DockerEngine, EngineError
from .._common.own_program import OwnProgram
from .._hub import passwords
from .._registry import uses
from .._registry.protocol import RegistryError
from . import model
from .engine import Engine
from .registry import LabRegistry
from .service import Service
from .signed import Signed

DEFAULT_SETTINGS = "/etc/labserver/hub/catalogue.json"
AT_ONCE = 3
"""So many images are fetched and tried at once: one that hangs, or is large, does not hold up the others."""


def tell(text: str) -> None:
    """Write a line for the service's log."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _end(*_signal: object) -> None:
    os._exit(0)  # a fetch that is under way is not waited for; the next start tries again


def table(entries: Sequence[model.Entry]) -> str:
    """Return the catalogue as text for a person: what is offered, and why the rest is not."""
    lines = [
        f"{one.repository}:{one.tag}".ljust(40) + f" {one.state:8} {one.digest[7:19]} {one.reason}" for one in entries
    ]
    return "\n".join(lines or ["no image"]) + "\n"


def main(argv: Sequence[str]) -> int:
    """Run the service, or ``--list`` what it found, or look ``--once``; 2 when its files cannot be read."""
    parser = argparse.ArgumentParser(prog="labserver catalogue", description="Watches the lab's registry.")
    parser.add_argument("--settings", default=DEFAULT_SETTINGS)
    parser.add_argument("--once", action="store_true", help="look once and end")
    parser.add_argument("--list", action="store_true", help="print the catalogue and end")
    arguments = parser.parse_args(argv)
    try:
        settings = json.loads(Path(arguments.settings).read_text())
        if arguments.list:
            sys.stdout.write(table(model.read(Path(settings["output"]).read_text())))
            return 0
        signed = Signed.of_settings(settings, tell)
    except (OSError, ValueError, KeyError, TypeError) as error:
        tell(f"labserver catalogue: {error if isinstance(error, OSError | ValueError) else repr(error)}")
        return 2
    signal.signal(signal.SIGTERM, _end)
    program = OwnProgram()
    registry = LabRegistry(settings)

    service = Service(
        settings,
        registry,
        Engine(DockerEngine(settings["docker_socket"], timeout=600)),
        credentials=registry.credentials,
        say=tell,
        used=lambda: {digest for use in uses.read(uses.Sources()) for digest in use["digests"]},
        signed=signed,
        pool=None if arguments.once else ThreadPoolExecutor(AT_ONCE, thread_name_prefix="image"),
    )
    trouble = ""
    while True:
        try:
            service.round()
            now = ""
        except (RegistryError, EngineError, OSError, ValueError, KeyError) as error:
            now = f"{type(error).__name__}: {error}"
            registry.forget()
        if now != trouble:
            tell(now or "the registry answers again")
            trouble = now
        if settings.get("passwords"):
            _prune(settings["passwords"], tell)
        if arguments.once:
            return 1 if now else 0
        if program.replaced():
            tell("the program was replaced; systemd starts the new one")
            _end()
        service.wait(settings.get("period_seconds", 3))


def _prune(paths: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Forget one-time passwords that were used; here because this service already runs as root all the time."""
    try:
        used = passwords.prune(
            passwords.Paths(Path(paths["store"]), Path(paths["record"]), Path(paths["one_time_file"]))
        )
    except Exception as error:  # whatever is wrong with the store, images must go on
        say(f"one-time passwords: {error}")
        return
    if used:
        say(f"one-time passwords used: {', '.join(used)}")
