# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of three servers: atlas has the hub, boreas the registry, castor neither."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.labserver.jupyter.plugins.plugin_utils import _lab

NAME = "registry.lab.test"
PORT = {"hub_registry": f"{NAME}:5443", "certificates_ca_registries": [f"{NAME}:5443"]}
OWN = {"hub_registry": "127.0.0.1:5000", "hub_registry_from": ""}
Change = t.Callable[[dict[str, dict[str, t.Any]], dict[str, list[str]]], None]


def certificate(*names: str, source: str = "internal_ca") -> list[dict[str, t.Any]]:
    return [{"name": "server", "source": source, "names": list(names)}]


def server(name: str, **values: t.Any) -> dict[str, t.Any]:
    return {
        "hub_state": "present",
        "hub_registry": NAME,
        "hub_registry_from": "boreas",
        "hub_registry_user": "puller",
        "hub_registry_plain_http": False,
        "registry_state": "present",
        "registry_port": 5000,
        "registry_users": [{"name": "pusher", "access": "push"}, {"name": "puller", "access": "pull"}],
        "proxy_state": "present",
        "proxy_certificate": "server",
        "proxy_sites": [],
        "certificates_list": certificate(f"{name}.lab.test"),
        "certificates_ca_keeper": "boreas",
        "certificates_ca_registries": [NAME],
        "accounts_state": "present",
        "accounts_users": [{"name": "mira", "uid": 20001}],
        "accounts_ids_file": "",
        **values,
    }


def lab() -> tuple[dict[str, dict[str, t.Any]], dict[str, list[str]]]:
    site = {"name": "registry", "server_names": [NAME], "upstream": "http://127.0.0.1:5000"}
    boreas = server("boreas", hub_registry="127.0.0.1:5000", hub_registry_from="", proxy_sites=[site])
    boreas["certificates_list"] = certificate("boreas.lab.test", NAME)
    hosts = {"atlas": server("atlas"), "boreas": boreas, "castor": server("castor")}
    groups = {"all": [*hosts], "labserver_hubs": ["atlas"], "labserver_registries": ["boreas"]}
    return hosts, groups


def found(change: Change | None = None) -> list[str]:
    hosts, groups = copy.deepcopy(lab())
    if change is not None:
        change(hosts, groups)
    return _lab.problems(_lab.Lab(hosts, groups), read=lambda path: "")


def test_a_good_lab_has_no_problem() -> None:
    assert found() == []


def also_a_registry(hosts: dict[str, dict[str, t.Any]], groups: dict[str, list[str]]) -> None:
    groups["labserver_registries"].append("castor")
    hosts["castor"]["proxy_sites"] = hosts["boreas"]["proxy_sites"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda h, g: h["atlas"].update(hub_registry="127.0.0.1:5000"), "atlas: its hub has no registry"),
        (lambda h, g: h["atlas"].update(hub_registry_from="castor"), "castor, which has no registry; put it into"),
        (lambda h, g: h["atlas"].update(hub_registry_from="dorado"), "no server of the lab has this name"),
        (lambda h, g: h["boreas"].update(registry_state="absent"), "boreas, which has no registry"),
        (lambda h, g: h["atlas"].update(hub_registry_user="reader"), "'reader', but registry_users of boreas has"),
        (lambda h, g: h["boreas"].update(proxy_sites=[]), "boreas does not publish its registry there (no server"),
        (lambda h, g: h["boreas"].update(proxy_sites=None), "(boreas as any name at port 5443)"),
        (lambda h, g: h["boreas"].update(proxy_state="absent"), "does not publish its registry there"),
        (lambda h, g: h["atlas"].update(hub_registry=f"{NAME}:5443"), "(boreas as registry.lab.test at port 443)"),
        (lambda h, g: h["boreas"].update(registry_port=5001), "does not publish its registry there"),
        (
            lambda h, g: h["boreas"].update(certificates_list=certificate("boreas.lab.test")),
            "the certificate server of boreas is for boreas.lab.test; add registry.lab.test",
        ),
        (lambda h, g: h["atlas"].update(certificates_ca_registries=[f"{NAME}:443"]), "Docker will not trust"),
        (lambda h, g: h["atlas"].update(certificates_ca_keeper=""), "atlas: certificates_ca_keeper is empty, but"),
        (also_a_registry, "castor: proxy_sites publish its registry as registry.lab.test at port 443, and those of"),
        (
            lambda h, g: [
                h[n].update(proxy_sites=[{"name": "hub", "server_names": ["hub.lab.test"], "upstream": "http://127.0.0.1:8000"}])
                for n in ("atlas", "castor")
            ],
            "castor: proxy_sites (name=hub) serves hub.lab.test at port 443, which atlas serves too",
        ),
        (
            lambda h, g: h["castor"].update(certificates_list=certificate("Atlas.lab.test")),
            "castor: certificates_list (name=server) asks for atlas.lab.test, which atlas asks for too",
        ),
        (
            lambda h, g: h["castor"].update(accounts_users=[{"name": "mira", "uid": 20002}]),
            "accounts_users (name=mira): has more than one number: 20001 (uid of the inventory for atlas, uid of the "
            "inventory for boreas), 20002 (uid of the inventory for castor)",
        ),
        (
            lambda h, g: h["castor"].update(accounts_users=[{"name": "noor", "uid": 20001}]),
            "accounts_users (name=noor): uid 20001 is or was that of mira",
        ),
        (lambda h, g: g.update(labserver_hub=["castor"]), "group labserver_hub: nothing looks at this group"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_said(change: Change, words: str) -> None:
    problems = found(change)
    assert len(problems) == 1 and words in problems[0], problems


@pytest.mark.parametrize(
    "change",
    [
        lambda h, g: [h["boreas"].update(proxy_sites=None), h["atlas"].update(PORT)],
        lambda h, g: [g.pop("labserver_registries"), h["atlas"].update(OWN)],
        lambda h, g: h["atlas"].update(hub_registry="elsewhere.example.org", hub_registry_from=""),
        lambda h, g: h["boreas"].update(certificates_list=certificate("boreas.lab.test", "*.lab.test")),
        lambda h, g: h["boreas"].update(certificates_list=certificate(NAME, source="acme")),
        lambda h, g: [h[n].update(certificates_list=certificate(NAME, source="files")) for n in ("atlas", "castor")],
        lambda h, g: h["atlas"].update(hub_registry="boreas:5000", hub_registry_plain_http=True),
        lambda h, g: [h["atlas"].update(hub_state="absent", hub_registry="127.0.0.1:5000")],
        lambda h, g: g.update(labservers=["atlas"], cocalc=["atlas"], labserver_hubs=[]),
    ],
)  # fmt: skip
def test_what_fits_is_not_complained_of(change: Change) -> None:
    assert found(change) == []
