# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Docker's own firewall rules: published ports and ways out of containers. They are looked at, and not mended.

Docker writes them when it starts, and not again when somebody flushes the rule set. Only a restart of Docker brings
them back. That ends builds, pulls and starts that are under way, and without live-restore every container, so it is
left to the administrator.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from . import isolation

GONE = (
    "Docker's own firewall rules are gone (a firewall that is loaded anew flushes them): published ports and ways out "
    "of containers do not work; systemctl restart docker writes them again, and with live-restore containers go on"
)
DAEMON = "etc/docker/daemon.json"


def look(root: Path = Path("/"), run: isolation.Runner = isolation.run) -> list[str]:
    """Return a sentence for the administrator when the rules are gone."""
    try:
        wanted = json.loads((root / DAEMON).read_bytes()).get("iptables", True)
    except (OSError, ValueError, AttributeError):
        wanted = True
    if wanted is False:
        return []
    status, saved = run(["iptables-save", "-t", "nat"], "")
    if status != 0 or re.search("^:DOCKER ", saved, re.MULTILINE):
        return []  # who cannot read the rules is told so by what keeps servers apart
    if run(["nft", "list", "table", "ip", "docker-bridges"], "")[0] == 0:
        return []  # the backend nftables of newer engines
    return [GONE]
