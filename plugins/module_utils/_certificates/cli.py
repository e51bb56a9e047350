# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command lines of the certificates: ``labserver renew`` and ``labserver ca``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .._common import clock, job, lock, words
from .._common.job import BUSY, CRITICAL, OK
from . import authority, model, renew, upkeep
from .world import World


def main(argv: Sequence[str]) -> int:
    """``labserver renew``; see the core of that name for the exit statuses."""
    parser = argparse.ArgumentParser(prog="labserver renew", description=renew.__doc__)
    parser.add_argument("name", nargs="*", help="only these certificates")
    parser.add_argument("--force", action="store_true", help="renew the named ones, due or not, better or worse")
    parser.add_argument("--json", action="store_true", help="print the outcome for programs; the rest goes to stderr")
    parser.add_argument("--root", type=Path, default=Path("/"), help="root of the file system")
    arguments = parser.parse_args(list(argv))
    if arguments.force and not arguments.name:
        parser.error("--force needs the names of certificates: authorities limit how many they give")
    os.umask(0o022)
    stream = sys.stderr.buffer if arguments.json else sys.stdout.buffer

    output = words.Output()

    def log(piece: bytes) -> None:
        stream.write(output.clean(piece))
        stream.flush()

    world = World(root=arguments.root)
    try:
        with lock.hold(world.root, renew.LOCK):
            outcome = renew.renew(world, log, arguments.name, arguments.force)
    except lock.BusyError as error:
        sys.stderr.write(f"labserver renew: {error}\n")
        return BUSY
    except (OSError, ValueError) as error:
        sys.stderr.write(f"labserver renew: {error}\n")
        return CRITICAL
    for problem in outcome.problems:
        log(f"{problem}\n".encode())
    _summarize(outcome)
    if arguments.json:
        data = {key: value for key, value in asdict(outcome).items() if key != "states"}
        states = {name: {"level": state.level, "message": state.message} for name, state in outcome.states.items()}
        data |= {"version": 1, "changed": outcome.changed, "level": outcome.level, "states": states}
        sys.stdout.write(json.dumps(data) + "\n")
    return {"ok": OK, "warning": job.WARNING}.get(outcome.level, CRITICAL)


def _summarize(outcome: renew.Outcome) -> None:
    """Give the runner one line for the status table and the alert."""
    bad = [f"{name}: {state.message}" for name, state in outcome.states.items() if state.level != "ok"]
    job.leave("; ".join([*bad, *outcome.problems]) or valid(len(outcome.states)))


def valid(count: int) -> str:
    """Return what is said when there is nothing else to say."""
    return "1 certificate is valid" if count == 1 else f"{count} certificates are valid"


def ca_main(argv: Sequence[str]) -> int:
    """``labserver ca request|sign|accept``: how a host gets its issuer from the host that keeps the root.

    ``request`` prints {"csr": ..., "names": [...]}, ``sign`` reads that and prints {"root": ..., "issuer": ...,
    "names": [...]}, ``accept`` reads that. ``accept`` prints "changed" when anything was new.
    """
    parser = argparse.ArgumentParser(prog="labserver ca", description=ca_main.__doc__)
    parser.add_argument("step", choices=["request", "sign", "accept"])
    parser.add_argument("--host", default="", help="whose issuer is signed")
    parser.add_argument("--root", type=Path, default=Path("/"), help="root of the file system")
    arguments = parser.parse_args(list(argv))
    os.umask(0o022)
    root = arguments.root
    try:
        config = model.load(root)
        if arguments.step == "request":
            names = upkeep.ca_names(config)
            csr = authority.issuer_request(root, names, clock.utc_now()) if names else b""
            sys.stdout.write(json.dumps({"csr": csr.decode(), "names": names}) + "\n")
            return OK
        data = json.load(sys.stdin)
        if arguments.step == "sign":
            authority.ensure_root(root, config.ca, upkeep.ca_names(config), arguments.host)
            networks = config.ca.get("networks") or ()
            csr = data["csr"].encode()
            issuer = authority.sign(root, arguments.host, data["names"], csr, networks) if csr else b""
            anchor = authority.root_certificate(root).decode()
            sys.stdout.write(json.dumps({"root": anchor, "issuer": issuer.decode(), "names": data["names"]}) + "\n")
            return OK
        if authority.accept(root, data["root"].encode(), data["issuer"].encode(), data["names"]):
            sys.stdout.write("changed\n")
        return OK
    except (authority.AuthorityError, OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"labserver ca {arguments.step}: {error}\n")
        return CRITICAL
