# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules between the inputs of the role ``hub``; see docs/reference/interfaces.md."""

from __future__ import annotations

import ast
import datetime
import fnmatch
import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from .._common import sizes
from . import image_keys, lab_input, login_input

IMAGE_KEYS = frozenset({"title", "description", "groups", "limits"})
LIMIT_KEYS = frozenset({"cpu", "memory_bytes", "pids"})
SMALLEST_MEMORY_BYTES = 256 << 20
"""A bare JupyterLab with one kernel takes 150 MB."""
SMALLEST_RESERVE_BYTES = 512 << 20
SMALLEST_DISK_BYTES = 1 << 30
SMALLEST_TMP_BYTES = 64 << 20
SMALLEST_BOX_BYTES = 128 << 20
TAKEN_PORTS = {22: "the host's own SSH server", 80: "the front door (http)", 443: "the front door (https)"}
LONGEST_RUN_HOURS = 168
LONGEST_BUILD_MINUTES = 360
SMALLEST_BUILD_BYTES = 64 << 20
REPOSITORY_PART = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
"""https://github.com/distribution/reference"""
SHORTEST_USAGE_DAYS, LONGEST_USAGE_DAYS = 31, 3660
"""A report is made of whole months; and what is about people is not kept for ever."""
REGISTRY = re.compile(r"([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OWN_VARIABLES = frozenset({"HOME", "USER", "LOGNAME", "SHELL", "NB_USER", "NB_UID", "NB_GID", "JUPYTER_RUNTIME_DIR"})
"""What labhub/servers/server.py sets for each person, or JupyterHub for each server."""
GPU = re.compile(r"([0-9]{1,2}|(GPU|MIG)-[A-Za-z0-9-]+)\Z")


def problems(inputs: Mapping[str, Any]) -> list[str]:
    """Return every problem of the role's inputs, each with what is allowed."""
    return [
        *_network(inputs),
        *_ssh(inputs),
        *_registry(inputs),
        *_numbers(inputs),
        *_builds(inputs),
        *_images(inputs),
        *image_keys.problems(inputs),
        *_times(inputs),
        *_snippets(inputs),
        *_environment(inputs),
        *lab_input.problems(inputs),
        *login_input.problems(inputs),
    ]


def _environment(inputs: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the variables of people's servers."""
    found = []
    for name, value in (inputs.get("hub_environment") or {}).items():
        if not VARIABLE.fullmatch(str(name)):
            found.append(f"hub_environment: {name!r} is not the name of a variable (letters, digits and underscores)")
        elif name in OWN_VARIABLES or str(name).startswith(("JUPYTERHUB_", "LABSERVER_", "NVIDIA_")):
            found.append(f"hub_environment[{name}]: the hub sets it itself; leave it out")
        elif isinstance(value, dict | list | bool) or value is None:
            found.append(f"hub_environment[{name}]: is no text and no number; write it in quotes")
        elif "\n" in str(value) or "\0" in str(value):
            found.append(f"hub_environment[{name}]: has a line break; a variable is one line")
    return found


def _network(inputs: Mapping[str, Any]) -> list[str]:
    try:
        subnet = ipaddress.ip_network(inputs["hub_subnet"])
    except ValueError as error:
        return [f"hub_subnet: {error}; give a network such as 172.27.240.0/20"]
    found = []
    people: Any = None
    try:
        people = ipaddress.ip_network(inputs["hub_people_range"])
        if people.version != subnet.version or not people.subnet_of(subnet):
            found.append(f"hub_people_range: {people} is not a part of hub_subnet {subnet}")
    except ValueError as error:
        found.append(f"hub_people_range: {error}; give a part of hub_subnet")
    for name in ("hub_address", "hub_proxy_address", "hub_ssh_address"):
        if name == "hub_ssh_address" and not inputs["hub_ssh"]:
            continue
        try:
            address = ipaddress.ip_address(inputs[name])
        except ValueError as error:
            found.append(f"{name}: {error}; give an address in hub_subnet")
            continue
        if address not in subnet or address in (subnet[0], subnet[-1]):
            found.append(f"{name}: {address} is not an address for a machine in {subnet}")
        elif people is not None and address in people:
            found.append(
                f"{name}: {address} lies in hub_people_range {people}, where people's servers and the host get theirs"
            )
    for index, port in enumerate(inputs["hub_host_ports"]):
        if not 1 <= int(port) <= 65535:
            found.append(f"hub_host_ports[{index}]: {port} is no port; give a number from 1 to 65535")
    if inputs["hub_address"] == inputs["hub_proxy_address"]:
        found.append("hub_proxy_address: is the same as hub_address; give each its own")
    if inputs["hub_ssh"] and inputs["hub_ssh_address"] in (inputs["hub_address"], inputs["hub_proxy_address"]):
        found.append(
            f"hub_ssh_address: {inputs['hub_ssh_address']} is hub_address or hub_proxy_address too; give each its own"
        )
    return found


def _ssh(inputs: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the way to files from outside."""
    if not inputs["hub_ssh"]:
        return []
    found = _size(inputs, "hub_ssh_memory", SMALLEST_BOX_BYTES, "a shell with rsync needs 128M or more")
    port = int(inputs["hub_ssh_port"])
    if not 1 <= port <= 65535:
        found.append(f"hub_ssh_port: {port} is no port; give a number from 1 to 65535")
    elif port in TAKEN_PORTS:
        found.append(f"hub_ssh_port: on {port} listens {TAKEN_PORTS[port]}; give another, such as 2222")
    elif port == int(inputs["hub_port"]):
        found.append(f"hub_ssh_port: {port} is hub_port too; give each its own")
    if int(inputs["hub_ssh_hours"]) < 1:
        found.append(f"hub_ssh_hours: {inputs['hub_ssh_hours']} is too small; give 1 or more")
    try:
        ipaddress.ip_address(inputs["hub_ssh_bind_address"])
    except ValueError as error:
        found.append(f"hub_ssh_bind_address: {error}; give an address of the host, or 0.0.0.0 for all")
    return found


def _registry(inputs: Mapping[str, Any]) -> list[str]:
    """https://github.com/distribution/reference: a name without a dot or port is a folder of Docker's own registry."""
    registry = str(inputs["hub_registry"])
    if REGISTRY.fullmatch(registry) and (registry.startswith("localhost") or re.search(r"[.:]", registry)):
        return []
    return [
        f"hub_registry: {registry!r} is not how a reference of an image begins; give host:port, or a host with a dot in"
        " it, without http:// and without a path"
    ]


def _numbers(inputs: Mapping[str, Any]) -> list[str]:
    found = []
    found += _size(inputs, "hub_default_memory", SMALLEST_MEMORY_BYTES, "a notebook needs 256M or more")
    found += _size(inputs, "hub_reserve_memory", SMALLEST_RESERVE_BYTES, "host and hub need 512M or more")
    for name, smallest, why in (
        ("hub_server_disk_warning", SMALLEST_DISK_BYTES, "give 1G or more, or 0 for never"),
        ("hub_server_disk_limit", SMALLEST_DISK_BYTES, "give 1G or more, or 0 for no limit"),
        ("hub_tmp_size", SMALLEST_TMP_BYTES, "give 64M or more, or 0 to leave /tmp on the disk"),
    ):
        if str(inputs[name]) != "0":
            found += _size(inputs, name, smallest, why)
    for name, least in (
        ("hub_default_cpu", 0.1),
        ("hub_default_pids", 64),
        ("hub_concurrent_spawns", 1),
        ("hub_start_timeout_seconds", 10),
        ("hub_password_minimum_length", 8),
        ("hub_sharing_hours", 1),
        ("hub_runs_per_person", 1),
        ("hub_runs_at_once", 1),
        ("hub_runs_longest_hours", 1),
        ("hub_builds_per_person", 1),
        ("hub_builds_at_once", 1),
        ("hub_builds_longest_minutes", 1),
    ):
        if float(inputs[name]) < least:
            found.append(f"{name}: {inputs[name]} is too small; give {least} or more")
    if int(inputs["hub_runs_longest_hours"]) > LONGEST_RUN_HOURS:
        found.append(
            f"hub_runs_longest_hours: {inputs['hub_runs_longest_hours']} is too long; give at most {LONGEST_RUN_HOURS}"
        )
    if float(inputs["hub_reserve_cpus"]) < 0:
        found.append(f"hub_reserve_cpus: {inputs['hub_reserve_cpus']} is less than nothing; give 0 or more")
    days = int(inputs["hub_usage_keep_days"])
    if days != 0 and not SHORTEST_USAGE_DAYS <= days <= LONGEST_USAGE_DAYS:
        found.append(
            f"hub_usage_keep_days: {days} is not from {SHORTEST_USAGE_DAYS} to {LONGEST_USAGE_DAYS}; give a number of"
            " days after which a month is deleted, or 0 to record nothing"
        )
    for index, card in enumerate(inputs["hub_gpus"]):
        if not GPU.match(card):
            found.append(
                f"hub_gpus[{index}]: {card!r} is no id of a card; give what nvidia-smi -L shows, such as GPU-8f1c..."
            )
        elif card in inputs["hub_gpus"][:index]:
            found.append(f"hub_gpus[{index}]: {card} is listed twice; two people would get the same card")
    if not (inputs["hub_base_url"].startswith("/") and inputs["hub_base_url"].endswith("/")):
        found.append(f"hub_base_url: {inputs['hub_base_url']!r} needs a slash at both ends, such as /jupyter/")
    if not 1 <= int(inputs["hub_port"]) <= 65535:
        found.append(f"hub_port: {inputs['hub_port']} is no port; give a number from 1 to 65535")
    return found


def _builds(inputs: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with images by people."""
    if not inputs["hub_builds"]:
        return []
    found = _size(inputs, "hub_builds_max_size", SMALLEST_BUILD_BYTES, "an environment needs 64M or more")
    if int(inputs["hub_builds_longest_minutes"]) > LONGEST_BUILD_MINUTES:
        found.append(
            f"hub_builds_longest_minutes: {inputs['hub_builds_longest_minutes']} is too long; give at most"
            f" {LONGEST_BUILD_MINUTES}"
        )
    if not inputs["hub_builds_groups"]:
        found.append("hub_builds_groups: is empty, so nobody could make an image; name the groups that may")
    for index, name in enumerate(inputs["hub_builds_groups"]):
        if not REPOSITORY_PART.fullmatch(str(name)):
            found.append(
                f"hub_builds_groups[{index}]: {name!r} cannot be a part of a repository's name; for groups of a-z, 0-9"
                " and single hyphens, dots or underscores images can be made"
            )
    if inputs["hub_registry_from"]:
        found.append(
            f"hub_builds: the registry is on {inputs['hub_registry_from']}, and a password that may replace every image"
            " there is not brought to another server; leave it off here, or run a registry on this server"
        )
    patterns = inputs["hub_image_repositories"]
    if not any(fnmatch.fnmatchcase("people/group/person/name", str(pattern)) for pattern in patterns):
        found.append(
            'hub_image_repositories: leaves people\'s images out, so nobody would see them; add "people/*" or take'
            " hub_builds away"
        )
    return found


def _size(inputs: Mapping[str, Any], name: str, least: int, why: str) -> list[str]:
    try:
        size = sizes.parse(inputs[name])
    except ValueError as error:
        return [f"{name}: {error}"]
    return [f"{name}: {inputs[name]} is too little: {why}"] if size < least else []


def _images(inputs: Mapping[str, Any]) -> list[str]:
    found = []
    for repository, image in inputs["hub_images"].items():
        where = f"hub_images[{repository}]"
        if not isinstance(image, Mapping):
            found.append(f"{where}: is not a mapping; its keys are {', '.join(sorted(IMAGE_KEYS))}")
            continue
        for key in sorted(set(image) - IMAGE_KEYS):
            found.append(f"{where}: unknown key {key}; the keys are {', '.join(sorted(IMAGE_KEYS))}")
        if not isinstance(image.get("groups") or [], list):
            found.append(f"{where}.groups: is not a list of names of groups")
        limits = image.get("limits") or {}
        if not isinstance(limits, Mapping):
            found.append(f"{where}.limits: is not a mapping; its keys are {', '.join(sorted(LIMIT_KEYS))}")
            continue
        for key, value in limits.items():
            if key not in LIMIT_KEYS:
                found.append(f"{where}.limits: unknown key {key}; the keys are {', '.join(sorted(LIMIT_KEYS))}")
            elif isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                found.append(f"{where}.limits.{key}: {value!r} is not a positive number")
    return found


def _times(inputs: Mapping[str, Any]) -> list[str]:
    found = []
    if int(inputs["hub_culling_warning_seconds"]) >= int(inputs["hub_culling_idle_seconds"]):
        found.append("hub_culling_warning_seconds: must be less than hub_culling_idle_seconds")
    for group, seconds in inputs["hub_culling_groups"].items():
        if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 0:
            found.append(f"hub_culling_groups[{group}]: {seconds!r} is no number of seconds; 0 is never")
        elif 0 < seconds <= int(inputs["hub_culling_warning_seconds"]):
            found.append(
                f"hub_culling_groups[{group}]: {seconds} is not more than hub_culling_warning_seconds"
                f" {inputs['hub_culling_warning_seconds']}: people who work would be warned; give more, or 0 for never"
            )
    for index, announcement in enumerate(inputs["hub_announcements"]):
        times = {}
        for key in ("from", "until"):
            if announcement.get(key) is None:
                continue
            try:
                times[key] = datetime.datetime.fromisoformat(str(announcement[key])).replace(tzinfo=None)
            except ValueError:
                found.append(
                    f"hub_announcements[{index}].{key}: {announcement[key]!r} is no time; write for instance "
                    "2026-12-24T18:00"
                )
        if len(times) == 2 and times["from"] > times["until"]:
            found.append(f"hub_announcements[{index}]: ends before it begins")
    return found


def _snippets(inputs: Mapping[str, Any]) -> list[str]:
    found = []
    for index, snippet in enumerate(inputs["hub_config_d"]):
        try:
            ast.parse(snippet)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            found.append(f"hub_config_d[{index}]: not Python, line {line}: {getattr(error, 'msg', error)}")
    return found
