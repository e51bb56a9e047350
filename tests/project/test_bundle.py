# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bundle has every package that a role installs: the list stands once more, and this compares it with the roles."""

from __future__ import annotations

import re
from typing import Any

import yaml
from paths import ROOT

# Made from what the inventory says, or only where there is a way out; why.
NOT_IN_A_BUNDLE = {
    "docker-compose-plugin": "of Docker's own repository",
    "mmdebstrap": "nothing is built on a host that was set up from a bundle",
    "python3-debian": "for Docker's own repository",
}
UPSTREAM = {"__docker_upstream_packages"}
WORD = re.compile(r"'([a-z0-9][a-z0-9+.-]+)'|^([a-z0-9][a-z0-9+.-]+)$")


def read(path: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / path).read_text()) or {}
    return found


def words(value: object) -> set[str]:
    """Return the names of packages in a value, also in the texts of an expression."""
    if isinstance(value, list):
        return {word for one in value for word in words(one)}
    return {first or second for first, second in WORD.findall(str(value))}


def installed(tasks: list[Any], variables: dict[str, Any]) -> set[str]:
    """Return what the tasks of a role install, with the role's own variables put in."""
    found: set[str] = set()
    for task in tasks:
        for kind in ("block", "rescue", "always"):
            found |= installed(task.get(kind) or [], variables)
        if "labserver.jupyter.packages" in task:
            name = task["labserver.jupyter.packages"]["name"]
            for used in set(re.findall(r"\b__\w+", str(name))) - UPSTREAM:
                found |= words(variables.get(used, []))
            found |= words(name) if "{{" not in str(name) else set()
    return found


def test_every_package_that_a_role_installs_is_in_a_bundle() -> None:
    bundle = read("roles/bundle/vars/main.yml")
    listed = set(bundle["__bundle_packages_everywhere"])
    found: set[str] = set()
    for role in sorted(path.name for path in (ROOT / "roles").iterdir() if path.name != "bundle"):
        variables = read(f"roles/{role}/vars/main.yml") if (ROOT / f"roles/{role}/vars/main.yml").exists() else {}
        for path in sorted((ROOT / f"roles/{role}/tasks").glob("*.yml")):
            found |= installed(yaml.safe_load(path.read_text()) or [], variables)
    # Words of expressions that are no packages: kinds of shares and of sources of certificates.
    found -= {"cifs", "nfs", "source", "equalto", "acme", "acme.program", "defined"}
    assert found - set(NOT_IN_A_BUNDLE) - listed == set()
    # python3-yaml and others stand in the expression that names the engine's packages; zstd is asked for by a module.
    assert listed - found <= {"zstd"}


def test_the_engine_s_packages_are_those_of_the_role_docker() -> None:
    docker = read("roles/docker/vars/main.yml")["__docker_distribution_packages"]
    assert read("roles/bundle/vars/main.yml")["__bundle_packages_of_release"] == docker
