# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hub.json: the hub's own settings, from the variables of the role to the package ``labhub``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import canary
from contract import Meets, Reader, check, reading, schema, validate
from labhub.exchange.settings import Settings, load, parse
from labhub.login import methods
from labhub.trial import problems as trial_problems
from paths import ROOT
from role_files import argument
from writers import CARD, HUB_HOST, hub_settings, put

PATH = "etc/labserver/hub/hub.json"
# Where the hub has the exchange files: fixed for the containers of the role.
NOT_IN_THE_FILE = {"public_folder", "catalogue_file", "container_prefix", "usage_file", "status_file", "published_file"}
LOGINS: dict[str, dict[str, Any]] = {
    "firstuse": {},
    "native": {},
    "ldap": {"hub_ldap_server": "ldap.example.org", "hub_ldap_bind_templates": ["uid={username},dc=example"]},
    "oauth": {
        "hub_oauth_provider": "gitlab", "hub_oauth_url": "https://git.example.org", "hub_oauth_client_id": "hub",
        "hub_oauth_callback_url": "https://hub.example.org/hub/oauth_callback",
    },
}  # fmt: skip

READERS = [
    # Written and read by one release: a key that nobody knows is a misspelling, not something newer.
    Reader("labhub/exchange", reading(lambda root: load(root / PATH)), missing=Meets.REFUSES, unknown_keys=False)
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.room)
def test_readers_meet_what_is_not_as_it_should_be(reader: Reader, tmp_path: Path) -> None:
    check(reader, tmp_path, hub_settings(), PATH, "hub")


def test_what_is_written_fits_the_schema() -> None:
    validate(hub_settings(), PATH, "hub")


def test_schema_and_hub_know_the_same_keys() -> None:
    known = {field.name for field in dataclasses.fields(Settings)} - NOT_IN_THE_FILE
    assert set(schema("hub")["properties"]) == known | {"version"}


def test_inputs_of_the_role_arrive_in_their_units(tmp_path: Path) -> None:
    changes = {
        "hub_default_memory": "6GiB", "hub_default_cpu": 3, "hub_default_pids": "900", "hub_gpus_detected": True,
        "hub_homes_folders": ["/home", "/data/home"], "hub_user_config_enabled": True,
        "hub_culling_groups": {"leem": 3600}, "hub_tmp_size": "512M", "hub_server_disk_limit": "30G",
    }  # fmt: skip
    text = argument("hub", "hub_change", "settings", __hub_host=HUB_HOST, **changes)
    put(tmp_path, {PATH: text.encode()})
    settings = load(tmp_path / PATH)
    assert (settings.memory_bytes, settings.cpu, settings.pids) == (6 << 30, 3.0, 900)
    assert (settings.tmp_bytes, settings.layer_bytes) == (512 << 20, 30 << 30)
    assert settings.homes_folders == ("/home", "/data/home")
    assert (settings.gpus, settings.gpu_driver, settings.cgroup_parent) == ((CARD,), "cdi", "labnotebooks.slice")
    assert (settings.disable_user_config, settings.culling_groups) == (False, {"leem": 3600})


def test_the_canary_of_a_new_hub_has_places_of_its_own(tmp_path: Path) -> None:
    """Also where the file says nothing, and the hub would take what is its default."""
    text = argument("hub", "hub_change", "settings", __hub_host=HUB_HOST)
    put(tmp_path, {PATH: json.dumps(canary.settings(json.loads(text), canary.Folders())).encode()})
    own, of_people = dataclasses.asdict(load(tmp_path / PATH)), dataclasses.asdict(parse(json.loads(text)))
    shared = {"docker_socket", "catalogue_file"}  # behind its own guard; read only
    places = {key for key, value in of_people.items() if key not in shared and "/" in str(value)} - {
        "base_url",
        "registry",
    }
    assert {key for key in places if own[key] == of_people[key]} == set()
    assert own["container_prefix"] and not of_people["container_prefix"], (
        "its guard takes nobody else's servers for its own"
    )
    assert (own["network"], own["hub_name"]) == (canary.NETWORK, canary.HUB)


def test_defaults_of_the_role_are_those_of_the_hub(tmp_path: Path) -> None:
    """What the file leaves out, and what the container mounts, is where the hub looks for it by itself."""
    put(tmp_path, hub_settings())
    settings = load(tmp_path / PATH)
    role = yaml.safe_load((ROOT / "roles/hub/vars/main.yml").read_text(encoding="utf-8"))
    assert settings.catalogue_file == f"{role['__hub_catalogue_folder']}/images.json"
    assert any(bind.startswith(f"{settings.public_folder}:") for bind in role["__hub_read_only"])
    assert settings.secrets_folder.startswith(role["__hub_folder"])


@pytest.mark.parametrize("authenticator", sorted(methods.METHODS))
def test_the_hub_starts_with_what_the_role_writes(
    authenticator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = LOGINS[authenticator]
    rendered = argument("hub", "hub_change", "settings", hub_authenticator=authenticator, __hub_host=HUB_HOST, **given)
    settings = json.loads(rendered) | {"secrets_folder": str(tmp_path), "state_folder": str(tmp_path)}
    for name in ("proxy_token", "oauth_client_secret", "ldap_search_password"):
        (tmp_path / name).write_text("0" * 64)
    (tmp_path / "hub.json").write_text(json.dumps(settings))
    (tmp_path / "config.d").mkdir()
    monkeypatch.setenv("LABHUB_SETTINGS", str(tmp_path / "hub.json"))
    monkeypatch.setenv("LABHUB_CONFIG_D", str(tmp_path / "config.d"))
    monkeypatch.chdir(tmp_path)
    assert trial_problems() == []
