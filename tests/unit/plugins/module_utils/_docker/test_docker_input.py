# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mistakes in the inputs of the role docker are told."""

from __future__ import annotations

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._docker.input import problems


def test_the_defaults_are_good() -> None:
    pools = [{"base": "172.28.0.0/14", "size": 24}]
    assert problems({"docker_log_max_size": "10m", "docker_address_pools": pools, "docker_users": ["operator"]}) == []


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"docker_log_max_size": "10 MB"}, "docker_log_max_size: '10 MB' is not a size"),
        ({"docker_log_max_files": 0}, "docker_log_max_files: has to be 1 at least"),
        (
            {"docker_address_pools": [{"base": "10.0.0.0/8", "size": 24}, {"base": "10.0.0.1/8", "size": 24}]},
            "docker_address_pools[1]: base '10.0.0.1/8' is not an address range",
        ),
        (
            {"docker_address_pools": [{"base": "10.0.0.0/16", "size": 8}]},
            "docker_address_pools[0]: size 8 does not fit into 10.0.0.0/16; choose a prefix length from 16 to 30",
        ),
        ({"docker_users": ["op", "jupyter-alice"]}, "docker_users[1] (jupyter-alice): is an account of a person"),
        (
            {"docker_daemon_options": {"swarm-default-advertise-addr": "eth0"}},
            "docker_live_restore: Swarm does not work with live-restore",
        ),
        (
            {"docker_daemon_options": {"hosts": ["tcp://0.0.0.0:2375"]}},
            "docker_daemon_options.hosts: the engine would not start",
        ),
        (
            {"docker_http_proxy": "http://lab:secret@proxy.example.org:3128", "docker_source": "upstream"},
            "docker_upstream_key: give the key itself as text",
        ),
    ],
)
def test_each_mistake_has_its_message(inputs: dict, message: str) -> None:
    (found,) = problems(inputs)
    assert found.startswith(message)
