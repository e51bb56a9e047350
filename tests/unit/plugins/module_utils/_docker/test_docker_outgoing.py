# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's proxy in the files of a host."""

from __future__ import annotations

import stat
import urllib.request
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import due
from ansible_collections.labserver.jupyter.plugins.module_utils._common import outgoing as common
from ansible_collections.labserver.jupyter.plugins.module_utils._docker import outgoing

PROXY = "http://proxy.example.org:3128"
SECRET = "http://lab:p%40ss@proxy.example.org:3128"
DIRECT = ("atlas.example.org", ".intern.example.org", "10.0.0.0/8", "192.0.2.7", "2001:db8::7")


def converge(root: Path, http: str, https: str = "", direct: tuple[str, ...] = ()) -> outgoing.Plan:
    plan = outgoing.compare(root, outgoing.desired(http, https, direct))
    outgoing.apply(root, plan)
    return plan


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_without_a_proxy_nothing_is_written(tmp_path: Path) -> None:
    assert converge(tmp_path, "").files == ()
    assert list(tmp_path.iterdir()) == []


def test_a_proxy_is_named_to_apt_engine_and_jobs(tmp_path: Path) -> None:
    assert len(converge(tmp_path, PROXY, direct=DIRECT).files) == 3
    variables = common.environment(tmp_path)
    assert variables["http_proxy"] == variables["HTTPS_PROXY"] == PROXY
    assert {"127.0.0.1", *DIRECT} <= set(variables["no_proxy"].split(","))
    apt = (tmp_path / "etc/apt/apt.conf.d/80labserver-outgoing").read_text().splitlines()
    assert f'Acquire::http::Proxy "{PROXY}";' in apt
    assert f'Acquire::https::Proxy "{PROXY}";' in apt
    assert 'Acquire::http::Proxy::atlas.example.org "DIRECT";' in apt
    assert not [line for line in apt if "10.0.0.0" in line or ".intern" in line or "2001:" in line]
    unit = (tmp_path / "etc/systemd/system/docker.service.d/labserver-outgoing.conf").read_text()
    assert "EnvironmentFile=-/etc/labserver/outgoing.env\n" in unit
    assert due.marked(tmp_path, "docker.service")


def test_pythons_own_reader_of_the_variables_knows_the_exceptions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    converge(tmp_path, PROXY, direct=DIRECT)
    for name, value in common.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    assert urllib.request.getproxies()["https"] == PROXY
    for host in ("localhost", "127.0.0.1:5000", "atlas.example.org", "nas.intern.example.org"):
        assert urllib.request.proxy_bypass(host), host
    assert not urllib.request.proxy_bypass("pypi.org")


def test_the_second_time_nothing_is_to_do_and_without_the_proxy_all_goes(tmp_path: Path) -> None:
    converge(tmp_path, SECRET)
    due.clear(tmp_path, "docker.service")
    assert converge(tmp_path, SECRET).files == ()
    assert not due.marked(tmp_path, "docker.service")
    assert len(converge(tmp_path, "").files) == 3
    assert not [path for path in (tmp_path / "etc").rglob("*") if path.is_file()]
    assert due.marked(tmp_path, "docker.service")


def test_a_password_is_for_root_alone_and_not_shown(tmp_path: Path) -> None:
    plan = converge(tmp_path, SECRET)
    assert {mode(tmp_path / file.path) for file in plan.files if "docker" not in file.path} == {0o600}
    assert "p%40ss" not in plan.before + plan.after
    assert "http_proxy=http://(hidden)@proxy.example.org:3128" in plan.after
    assert mode(tmp_path / converge(tmp_path, PROXY).files[1].path) == 0o644


def test_another_proxy_for_tls(tmp_path: Path) -> None:
    converge(tmp_path, PROXY, "http://tls.example.org:3129")
    assert common.environment(tmp_path)["https_proxy"] == "http://tls.example.org:3129"


@pytest.mark.parametrize(
    ("http", "direct", "words"),
    [
        ("proxy.example.org:3128", (), "docker_http_proxy: does not begin with http:// or https://"),
        ("http://proxy.example.org", (), "docker_http_proxy: has no port"),
        ("http://:3128", (), "docker_http_proxy: has no host"),
        ("http://proxy.example.org:99999", (), "docker_http_proxy: its port is not a number"),
        ("http://proxy.example.org:3128/pac", (), "docker_http_proxy: has a path"),
        ("http://lab@proxy.example.org:3128", (), "names a user without a password"),
        ("http://lab:pa ss@proxy.example.org:3128", (), "needs percent-encoding"),
        (PROXY, ("*",), "docker_no_proxy[0]: '*' would turn the proxy off"),
        (
            PROXY,
            ("a.example.org", "https://b.example.org"),
            "docker_no_proxy[1]: 'https://b.example.org' is not a host",
        ),
    ],
)
def test_mistakes(http: str, direct: tuple[str, ...], words: str) -> None:
    found = outgoing.problems(http, "", direct)
    assert len(found) == 1
    assert words in found[0]
    assert "pa ss" not in found[0]


def test_what_is_complete_is_right() -> None:
    assert outgoing.problems(SECRET, PROXY, DIRECT) == []
    assert outgoing.problems("", "", DIRECT) == []
