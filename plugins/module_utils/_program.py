# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``/usr/local/sbin/labserver``: what a lab server runs without Ansible, from the same core files as the modules.

The program is a zip file (see the action plugin ``host_program``) that holds this file and every package beside it.
Those import each other relatively and never import ``ansible``, so they work in both places.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from ._common import outgoing, told

# Command -> the core and its function ``(argv: Sequence[str]) -> int``, and one line of help; in alphabetical order.
COMMANDS: dict[str, tuple[str, str]] = {
    "accounts-expire": ("_accounts.expire:main", "offboard people after their last day, and give notice before"),
    "adopt-watch": ("_adopt.unattended:main", "give a host back to its old hub when the run of adopt.yml is lost"),
    "alert-test": ("_status.alert_test:main", "send a test message by every way of telling"),
    "backup": ("_backup.cli:main", "make a backup now; list, home, file, database: bring a part of one back"),
    "backup-drill": ("_backup.drill:main", "prove that the latest backup can be restored"),
    "backup-restore": ("_backup.restore:main", "bring files back from a backup"),
    "backup-resurrect": ("_backup.resurrect_cli:main", "bring a whole server back to this bare host"),
    "builds": ("_builds.job:main", "make images of what people built, and remove those they gave up"),
    "ca": ("_certificates.cli:ca_main", "hand a host its issuer of the lab's authority"),
    "catalogue": ("_catalogue.cli:main", "watch the registry and keep the list of images that can be started"),
    "doctor": ("_doctor.cli:main", "look for hazards on this host; changes nothing"),
    "hub-change": ("_hub.unattended:main", "end a change of the hub whose run is lost; runs while one is under way"),
    "hub-network": ("_hub.isolation_service:main", "keep people's servers apart, and tell the guard whether they are"),
    "hub-watch": ("_hub.watch:main", "tell of a change of the hub whose run was lost, and look after people's servers"),
    "inventory": ("_catalogue.inventory:main", "what this host and its images are made of, and its known holes"),
    "notebooks-limits": ("_hub.reserve:main", "leave host and hub a reserve beside all notebooks"),
    "registry-maintain": ("_registry.job:main", "prune the image registry and collect its garbage"),
    "renew": ("_certificates.cli:main", "renew, deploy and check certificates"),
    "run": ("_schedule.run:main", "run a job now, as host cron does"),
    "sandbox": ("_sandbox.run:main", "run an action of a project whose code nobody trusts"),
    "services": ("_status.alarm:main", "look at every service of this host and tell of those that are not well"),
    "share-health": ("_shares.health:main", "look whether every share is mounted, answers and has room"),
    "status": ("_status.overview:main", "jobs, services and certificates of this host"),
    "updates": (
        "_updates.cli:main",
        "which updates wait, what is held back and why, the next restart; changes nothing",
    ),
    "updates-window": ("_updates.job:main", "tell people of a restart that is due, and restart in the window"),
    "usage": ("_usage.job:main", "keep what people's servers used, show each person their own, delete what is old"),
    "usage-report": ("_usage.report:main", "what people's servers used, by person, group and month"),
    "usage-watch": ("_usage.service:main", "count what people's servers use"),
    "watch": ("_status.watch:main", "run what was missed and tell of what fails"),
}


STATUSES = """--json, of every command: the outcome as one JSON object (of inventory in CycloneDX, one for each
image). Without it: the services adopt-watch, catalogue, hub-change, hub-network and usage-watch; sandbox, whose output
is that of the code in it; ca, which prints JSON anyway.

exit status, the same for all commands:
  0  done, nothing is wrong      2  critical: it failed, or something does not work (also: wrong arguments)
  1  a warning                   3  busy: somebody else is at the same work just now
  4  doctor: a part of the host could not be looked at
status, updates and usage-report only show: 0 when they could, however bad it is. watch: 0 also when it told somebody
sandbox ends as the code in it did"""
IN_LINES = frozenset({
    "accounts-expire", "backup-drill", "backup-resurrect", "backup-restore", "builds", "hub-watch", "notebooks-limits",
    "registry-maintain", "run", "updates-window", "usage",
})  # fmt: skip
"""Commands that speak in lines: with ``--json`` the program makes an object of these. All others have a form of their
own for programs, or none."""
WITHOUT_JSON = frozenset({"adopt-watch", "ca", "catalogue", "hub-change", "hub-network", "sandbox", "usage-watch"})
SECOND_PARSER = {"backup": "list"}
"""Commands that read their arguments otherwise when this word comes first."""
JOBS, ROSTER = "etc/labserver/jobs.d", "etc/labserver/public/roster.json"


def command_of(name: str) -> Callable[[Sequence[str]], int]:
    """Return what a command runs."""
    core, _colon, function = COMMANDS[name][0].partition(":")
    found: Callable[[Sequence[str]], int] = getattr(importlib.import_module(f".{core}", __package__), function)
    return found


def version() -> str:
    """Return the version of the collection that this program was packed from; only a packed one has it."""
    try:
        return str(importlib.import_module("._version", __package__).VERSION)
    except ImportError:
        return "not packed"


def completion() -> str:
    """Return the file of completion for bash."""
    of_parsers = importlib.import_module("._common.completion", __package__)  # brings modules that nothing else needs
    parsers = {}
    for name in COMMANDS:
        starts = [[], [SECOND_PARSER[name]]] if name in SECOND_PARSER else [[]]
        parsers[name] = [of_parsers.parser_of(command_of(name), start) for start in starts]
        if name in IN_LINES:
            parsers[name][0].add_argument("--json", action="store_true")
    return of_parsers.script("labserver", ["completion", "--help", "--version"], parsers)


def known(kind: str, root: Path = Path("/")) -> list[str]:
    """Return the names of this host's jobs or people, for the completion; none where they cannot be read."""
    if kind == "jobs":
        return sorted(path.stem for path in (root / JOBS).glob("*.json"))
    try:
        return sorted(name for name in json.loads((root / ROSTER).read_bytes())["users"] if name.isprintable())
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _help() -> str:
    lines = [f"  {name:22} {text}" for name, (_core, text) in COMMANDS.items()]
    lines.append(f"  {'completion':22} print the completion for bash; jobs, people: print their names")
    usage = "usage: labserver COMMAND [ARGUMENTS] | COMMAND --help | --version"
    return "\n".join([usage, "", *lines, "", STATUSES]) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that ``argv[0]`` names; returns the exit status (2: unknown command)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write(_help())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        sys.stdout.write(f"labserver {version()}\n")
        return 0
    name, rest = arguments[0], arguments[1:]
    if name == "completion" and (not rest or rest in (["jobs"], ["people"])):
        sys.stdout.write("".join(f"{word}\n" for word in known(rest[0])) if rest else completion())
        return 0
    if name not in COMMANDS:
        sys.stderr.write(f"labserver: unknown command {name!r}; known: {', '.join(COMMANDS)}\n")
        return 2
    return _call(name, rest)


def _call(name: str, rest: Sequence[str]) -> int:
    # What goes outside from here, alerts and the commands of jobs, takes the lab's proxy where there is one.
    os.environ.update(outgoing.environment())
    try:
        if name in IN_LINES and "--json" in rest:
            return told.as_json(name, command_of(name), [word for word in rest if word != "--json"])
        return int(command_of(name)(rest))
    except Exception:  # Python would end with 1, which is a warning here
        traceback.print_exc()
        sys.stderr.write(f"labserver {name}: this is a fault of the program; please report it with the lines above\n")
        return 2
