# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks the lab as a whole: what is right for each of its servers and yet does not fit together. No host is asked."""

from __future__ import annotations

import difflib
import typing as t
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import ids
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import input as accounts_input
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import reach

HUBS, REGISTRIES, CANARIES = "labserver_hubs", "labserver_registries", "labserver_canaries"
GROUPS = {"hub": HUBS, "registry": REGISTRIES, "images": REGISTRIES}
"""Role -> the group whose servers it is for, when there is such a group."""
ROLES = ("accounts", "certificates", "hub", "proxy", "registry")
"""The roles whose inputs these rules compare."""
REGISTRY_SITE: Mapping[str, t.Any] = {"name": "registry", "upstream": "http://127.0.0.1:5000", "port": 5443}
"""Where a registry is published when the inventory does not say (roles/proxy/vars/main.yml)."""
Values = Mapping[str, t.Any]


@dataclass(frozen=True)
class Lab:
    """The servers with the inputs of ``ROLES`` (defaults included), and the groups of the inventory."""

    hosts: Mapping[str, Values]
    groups: Mapping[str, Collection[str]]

    def having(self, group: str, state: str) -> dict[str, Values]:
        """Return the servers of a group, all when there is no such group, on which the part is present."""
        members = self.groups.get(group, self.hosts.keys())
        return {
            name: values
            for name, values in self.hosts.items()
            if name in members and values.get(state, "present") == "present"
        }


@dataclass(frozen=True)
class Door:
    """Where a server publishes its registry: the site's names (none: any name), port and certificate."""

    server: str
    names: tuple[str, ...]
    port: int
    certificate: str


def problems(lab: Lab, read: Callable[[str], str] = accounts_input.read_text) -> list[str]:
    """Return what does not fit together. ``read`` returns the text of a file on the controller."""
    return [*_groups(lab), *_hubs(lab), *_names(lab), *_numbers(lab, read)]


def _groups(lab: Lab) -> Iterator[str]:
    known = (HUBS, REGISTRIES, CANARIES)
    for group in sorted(lab.groups):
        near = difflib.get_close_matches(group, known, n=1, cutoff=0.85)
        if group not in known and near:
            yield f"group {group}: nothing looks at this group of the inventory; did you mean {near[0]}?"


def _hubs(lab: Lab) -> Iterator[str]:
    registries = lab.having(REGISTRIES, "registry_state")
    doors = [door for name, values in registries.items() for door in _doors(name, values)]
    yield from _two_of_one_name(doors)
    for name, values in lab.having(HUBS, "hub_state").items():
        registry = str(values["hub_registry"])
        if reach.is_loopback(registry):
            if REGISTRIES in lab.groups and name not in registries:
                yield (
                    f"{name}: its hub has no registry: hub_registry is {registry}, and the server is not in the group"
                    f" {REGISTRIES}; set labserver_registry for the whole lab to the name by which the registry of"
                    f" {_listed(registries)} is reached"
                )
        elif values.get("hub_registry_from"):
            yield from _elsewhere(lab, name, values, registries, doors)


def _elsewhere(
    lab: Lab, name: str, values: Values, registries: Mapping[str, Values], doors: Collection[Door]
) -> Iterator[str]:
    """Compare a hub with the server that its registry is said to be on."""
    source, registry = str(values["hub_registry_from"]), str(values["hub_registry"])
    if source not in lab.hosts:
        yield (
            f"{name}: hub_registry_from is {source!r}, but no server of the lab has this name; the registries are on"
            f" {_listed(registries)}"
        )
        return
    if source not in registries:
        yield (
            f"{name}: hub_registry_from is {source}, which has no registry; put it into the group {REGISTRIES}, or name"
            f" one of {_listed(registries)}"
        )
        return
    users = {str(user.get("name")) for user in registries[source].get("registry_users") or []}
    if values["hub_registry_user"] not in users:
        yield (
            f"{name}: hub_registry_user is {values['hub_registry_user']!r}, but registry_users of {source} has"
            f" {_listed(users)}"
        )
    if values.get("hub_registry_plain_http"):
        return
    host, _colon, port = registry.rpartition(":") if ":" in registry else (registry, "", "443")
    fitting = [door for door in doors if door.port == int(port) and _among(host, door.names)]
    of_source = [door for door in fitting if door.server == source]
    if not of_source:
        where = [f"{door.server} as {_listed(door.names) or 'any name'} at port {door.port}" for door in doors]
        yield (
            f"{name}: hub_registry is {registry}, but {source} does not publish its registry there"
            f" ({'; '.join(where) or 'no server publishes one'}); add to proxy_sites of {source}: {{name: registry,"
            f" server_names: [{host}], upstream: 'http://127.0.0.1:{registries[source]['registry_port']}'}}"
        )
        return
    yield from _trust(name, values, registry, host, of_source[0], lab.hosts[source])


def _trust(name: str, values: Values, registry: str, host: str, door: Door, source: Values) -> Iterator[str]:
    """The certificate has the name, and the hub's server trusts who signed it."""
    item = next((one for one in source.get("certificates_list") or [] if one.get("name") == door.certificate), None)
    if item is None:
        return  # a certificate of other making
    own = source.get("certificates_default_names") or [door.server]
    names = item.get("names") or own
    # A server's own names are known on the server alone; its full name begins with the short one.
    guessed = not item.get("names") and host.partition(".")[0] == door.server.partition(".")[0]
    if not guessed and not _among(host, names):
        yield (
            f"{name}: hub_registry is {registry}, but the certificate {door.certificate} of {door.server} is for"
            f" {_listed(names)}; add {host} to its names in certificates_list"
        )
    if item.get("source") != "internal_ca":
        return
    if registry not in (values.get("certificates_ca_registries") or []):
        yield (
            f"{name}: Docker will not trust the registry {registry}, whose certificate is of the lab's own authority;"
            f" add {registry} to certificates_ca_registries, or set labserver_registry"
        )
    keepers = (values.get("certificates_ca_keeper"), source.get("certificates_ca_keeper"))
    if keepers[0] != keepers[1]:
        yield (
            f"{name}: certificates_ca_keeper is {keepers[0] or 'empty'}, but {keepers[1] or 'empty'} for {door.server},"
            " which has the registry; set it for the whole lab"
        )


def _doors(server: str, values: Values) -> Iterator[Door]:
    """Yield the sites of a server behind which its registry is."""
    if values.get("proxy_state", "present") != "present":
        return
    sites = values.get("proxy_sites")
    for site in [REGISTRY_SITE] if sites is None else sites:
        address = str(site.get("upstream", "")).partition("://")[2]
        if reach.is_loopback(address) and address.endswith(f":{values['registry_port']}"):
            names = tuple(str(one) for one in site.get("server_names") or ())
            certificate = site.get("certificate") or values.get("proxy_certificate") or "server"
            yield Door(server, names, int(site.get("port") or 443), str(certificate))


def _two_of_one_name(doors: Collection[Door]) -> Iterator[str]:
    seen: dict[tuple[str, int], str] = {}
    for door in doors:
        for name in door.names:
            first = seen.setdefault((name.lower(), door.port), door.server)
            if first != door.server:
                yield (
                    f"{door.server}: proxy_sites publish its registry as {name} at port {door.port}, and those of"
                    f" {first} do so too; give each registry a name of its own"
                )


def _names(lab: Lab) -> Iterator[str]:
    """Names that more than one server claims, in its front door or in certificates made for it."""
    doors: dict[tuple[str, int], str] = {}
    certificates: dict[str, str] = {}
    for server, values in lab.hosts.items():
        registry = f":{values['registry_port']}"
        for site in values.get("proxy_sites") or [] if values.get("proxy_state", "present") == "present" else []:
            for name in site.get("server_names") or []:
                port = int(site.get("port") or 443)
                first = doors.setdefault((str(name).lower(), port), server)
                # Two registries are said once, in words of their own.
                if first != server and not str(site.get("upstream", "")).endswith(registry):
                    yield (
                        f"{server}: proxy_sites (name={site.get('name')}) serves {name} at port {port}, which {first}"
                        " serves too; a name leads to one server"
                    )
        for item in values.get("certificates_list") or []:
            if item.get("source") not in ("internal_ca", "acme"):
                continue  # files and other programs may hold one certificate for many servers
            for name in {str(one).lower() for one in item.get("names") or [] if not str(one).startswith("*.")}:
                first = certificates.setdefault(name, server)
                if first != server:
                    yield (
                        f"{server}: certificates_list (name={item.get('name')}) asks for {name}, which {first} asks for"
                        " too; leave it out on one of them"
                    )


def _numbers(lab: Lab, read: Callable[[str], str]) -> list[str]:
    """Return uids and gids that the lists of the servers give twice, or otherwise than they are recorded."""
    known: dict[str, tuple[t.Any, ids.Found]] = {}
    path = ""
    for server, values in lab.having("", "accounts_state").items():
        desired, wrong = accounts_input.desired(values, read)
        if not wrong:  # said for that server already
            known[server] = (desired, ids.Found())
        path = path or str(values.get("accounts_ids_file") or "")
    try:
        recorded = ids.load(read(path) if path and Path(path).exists() else "", path)
    except (OSError, ValueError) as error:
        return [str(error)]
    return ids.allocate(known, recorded, path)[1]


def _among(host: str, names: Collection[str]) -> bool:
    """Tell whether a name is one of ``names``, wildcards for one label included; no names are all names."""
    wanted = {host.lower(), f"*.{host.partition('.')[2]}".lower()}
    return not names or bool(wanted & {str(name).lower() for name in names})


def _listed(names: Collection[str]) -> str:
    return ", ".join(str(name) for name in names)
