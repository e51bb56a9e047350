# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role tells its own program on the host: every key that is written is one that the program knows."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._builds import settings as builds_settings
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.registry import LabRegistry
from ansible_collections.labserver.jupyter.plugins.module_utils._catalogue.signed import Signed
from ansible_collections.labserver.jupyter.plugins.module_utils._hub import reserve
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import settings as registry_settings
from ansible_collections.labserver.jupyter.tests.unit.plugins.module_utils._catalogue.cosign import Key
from exchange_table import TABLE
from places import backup_settings
from role_files import argument, written

KEEP = {"daily": 7, "weekly": 4, "monthly": 6}


def document(content: bytes) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(content)
    assert loaded["version"] == 1
    return loaded


def test_backup(tmp_path: Path) -> None:
    given = {"backup_repository": "/mnt/nas/backup", "backup_password": "secret", "backup_paths": ["/opt/data"]}
    content = written("backup", "/etc/labserver/backup/settings.json", **given)
    settings = backup_settings(content)
    known = {field.name for field in dataclasses.fields(settings)}
    assert set(document(content)) - {"version"} == known
    assert (settings.repository, settings.host, settings.paths) == ("/mnt/nas/backup", "lab1", ("/opt/data",))
    assert set(settings.keep) == set(KEEP)
    assert all(isinstance(count, int) for count in settings.keep.values())


def test_registry() -> None:
    policies = [{"repositories": ["*"], "keep_last": 3}]
    values = argument("registry", "registry_config", "maintenance", registry_policies=policies)
    settings = registry_settings.parse(values)
    assert set(values) - {"version"} - set(registry_settings.KINDS) == set()
    assert len(settings.policies) == 1
    assert settings.in_use_folder == Path("/etc/labserver/registry/in-use.d")
    assert settings.url == "http://127.0.0.1:5000"


def test_catalogue() -> None:
    keys = [{"name": "lab-2026", "key": Key().public}]
    given = {"hub_image_signatures": keys, "hub_images_unsigned": ["people/*"], "hub_image_repositories": ["notebook"]}
    settings = document(written("hub", "/etc/labserver/hub/catalogue.json", **given))
    assert LabRegistry(settings)
    assert settings["output"] in {exchange.path for exchange in TABLE}
    assert settings["repositories"] == ["notebook"]
    signed = Signed.of_settings(settings, print)
    assert signed is not None
    assert (signed.holds("people/leem/mira/fit", "sha256:1"), signed.holds("notebook", "sha256:1")) == (True, False)
    assert Signed.of_settings(document(written("hub", "/etc/labserver/hub/catalogue.json")), print) is None


def test_builds(tmp_path: Path) -> None:
    given = {"hub_builds": True, "hub_builds_groups": ["leem"], "hub_builds_max_size": "2GiB"}
    content = written("hub", "/" + builds_settings.FILE, **given)
    (tmp_path / builds_settings.FILE).parent.mkdir(parents=True)
    (tmp_path / builds_settings.FILE).write_bytes(content)
    settings = builds_settings.load(tmp_path)
    assert set(document(content)) - {"version"} == {field.name for field in dataclasses.fields(settings)}
    assert settings.builds_file in {exchange.path for exchange in TABLE}
    assert (settings.groups, settings.most_bytes, settings.username) == (("leem",), 2 << 30, "pusher")


@pytest.mark.parametrize(("memory", "size"), [("2GiB", 2 << 30), ("512M", 512 << 20)])
def test_notebooks(memory: str, size: int) -> None:
    config = document(
        written("hub", "/etc/labserver/hub/notebooks.json", hub_reserve_memory=memory, hub_reserve_cpus=1)
    )
    host = reserve.Host(16 << 30, 8, 32768)
    limits = reserve.limits(host, config["reserve_memory_bytes"], config["reserve_cpus"])
    assert (limits.memory_bytes, limits.cpus) == ((16 << 30) - size, 7)
