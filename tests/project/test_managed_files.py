# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of managed files is whole: each path of the system that roles and cores name is on it, or only read."""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from fnmatch import fnmatchcase
from pathlib import Path

import collection  # noqa: F401 - makes the checkout importable as the collection
import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._host import seen
from ansible_collections.labserver.jupyter.plugins.module_utils._status import managed
from paths import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import house

PLACE = re.compile(r"^/?((?:etc|usr/local|usr/share|usr/lib/systemd)/[^\s{}]+)")
# These rooms look at hosts of others, or take a host back to what it was: none of what they name is theirs.
READERS = {"_doctor", "_adopt", "_retire", "plugins/filter"}
READ = {
    "etc/apt": "what the status asks apt about",
    "etc/apt/apt.conf": "read after the lab server's own file",
    "etc/apt/apt.conf.d": "the folder of the lab server's own files",
    "etc/apt/preferences.d": "what the status asks apt about",
    "etc/apt/sources.list.d": "docker_apt_sources mends a source of Docker that the host had",
    "etc/auter/auter.conf": "whether another program installs updates",
    "etc/cron.d": "the folder of the jobs' files",
    "etc/dnf/automatic.conf": "whether another program installs updates",
    "etc/docker/certs.d": "the folder of the registries' files",
    "etc/fstab": "only the lines of the shares are the lab server's",
    "etc/group": "accounts of the lab and of others, which the role accounts compares itself",
    "etc/gshadow": "as etc/group",
    "etc/labserver": "all of it is compared",
    "etc/labserver-registry": "in the registry's container",
    "etc/labserver-registry/pushers": "in the registry's container",
    "etc/labserver-registry/readers": "in the registry's container",
    "etc/letsencrypt": "certbot's own",
    "etc/localtime": "handed to people's servers",
    "etc/login.defs": "read for the numbers of accounts",
    "etc/machine-id": "read for the name of the controller",
    "etc/nginx": "the folder of the front door's files",
    "etc/nginx/modules-enabled/*.conf": "in the registry's container",
    "etc/nslcd.conf": "whether the host has a directory",
    "etc/nsswitch.conf": "whether the host has a directory",
    "etc/nvidia-container-runtime/config.toml": "read for the cards",
    "etc/os-release": "which system it is",
    "etc/samba/smb.conf": "whether the host has a directory",
    "etc/shadow": "as etc/group",
    "etc/skel": "copied into new homes",
    "etc/ssl/certs/ca-certificates.crt": "update-ca-certificates makes it",
    "etc/sssd/sssd.conf": "whether the host has a directory",
    "etc/subgid": "as etc/group",
    "etc/subuid": "as etc/group",
    "etc/systemd/": "the folders of units",
    "etc/systemd/system": "the folder of units",
    "etc/systemd/system/": "the folder of units",
    "etc/systemd/system/jupyterhub.service": "an old hub's",
    "etc/ufw/ufw.conf": "whether there is a firewall",
    "usr/lib/systemd/system/certbot.timer": "the package's; the role masks it below etc",
    "usr/local/bin/cache": "in a container",
    "usr/local/bin/dockerd": "whether the host has an engine",
    "usr/local/lib": "what the inventory of programs looks through",
    "usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin": "a search path",
    "usr/local/share/ca-certificates/": "the folder of the lab's own authorities",
    "usr/local/share/labserver-registry/gate.lua": "in the registry's container",
    "usr/share/bash-completion/completions/": "the folder of the completion",
    "usr/share/keyrings/debian-archive-keyring.gpg": "the distribution's",
    "usr/share/nodejs": "what the inventory of programs looks through",
}


def of_code() -> dict[str, set[str]]:
    """Return the paths that the cores and modules name in texts of their own, each with who does."""
    found = defaultdict(set)
    for path in house.files():
        room = house.room_of(path) or str(path)
        if room.startswith("labhub") or room in READERS or path.name == "managed.py":
            continue
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
                place = PLACE.match(node.value)
                if place and "\n" not in node.value:
                    found[place[1]].add(str(path))
    return found


def of_roles() -> dict[str, set[str]]:
    """Return the paths that tasks, variables and templates name."""
    found = defaultdict(set)
    for folder in ("tasks", "vars", "templates"):
        for path in (ROOT / "roles").glob(f"*/{folder}/*"):
            for line in path.read_text(encoding="utf-8").splitlines():
                code = line.partition("# ")[0] if path.suffix == ".yml" else line
                for place in re.findall(
                    r"""(?<![\w/.)}-])/(?:etc|usr/local|usr/share|usr/lib/systemd)/[^\s"'{},)\];:|]+""", code
                ):
                    found[place.lstrip("/")].add(str(path.relative_to(ROOT)))
    return found


def compared(path: str) -> bool:
    """Tell whether the list has this path, or one that a pattern of the code stands for."""
    if path.startswith(f"{managed.OWN}/"):
        return True
    return any(fnmatchcase(path, pattern) for pattern in (*managed.OWN_PATTERNS, *managed.SHARED_PATTERNS))


@pytest.mark.parametrize("named", [of_code, of_roles], ids=["code", "roles"])
def test_each_path_of_the_system_is_compared_or_only_read(named) -> None:  # type: ignore[no-untyped-def]
    strange = {path: sorted(who) for path, who in sorted(named().items()) if not compared(path) and path not in READ}
    assert strange == {}, "add what a role writes to _status/managed.py, and what is only read to READ here"


def test_nothing_stands_here_that_nobody_names() -> None:
    assert sorted(set(READ) - {*of_code(), *of_roles()}) == []


def test_what_the_first_look_of_a_run_compares_is_on_the_list() -> None:
    below_etc = [pattern for pattern in (*seen.JOB_FILES, seen.PROGRAM) if not pattern.startswith("var/")]
    assert [pattern for pattern in below_etc if not compared(pattern)] == []


def test_what_programs_write_lies_below_the_lab_server_s_own_folder() -> None:
    assert [path for path in managed.REWRITTEN if not path.startswith(f"{managed.OWN}/")] == []
    assert all(Path(path) == Path(path.rstrip("/")) for path in managed.REWRITTEN)
