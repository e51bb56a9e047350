# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules between the inputs of the role hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.labserver.jupyter.plugins.module_utils._hub.input import problems

DEFAULTS = Path(__file__).resolve().parents[5] / "roles" / "hub" / "defaults" / "main.yml"


def inputs(**changes: Any) -> dict[str, Any]:
    return {**yaml.safe_load(DEFAULTS.read_text()), "hub_registry": "127.0.0.1:5000", **changes}


BUILDS: dict[str, Any] = {"hub_builds": True, "hub_builds_groups": ["leem"], "hub_registry_from": ""}


def test_the_defaults_are_right() -> None:
    assert problems(inputs()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hub_subnet": "172.27.240.1/20"}, "hub_subnet: 172.27.240.1/20 has host bits set; give a network such as"),
        ({"hub_people_range": "10.0.0.0/24"}, "hub_people_range: 10.0.0.0/24 is not a part of hub_subnet"),
        ({"hub_people_range": "x"}, "hub_people_range: 'x' does not appear to be"),
        ({"hub_address": "10.0.0.1"}, "hub_address: 10.0.0.1 is not an address for a machine in 172.27.240.0/20"),
        ({"hub_address": "172.27.240.0"}, "hub_address: 172.27.240.0 is not an address for a machine"),
        ({"hub_host_ports": [443, 0]}, "hub_host_ports[1]: 0 is no port"),
        ({"hub_address": "172.27.248.9"}, "hub_address: 172.27.248.9 lies in hub_people_range"),
        ({"hub_proxy_address": "172.27.240.2"}, "hub_proxy_address: is the same as hub_address"),
        ({"hub_proxy_address": "proxy"}, "hub_proxy_address: 'proxy' does not appear"),
        ({"hub_ssh": True, "hub_ssh_port": 22}, "hub_ssh_port: on 22 listens the host's own SSH server; give another"),
        ({"hub_ssh": True, "hub_ssh_port": 8000}, "hub_ssh_port: 8000 is hub_port too; give each its own"),
        ({"hub_ssh": True, "hub_ssh_port": 0}, "hub_ssh_port: 0 is no port; give a number from 1 to 65535"),
        ({"hub_ssh": True, "hub_ssh_address": "172.27.240.3"}, "hub_ssh_address: 172.27.240.3 is hub_address or hub"),
        ({"hub_ssh": True, "hub_ssh_address": "10.0.0.1"}, "hub_ssh_address: 10.0.0.1 is not an address for a"),
        ({"hub_ssh": True, "hub_ssh_memory": "1M"}, "hub_ssh_memory: 1M is too little: a shell with rsync needs 128M"),
        ({"hub_ssh": True, "hub_ssh_hours": 0}, "hub_ssh_hours: 0 is too small; give 1 or more"),
        ({"hub_ssh": True, "hub_ssh_bind_address": "lab"}, "hub_ssh_bind_address: 'lab' does not appear to be"),
        ({"hub_runs_per_person": 0}, "hub_runs_per_person: 0 is too small; give 1 or more"),
        ({"hub_runs_at_once": 0}, "hub_runs_at_once: 0 is too small; give 1 or more"),
        ({"hub_runs_longest_hours": 0}, "hub_runs_longest_hours: 0 is too small; give 1 or more"),
        ({"hub_runs_longest_hours": 200}, "hub_runs_longest_hours: 200 is too long; give at most 168"),
        ({**BUILDS, "hub_builds_per_person": 0}, "hub_builds_per_person: 0 is too small; give 1 or more"),
        ({**BUILDS, "hub_builds_at_once": 0}, "hub_builds_at_once: 0 is too small; give 1 or more"),
        ({**BUILDS, "hub_builds_longest_minutes": 0}, "hub_builds_longest_minutes: 0 is too small; give 1 or more"),
        (
            {**BUILDS, "hub_builds_longest_minutes": 361},
            "hub_builds_longest_minutes: 361 is too long; give at most 360",
        ),
        ({**BUILDS, "hub_builds_max_size": "1M"}, "hub_builds_max_size: 1M is too little: an environment needs 64M"),
        ({**BUILDS, "hub_builds_max_size": "big"}, 'hub_builds_max_size: "big" is not a size'),
        ({**BUILDS, "hub_builds_groups": []}, "hub_builds_groups: is empty, so nobody could make an image"),
        (
            {**BUILDS, "hub_builds_groups": ["leem", "a/b"]},
            "hub_builds_groups[1]: 'a/b' cannot be a part of a repository",
        ),
        (
            {**BUILDS, "hub_registry_from": "lab2"},
            "hub_builds: the registry is on lab2, and a password that may replace",
        ),
        ({**BUILDS, "hub_image_repositories": ["note*"]}, "hub_image_repositories: leaves people's images out"),
        ({"hub_default_memory": "much"}, 'hub_default_memory: "much" is not a size; write a number with K, M, G or T'),
        ({"hub_default_memory": "64M"}, "hub_default_memory: 64M is too little: a notebook needs 256M or more"),
        ({"hub_default_cpu": 0}, "hub_default_cpu: 0 is too small; give 0.1 or more"),
        ({"hub_usage_keep_days": 7}, "hub_usage_keep_days: 7 is not from 31 to 3660; give a number of days"),
        ({"hub_usage_keep_days": -1}, "hub_usage_keep_days: -1 is not from 31 to 3660"),
        ({"hub_default_pids": 10}, "hub_default_pids: 10 is too small"),
        ({"hub_concurrent_spawns": 0}, "hub_concurrent_spawns: 0 is too small"),
        ({"hub_start_timeout_seconds": 1}, "hub_start_timeout_seconds: 1 is too small"),
        ({"hub_password_minimum_length": 4}, "hub_password_minimum_length: 4 is too small; give 8 or more"),
        ({"hub_reserve_memory": "1M"}, "hub_reserve_memory: 1M is too little: host and hub need 512M or more"),
        ({"hub_reserve_memory": "some"}, 'hub_reserve_memory: "some" is not a size'),
        ({"hub_reserve_cpus": -1}, "hub_reserve_cpus: -1 is less than nothing"),
        ({"hub_gpus": ["all"]}, "hub_gpus[0]: 'all' is no id of a card"),
        ({"hub_gpus": ["0", "GPU-1-a", "0"]}, "hub_gpus[2]: 0 is listed twice"),
        ({"hub_base_url": "/jupyter"}, "hub_base_url: '/jupyter' needs a slash at both ends"),
        ({"hub_environment": {"A-B": "1"}}, "hub_environment: 'A-B' is not the name of a variable"),
        ({"hub_environment": {"HOME": "/"}}, "hub_environment[HOME]: the hub sets it itself"),
        ({"hub_environment": {"JUPYTERHUB_API_TOKEN": "x"}}, "hub_environment[JUPYTERHUB_API_TOKEN]: the hub sets it"),
        ({"hub_environment": {"DEBUG": True}}, "hub_environment[DEBUG]: is no text and no number"),
        ({"hub_environment": {"A": "1\n2"}}, "hub_environment[A]: has a line break"),
        ({"hub_registry": "registry"}, "hub_registry: 'registry' is not how a reference of an image begins"),
        ({"hub_registry": "https://registry.lab.test"}, "hub_registry: 'https://registry.lab.test' is not how"),
        ({"hub_registry": "registry.lab.test/notebooks"}, "hub_registry: 'registry.lab.test/notebooks' is not how"),
        ({"hub_port": 70000}, "hub_port: 70000 is no port"),
        ({"hub_images": {"n": "x"}}, "hub_images[n]: is not a mapping"),
        ({"hub_images": {"n": {"titel": "x"}}}, "hub_images[n]: unknown key titel; the keys are"),
        ({"hub_images": {"n": {"groups": "leem"}}}, "hub_images[n].groups: is not a list"),
        ({"hub_images": {"n": {"limits": {"ram": 1}}}}, "hub_images[n].limits: unknown key ram"),
        ({"hub_images": {"n": {"limits": {"cpu": "2"}}}}, "hub_images[n].limits.cpu: '2' is not a positive number"),
        ({"hub_culling_warning_seconds": 86400}, "hub_culling_warning_seconds: must be less"),
        ({"hub_culling_groups": {"leem": -1}}, "hub_culling_groups[leem]: -1 is no number of seconds"),
        ({"hub_culling_groups": {"leem": 900}}, "hub_culling_groups[leem]: 900 is not more than hub_culling_warning"),
        ({"hub_lab_colour": "green"}, "hub_lab_colour: 'green' is no colour; write it as #rrggbb"),
        ({"hub_lab_logo": "/nowhere/logo.png"}, "hub_lab_logo: /nowhere/logo.png cannot be read on the controller"),
        ({"hub_lab_logo": "logo.gif"}, "hub_lab_logo: logo.gif is neither .png nor .svg"),
        (
            {"hub_lab_links": [{"title": "W", "url": "javascript:1"}]},
            "hub_lab_links[0].url: 'javascript:1' is no address",
        ),
        ({"hub_lab_links": [{"title": " ", "url": "/w"}]}, "hub_lab_links[0].title: is empty"),
        ({"hub_announcements": [{"text": "x", "until": "soon"}]}, "hub_announcements[0].until: 'soon' is no time"),
        (
            {"hub_announcements": [{"text": "x", "from": "2026-12-02", "until": "2026-12-01"}]},
            "hub_announcements[0]: ends before it begins",
        ),
        ({"hub_config_d": ["c.X.y = 1", "c.X.y ="]}, "hub_config_d[1]: not Python, line 1: invalid syntax"),
    ],
)
def test_each_mistake_is_named(changes: dict[str, Any], message: str) -> None:
    found = problems(inputs(**changes))
    assert len(found) == 1, found
    assert message in found[0]


def test_images_by_people_are_fine_where_the_registry_is_here() -> None:
    assert problems(inputs(**BUILDS)) == []


def test_all_mistakes_are_named_together() -> None:
    assert len(problems(inputs(hub_port=0, hub_default_memory="x", hub_base_url="", hub_config_d=["("]))) == 4


@pytest.mark.parametrize("size", ["4G", "512MB", "1.5g", "4GiB", 1 << 30])
def test_sizes_are_written_as_everywhere(size: str | int) -> None:
    assert problems(inputs(hub_default_memory=size)) == []
