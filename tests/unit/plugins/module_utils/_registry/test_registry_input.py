# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inputs of the role, its users and its files."""

from __future__ import annotations

import json
import os
import stat
import time
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import config, protect, settings, users
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import input as registry_input

DEFAULTS = yaml.safe_load((Path(__file__).resolve().parents[5] / "roles/registry/defaults/main.yml").read_text())


def test_defaults_are_good() -> None:
    assert registry_input.problems(DEFAULTS) == []


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            {"registry_bind_address": "0.0.0.0"},
            "registry_bind_address: 0.0.0.0 is not a loopback address, and passwords",
        ),
        ({"registry_bind_address": "lan"}, "registry_bind_address: 'lan' is not an IP address; give one"),
        ({"registry_port": 0}, "registry_port: 0 is not a port; give a number from 1 to 65535"),
        ({"registry_anonymous_port": 5000}, "registry_anonymous_port: is the same as registry_port (5000)"),
        (
            {"registry_report_max_age_days": 0},
            "registry_report_max_age_days: 0 is not a number of days; give at least 1",
        ),
        ({"registry_keep_chosen_days": -1}, "registry_keep_chosen_days: -1 is not a number of days; give 0 or more"),
        ({"registry_max_fraction": 5}, "registry_max_fraction: 5 is not a number from 0 to 1"),
        ({"registry_protect": ["~("]}, "registry_protect[0]: '~(' is not a regular expression"),
        (
            {"registry_caches": [{"name": "hub"}]},
            "registry_caches[0] (name=hub): name 'hub' is not the name of",
        ),
        (
            {"registry_caches": [{"name": "quay.io"}, {"name": "quay.io"}]},
            "registry_caches[1] (name=quay.io): is the same name as registry_caches[0]",
        ),
        (
            {"registry_caches": [{"name": "quay.io", "upstream": "https://quay.io/v2"}]},
            "registry_caches[0] (name=quay.io): upstream is not an address such as https://quay.io, without a path",
        ),
        (
            {"registry_caches": [{"name": "quay.io", "username": "lab"}]},
            "registry_caches[0] (name=quay.io): username and password belong together",
        ),
        (
            {"registry_caches": [{"name": "a.b", "upstream": "http://a.b", "username": "lab", "password": "x"}]},
            "registry_caches[0] (name=a.b): the password would cross the network unencrypted",
        ),
        (
            {"registry_caches": [{"name": "a.b", "keep_days": 0}]},
            "registry_caches[0] (name=a.b): keep_days: 0 is not a number from 1 to 36500",
        ),
        (
            {"registry_caches": [{"name": "a.b", "max_size": "10M"}]},
            "registry_caches[0] (name=a.b): max_size: is less than one image needs",
        ),
        (
            {"registry_caches": [{"name": "a.b", "max_size": "lots"}]},
            'registry_caches[0] (name=a.b): max_size: "lots" is not a size',
        ),
        ({"registry_caches_min_free": "some"}, 'registry_caches_min_free: "some" is not a size'),
        (
            {"registry_mirror_port": 5002},
            "registry_mirror_port: engines ask a mirror for images of Docker Hub only, and",
        ),
        (
            {"registry_caches_folder": "/srv/labserver/registry/caches"},
            "registry_caches_folder: /srv/labserver/registry/caches and registry_data_folder",
        ),
        ({"registry_rotate_users": ["mira"]}, "registry_rotate_users[0]: there is no user 'mira' in registry_users"),
        ({"registry_policies": [{"keep": 3}]}, "registry_policies[0]: unknown option 'keep'; known: "),
        (
            {"registry_users": [{"name": "a", "access": "pull"}]},
            "registry_users[0]: the first user must have access: push",
        ),
        (
            {"registry_users": [{"name": "A b", "access": "push"}]},
            "registry_users[0] (name=A b): name 'A b' cannot be used",
        ),
        (
            {"registry_users": [{"name": "a", "access": "push"}, {"name": "a", "access": "pull"}]},
            "registry_users[1] (name=a): is the same name as registry_users[0]",
        ),
        (
            {"registry_users": [{"name": "a", "access": "push", "password": "ä" * 37}]},
            "registry_users[0] (name=a): the password has more than 72 bytes",
        ),
    ],
)
def test_problems(inputs: dict[str, t.Any], message: str) -> None:
    (problem,) = registry_input.problems({**DEFAULTS, **inputs})
    assert problem.startswith(message)


def test_lan_address_is_possible_on_demand() -> None:
    inputs = {**DEFAULTS, "registry_bind_address": "192.0.2.1", "registry_allow_plain_http": True}
    assert registry_input.problems(inputs) == []


def test_bcrypt_agrees_with_other_implementations() -> None:
    bcrypt = pytest.importorskip("bcrypt")
    hashed = users.new_hash("pässword")
    assert hashed.startswith("$2b$05$")
    assert bcrypt.checkpw("pässword".encode(), hashed.encode())
    assert users.matches("pässword", hashed)
    assert not users.matches("other", hashed)
    # One of a higher cost is replaced: it would allow four requests per second.
    assert not users.matches("x", bcrypt.hashpw(b"x", bcrypt.gensalt(6)).decode())


def desired(folder: Path, *people: users.User, rotate: frozenset[str] = frozenset()) -> config.Desired:
    return config.Desired(folder / "etc", folder / "data", 0, tuple(people), {"config.yml": "a: 1\n"}, "{}\n", rotate)


PUSHER, PULLER = users.User("pusher", "push", ""), users.User("puller", "pull", "")


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files to root")
def test_files_users_and_rotation(tmp_path: Path) -> None:
    first = config.compare(desired(tmp_path, PUSHER, PULLER))
    assert not (tmp_path / "etc").exists(), "a plan writes nothing"
    assert first.generated == ("pusher", "puller")
    config.apply(first)
    secret = tmp_path / "etc/secrets/puller"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    password = secret.read_text().strip()
    container = tmp_path / "etc/container"
    readers = dict(line.split(":") for line in (container / "readers").read_text().splitlines())
    pushers = dict(line.split(":") for line in (container / "pushers").read_text().splitlines())
    assert set(readers) == {"puller", "pusher"} and set(pushers) == {"pusher"}
    assert users.matches(password, readers["puller"])

    assert config.compare(desired(tmp_path, PUSHER, PULLER)).actions == ()

    rotated = config.compare(desired(tmp_path, PUSHER, PULLER, rotate=frozenset({"puller"})))
    assert rotated.generated == ("puller",)
    assert rotated.config_hash == first.config_hash, "the container is not replaced for a new password"
    config.apply(rotated)
    assert secret.read_text().strip() != password
    readers = dict(line.split(":") for line in (container / "readers").read_text().splitlines())
    assert not users.matches(password, readers["puller"])

    gone = config.compare(desired(tmp_path, PUSHER))
    config.apply(gone)
    assert not secret.exists() and "puller" not in (container / "readers").read_text()
    shown = "".join(action.before + action.after for plan in (first, rotated, gone) for action in plan.actions)
    assert "$2b$" not in shown and password not in shown


def test_references_without_a_registrys_name() -> None:
    assert protect.local_name("127.0.0.1:5000/a/b:1") == "a/b:1"
    assert protect.local_name("localhost/a") == "a:latest"
    assert protect.local_name("a/b") == "a/b:latest"
    assert protect.local_name("registry.lab/a/b") == "a/b:latest"


def test_protection_from_reports(tmp_path: Path) -> None:
    (tmp_path / "lab2.json").write_text(
        '{"version": 1, "host": "lab2", "images": [{"id": "sha256:1", "digests": ["sha256:2"], '
        '"references": ["127.0.0.1:5000/nb:1"], "user": "jupyter-bob"}]}'
    )
    found = protect.gather(reports=[tmp_path / "lab2.json"])
    why = "in use on lab2 by jupyter-bob"
    assert found.digests == {"sha256:1": why, "sha256:2": why}
    assert found.names == {"nb:1": why}


def test_a_host_that_is_silent_for_too_long_stops_everything(tmp_path: Path) -> None:
    """What it uses by now is not known; a host that was asked a moment ago needs no report."""
    needed = {"version": 1, "store": "/srv", "url": "http://127.0.0.1:5000", "container": "registry", "policies": []}
    values = {**needed, "in_use_folder": str(tmp_path), "report_hosts": ["lab2", "lab3.x"]}
    given = settings.parse({**values, "report_max_age_days": 30})
    report = {"version": 1, "host": "lab3.x", "images": [{"id": "sha256:1", "user": "nb"}]}
    (tmp_path / "lab3_x.json").write_text(json.dumps(report))
    with pytest.raises(
        protect.ProtectionError, match=r"^lab2 has never told which images it uses\. Run playbooks/prune"
    ):
        given.protection()
    fresh = ("lab2", [{"id": "sha256:2"}])
    assert set(given.protection([fresh]).digests) == {"sha256:1", "sha256:2"}
    long_ago = time.time() - 31 * 86400
    os.utime(tmp_path / "lab3_x.json", (long_ago, long_ago))
    with pytest.raises(
        protect.ProtectionError, match=r"^lab3\.x told 31 days ago which images it uses, more than 30\."
    ):
        given.protection([fresh])
    # Of a host that is not listed a report of any age protects.
    assert set(settings.parse({**values, "report_hosts": []}).protection().digests) == {"sha256:1"}


@pytest.mark.parametrize("text", ["", '{"version": 2, "images": []}', '{"version": 1, "images": "no"}', "[]"])
def test_a_report_that_cannot_be_read_stops_everything(tmp_path: Path, text: str) -> None:
    (tmp_path / "lab2.json").write_text(text)
    with pytest.raises(protect.ProtectionError, match=r"lab2\.json"):
        protect.gather(reports=[tmp_path / "lab2.json"])


def test_all_problems_of_the_settings_at_once(tmp_path: Path) -> None:
    path = tmp_path / "maintenance.json"
    given = {"version": 1, "store": 3, "container": "registry", "policies": [{"keep": 1}], "allow_empty": "yes"}
    path.write_text(json.dumps(given))
    with pytest.raises(settings.SettingsError) as error:
        settings.read(path)
    lines = [line.removeprefix(f"{path}: ") for line in str(error.value).splitlines()]
    assert lines[:2] == ["url must be given", "store: 3 is not a text"]
    assert lines[2].startswith("policies[0]: unknown option 'keep'") and lines[3:] == [
        "allow_empty: 'yes' is not true or false"
    ]


def test_settings_have_their_defaults_in_one_place() -> None:
    needed = {"version": 1, "store": "/srv", "url": "http://127.0.0.1:5000", "container": "registry", "policies": []}
    found = settings.parse(needed)
    assert found == settings.Settings(Path("/srv"), "http://127.0.0.1:5000", "registry", ())
    assert settings.parse({**needed, "max_removals": 3, "catalogues": ["/a"]}).limits.max_removals == 3
    assert found.report_max_age_days == DEFAULTS["registry_report_max_age_days"]
    assert found.keep_chosen_days == DEFAULTS["registry_keep_chosen_days"]
    assert found.limits.max_fraction == DEFAULTS["registry_max_fraction"]
