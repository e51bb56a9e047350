# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``/usr/local/sbin/labserver``: what a lab server runs without Ansible, from the same core files as the modules.

The program is a zip file (see the action plugin ``host_program``) that holds this file and every package beside it.
Those import each other relatively and never import ``ansible``, so they work in both places.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from ._common import outgoing

# Command -> the core and its function ``(argv: Sequence[str]) -> int``, and one line of help; in alphabetical order.
COMMANDS: dict[str, tuple[str, str]] = {
    "accounts-expire": ("_accounts.expire:main", "offboard people after their last day, and give notice before"),
    "alert-test": ("_status.alert_test:main", "send a test message by every way of telling"),
    "backup": ("_backup.cli:main", "make a backup now; list, home, file, database: bring a part of one back"),
    "backup-drill": ("_backup.drill:main", "prove that the latest backup can be restored"),
    "backup-restore": ("_backup.restore:main", "bring files back from a backup"),
    "backup-resurrect": ("_backup.resurrect_cli:main", "bring a whole server back to this bare host"),
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
    "usage": ("_usage.job:main", "keep what people's servers used, show each person their own, delete what is old"),
    "usage-report": ("_usage.report:main", "what people's servers used, by person, group and month"),
    "usage-watch": ("_usage.service:main", "count what people's servers use"),
    "watch": ("_status.watch:main", "run what was missed and tell of what fails"),
}


STATUSES = """exit status, the same for all commands:
  0  done, nothing is wrong      2  critical: it failed, or something does not work (also: wrong arguments)
  1  a warning                   3  busy: somebody else is at the same work just now
  4  doctor: a part of the host could not be looked at"""
COMPLETION = """# Completion of labserver for bash: labserver completion > /etc/bash_completion.d/labserver
_labserver() {
  local word=${COMP_WORDS[COMP_CWORD]} words="%s --help --version"
  [ "$COMP_CWORD" -gt 1 ] && case ${COMP_WORDS[1]} in
    run) words=$(cd /etc/labserver/jobs.d 2>/dev/null && ls | sed -n 's/\\.json$//p') ;;
    doctor) words="--json --page --help" ;;
    status) words="--json --page --prometheus --help" ;;
    services | watch | alert-test) words="--json --help" ;;
    *) words="--help" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -F _labserver labserver"""


def version() -> str:
    """Return the version of the collection that this program was packed from; only a packed one has it."""
    try:
        return str(importlib.import_module("._version", __package__).VERSION)
    except ImportError:
        return "not packed"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that ``argv[0]`` names; returns the exit status (2: unknown command)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        lines = [f"  {name:22} {text}" for name, (_core, text) in COMMANDS.items()]
        lines.append(f"  {'completion':22} print the completion for bash")
        sys.stdout.write(
            "\n".join(["usage: labserver COMMAND [ARGUMENTS] | --version", "", *lines, "", STATUSES]) + "\n"
        )
        return 0 if arguments else 2
    if arguments[0] == "--version":
        sys.stdout.write(f"labserver {version()}\n")
        return 0
    if arguments[0] == "completion":
        sys.stdout.write(COMPLETION % " ".join([*COMMANDS, "completion"]) + "\n")
        return 0
    if arguments[0] not in COMMANDS:
        sys.stderr.write(f"labserver: unknown command {arguments[0]!r}; known: {', '.join(COMMANDS)}\n")
        return 2
    # What goes outside from here, alerts and the commands of jobs, takes the lab's proxy where there is one.
    os.environ.update(outgoing.environment())
    core, _colon, function = COMMANDS[arguments[0]][0].partition(":")
    command = getattr(importlib.import_module(f".{core}", __package__), function)
    return int(command(arguments[1:]))
