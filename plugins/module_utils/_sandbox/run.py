# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``labserver sandbox``: runs an action of a project folder whose code nobody trusts.

Nothing inside is relied upon: memory, processes, network and disk are limited by the engine, time and output from
outside by this program, which kills the whole container. The limits are the lab's; a project cannot change them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import selectors
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Any, BinaryIO, NoReturn

from .._common import labels, process

CONFIGURATION = Path("/etc/labserver/sandbox/sandbox.json")
PROJECT = "/project"
ENGINE_SECONDS = 60  # how long the engine may take for a request of ours
TIME_IS_UP, OUT_OF_MEMORY, TOO_MUCH_OUTPUT, ENGINE_FAILED = 124, 137, 120, 125


class SandboxError(Exception):
    """The action cannot be started; the text says why."""


@dataclass(frozen=True)
class Limits:
    """What a run gets. Sizes in bytes, times in seconds."""

    image: str
    memory_bytes: int = 256 * 1024 * 1024
    scratch_bytes: int = 64 * 1024 * 1024  # /tmp, which counts as memory too
    cpus: float = 1.0
    processes: int = 64
    seconds: int = 10
    output_bytes: int = 1024 * 1024
    user_id: int = 64110


@dataclass(frozen=True)
class Outcome:
    """How a run ended: the action's exit status, or one of this module's, and a sentence for people."""

    status: int
    reason: str = ""


def limits_from(data: Mapping[str, Any]) -> Limits:
    known = {item.name for item in fields(Limits)}
    return Limits(**{key: value for key, value in data.items() if key in known})


def create_command(limits: Limits, name: str, project: Path, action: str) -> list[str]:
    """Return the command that makes, but does not start, the container of one run.

    Raises:
        SandboxError: when the folder or the action's name cannot be handed over.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,30}", action):
        raise SandboxError(f"{action!r} is not the name of an action; use small letters, digits, - and _")
    if not project.is_dir():
        raise SandboxError(f"{project} is not a folder")
    if re.search(r'[,"\n]', str(project)):
        raise SandboxError(f"{project}: commas, quotes and line breaks in the path cannot be handed to the engine")
    return [
        "docker",
        "create",
        f"--name={name}",
        f"--label={labels.of('sandbox')}",
        "--pull=never",
        "--interactive",
        # no way out
        "--network=none",
        "--hostname=sandbox",
        "--ipc=none",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        f"--user={limits.user_id}:{limits.user_id}",
        # nothing to write on
        "--read-only",
        "--log-driver=none",
        f"--mount=type=bind,source={project},target={PROJECT},readonly",
        f"--tmpfs=/tmp:rw,exec,nosuid,nodev,mode=1777,size={limits.scratch_bytes}",
        # little to eat; memory-swap equal to memory means no swap
        f"--memory={limits.memory_bytes}",
        f"--memory-swap={limits.memory_bytes}",
        f"--cpus={limits.cpus}",
        f"--pids-limit={limits.processes}",
        "--ulimit=core=0",
        "--ulimit=msgqueue=0",
        "--ulimit=nofile=256",
        f"--workdir={PROJECT}",
        "--env=HOME=/tmp",
        f"--env=ACTION={action}",
        limits.image,
    ]


def pump(pipe: IO[bytes] | None, deadline: float, most_bytes: int, out: BinaryIO, now: Callable[[], float]) -> str:
    """Copy the container's output until it ends. Returns why it has to be killed, or "" when it ended by itself."""
    if pipe is None:
        raise ValueError("the process was started without a pipe for its output")
    written = 0
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            left = deadline - now()
            if left <= 0:
                return "time"
            if not selector.select(min(left, 1.0)):
                continue
            chunk = os.read(pipe.fileno(), 65536)
            if not chunk:
                return ""
            out.write(chunk[: most_bytes - written])
            out.flush()
            written += len(chunk)
            if written > most_bytes:
                return "output"


def run(
    limits: Limits,
    project: Path,
    action: str,
    out: BinaryIO,
    stdin: Any = None,
    now: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Run one action and wait for its end; the container is gone afterwards, whatever happened.

    Raises:
        SandboxError: when the engine cannot start it.
    """
    name = f"labserver-sandbox-{secrets.token_hex(6)}"
    try:
        made = process.call(create_command(limits, name, project, action), ENGINE_SECONDS)
        if made.status != 0:
            raise SandboxError(f"the engine refuses the container: {made.words}")
        attach = ["docker", "start", "--attach", "--interactive", name]
        with process.started(attach, stdin=stdin, stdout=process.PIPE, merged=True) as client:
            ending = pump(client.stdout, now() + limits.seconds, limits.output_bytes, out, now)
            if ending:
                # The client first: as long as it is attached and nobody reads it, the engine waits for it.
                client.kill()
                process.call(["docker", "kill", name], ENGINE_SECONDS)
            try:
                client.wait(ENGINE_SECONDS)
            except process.TimeoutExpired:
                raise SandboxError(f"the engine did not end the container within {ENGINE_SECONDS} s") from None
        return judge(limits, ending, name)
    finally:
        process.call(["docker", "rm", "--force", "--volumes", name], ENGINE_SECONDS)


def judge(limits: Limits, ending: str, name: str) -> Outcome:
    """Say how the run ended, from what this program did and what the engine saw."""
    if ending == "time":
        return Outcome(TIME_IS_UP, f"stopped: the time limit of {limits.seconds} s is over")
    if ending == "output":
        return Outcome(TOO_MUCH_OUTPUT, f"stopped: more output than {limits.output_bytes} bytes")
    seen = process.call(["docker", "inspect", "--format", "{{json .State}}", name], ENGINE_SECONDS)
    try:
        state = json.loads(seen.output)
    except ValueError:
        return Outcome(ENGINE_FAILED, f"the engine lost the container: {seen.words}")
    if state.get("OOMKilled"):
        return Outcome(OUT_OF_MEMORY, f"stopped: more memory than {limits.memory_bytes} bytes")
    if state.get("Error"):
        return Outcome(ENGINE_FAILED, f"the engine could not run it: {state['Error']}")
    return Outcome(int(state["ExitCode"]))


def stop(number: int, _frame: object) -> NoReturn:
    """End this program by way of every ``finally``; a second signal must not end the clearing up."""
    for other in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(128 + number)


def main(argv: Sequence[str]) -> int:
    """Run ``labserver sandbox ACTION [FOLDER]``."""
    parser = argparse.ArgumentParser(prog="labserver sandbox", description="Run code that nobody trusts.")
    parser.add_argument("action", help="an action of the project's conf.yml, for example run, test or repl")
    parser.add_argument("folder", nargs="?", default=".", type=Path, help="the project (default: here)")
    parser.add_argument("--image", help="another image; its start program reads the variable ACTION")
    parser.add_argument("--seconds", type=int, help="a shorter or longer time limit")
    arguments = parser.parse_args(list(argv))
    try:
        data = json.loads(CONFIGURATION.read_text(encoding="utf-8"))
    except OSError as error:
        sys.stderr.write(f"labserver sandbox: {error}; run the role labserver.jupyter.sandbox first\n")
        return ENGINE_FAILED
    given = {"image": arguments.image, "seconds": arguments.seconds}
    limits = limits_from(data | {key: value for key, value in given.items() if value})
    # A lost connection or a time limit of somebody else must not leave the container behind, without any limit of time.
    for number in (signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, stop)
    try:
        result = run(limits, arguments.folder.resolve(), arguments.action, sys.stdout.buffer)
    except (SandboxError, OSError) as error:
        sys.stderr.write(f"labserver sandbox: {error}\n")
        return ENGINE_FAILED
    if result.reason:
        sys.stderr.write(f"\nlabserver sandbox: {result.reason}\n")
    return result.status
