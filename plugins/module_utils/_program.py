# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.
"""``/usr/local/sbin/labserver``: what a lab server runs without Ansible, from the same core files as the modules.

The program is a zip file (see the action plugin ``host_program``) that holds every ``_*.py`` beside this file. Those
import each other relatively and never import ``ansible``, so they work in both places.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

# Command -> the core that offers ``main(argv: Sequence[str]) -> int`` for it, and one line of help.
# One line each, in alphabetical order.
COMMANDS: dict[str, tuple[str, str]] = {
    "backup": ("_backup_run", "make a backup now"),
    "backup-drill": ("_backup_drill", "prove that the latest backup can be restored"),
    "backup-restore": ("_backup_restore", "bring files back from a backup"),
    "ca": ("_cert_ca_cli", "hand a host its issuer of the lab's authority"),
    "accounts-expire": ("_accounts_expire", "offboard people after their last day, and give notice before"),
    "catalogue": ("_catalogue_service", "watch the registry and keep the list of images that can be started"),
    "notebooks-limits": ("_hub_reserve", "leave host and hub a reserve beside all notebooks"),
    "renew": ("_cert_cli", "renew, deploy and check certificates"),
    "registry-maintain": ("_registry_job", "prune the image registry and collect its garbage"),
    "run": ("_jobs_run", "run a job now, as host cron does"),
    "share-health": ("_shares_health", "look whether every share is mounted, answers and has room"),
    "sandbox": ("_sandbox", "run an action of a project whose code nobody trusts"),
    "status": ("_jobs_overview", "jobs and certificates of this host"),
    "watch": ("_jobs_watch", "run what was missed and tell of what fails"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that ``argv[0]`` names; returns the exit status (2: unknown command)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        lines = [f"  {name:22} {text}" for name, (_core, text) in sorted(COMMANDS.items())]
        sys.stdout.write("\n".join(["usage: labserver COMMAND [ARGUMENTS]", "", *lines]) + "\n")
        return 0 if arguments else 2
    if arguments[0] not in COMMANDS:
        sys.stderr.write(f"labserver: unknown command {arguments[0]!r}; known: {', '.join(sorted(COMMANDS))}\n")
        return 2
    core = importlib.import_module(f".{COMMANDS[arguments[0]][0]}", __package__)
    return int(core.main(arguments[1:]))
