# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The front door as text, and the plan around it with a fake root and commands that answer as told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._proxy import input as proxy_input
from ansible_collections.labserver.jupyter.plugins.module_utils._proxy import main_file as proxy_main_file
from ansible_collections.labserver.jupyter.plugins.module_utils._proxy import model as proxy_model
from ansible_collections.labserver.jupyter.plugins.module_utils._proxy import nginx as proxy_nginx
from ansible_collections.labserver.jupyter.plugins.module_utils._proxy import plan as proxy_plan
from ansible_collections.labserver.jupyter.plugins.module_utils._status import services as status_services

HUB: dict[str, Any] = {"name": "hub", "upstream": "http://127.0.0.1:8000", "server_names": ["hub.lab.test"]}
REGISTRY: dict[str, Any] = {"name": "registry", "upstream": "http://127.0.0.1:5000", "port": 5443}
MAIN = """\
events {
    worker_connections 768;
}
http {
    include /etc/nginx/conf.d/*.conf;
    include /etc/nginx/sites-enabled/*;
}
"""


class Host:
    """A root below a folder, and what the commands of the system answer."""

    def __init__(self, root: Path) -> None:
        self.root, self.ran, self.running, self.test = root, [], False, (0, "")
        (root / "etc/nginx/conf.d").mkdir(parents=True)
        (root / "etc/nginx/sites-enabled").mkdir()
        (root / "etc/nginx/nginx.conf").write_text(MAIN)
        (root / "etc/nginx/sites-enabled/default").write_text("server {}")
        self.ran: list[str] = []
        self.tested = ""
        self.killed_at = ""
        self.reload = (0, "")

    def run(self, argv: Sequence[str]) -> tuple[int, str]:
        self.ran.append(" ".join(argv[:3]))
        if "is-active" in argv:
            return (0 if self.running else 3), ""
        if self.killed_at and self.killed_at in argv:
            raise KeyboardInterrupt
        if argv[0] == "nginx":
            self.tested = Path(argv[-1]).read_text()
            return self.test
        self.running = True
        return self.reload if "reload" in argv else (0, "")

    def plan(self, *items: dict[str, Any]) -> proxy_plan.Plan:
        desired = proxy_plan.Desired(tuple(proxy_model.from_mapping(item, "server") for item in items), 80, ("lab1",))
        return proxy_plan.compare(desired, proxy_plan.read(self.root, desired, self.run))

    def apply(self, steps: proxy_plan.Plan) -> None:
        proxy_plan.apply(self.root, steps, self.run)


def test_plan_apply_and_nothing_more_to_do(tmp_path: Path) -> None:
    host = Host(tmp_path)
    first = host.plan(HUB, REGISTRY)
    assert first.changed
    assert first.start
    assert dict(first.placeholders) == {"server": ("hub.lab.test", "lab1")}
    host.apply(first)
    assert not (tmp_path / "etc/nginx/sites-enabled/default").exists()
    assert "systemctl enable --now" in host.ran
    assert not host.plan(HUB, REGISTRY).changed
    host.ran.clear()
    host.apply(host.plan(HUB, {**REGISTRY, "port": 5444}))
    assert "systemctl reload nginx" in host.ran
    assert not any("restart" in command for command in host.ran)


def test_killed_between_writing_and_reloading(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.apply(host.plan(HUB))
    host.killed_at = "reload"
    with pytest.raises(KeyboardInterrupt):
        host.apply(host.plan(HUB, REGISTRY))
    host.killed_at = ""
    host.ran.clear()
    next_run = host.plan(HUB, REGISTRY)
    assert (next_run.changed, dict(next_run.files)) == (True, {})
    host.apply(next_run)
    assert host.ran[-1] == "systemctl reload nginx"
    assert not host.plan(HUB, REGISTRY).changed
    # The same when the package's default site came back and is switched off again.
    (tmp_path / proxy_plan.DEFAULT_SITE).write_text("server {}")
    host.killed_at = "reload"
    with pytest.raises(KeyboardInterrupt):
        host.apply(host.plan(HUB, REGISTRY))
    host.killed_at = ""
    assert host.plan(HUB, REGISTRY).reload
    host.apply(host.plan(HUB, REGISTRY))
    # The same when the front door is taken off.
    host.killed_at = "reload"
    with pytest.raises(KeyboardInterrupt):
        host.apply(proxy_plan.removal(tmp_path))
    host.killed_at = ""
    host.ran.clear()
    host.apply(proxy_plan.removal(tmp_path))
    assert host.ran == ["systemctl reload nginx"]
    assert not proxy_plan.removal(tmp_path).changed


def test_a_reload_that_fails_is_tried_again(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.apply(host.plan(HUB))
    host.reload = (1, "bind() failed")
    with pytest.raises(RuntimeError, match="bind"):
        host.apply(host.plan(HUB, REGISTRY))
    host.reload = (0, "")
    assert host.plan(HUB, REGISTRY).reload


def test_taken_off_again(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.apply(host.plan(HUB))
    host.ran.clear()
    host.apply(proxy_plan.removal(tmp_path))
    assert host.ran == ["systemctl reload nginx"]
    assert not (tmp_path / proxy_plan.CONFIG).exists()
    assert not proxy_plan.removal(tmp_path).changed
    assert (tmp_path / "etc/labserver/tls/server/cert.pem").exists()
    assert (tmp_path / "etc/nginx/nginx.conf").read_text() == MAIN


def test_the_status_is_told_that_nginx_has_to_run(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.apply(host.plan(HUB))
    assert status_services.read(tmp_path) == ([status_services.Service("nginx", "nginx.service")], [])
    host.apply(proxy_plan.removal(tmp_path))
    assert status_services.read(tmp_path) == ([], [])


def test_a_refused_configuration_is_not_put_in_place(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.apply(host.plan(HUB))
    before = (tmp_path / proxy_plan.CONFIG).read_text()
    (tmp_path / "etc/nginx/conf.d/other.conf").write_text("# of somebody else")
    host.test = (1, "nginx: [emerg] unknown directive\nnginx: test failed")
    with pytest.raises(proxy_plan.RefusedError, match="unknown directive"):
        host.apply(host.plan(HUB, REGISTRY))
    assert (tmp_path / proxy_plan.CONFIG).read_text() == before
    assert "other.conf" in host.tested
    assert "conf.d/labserver.conf" not in host.tested
    assert not list((tmp_path / "etc/nginx").glob(".labserver*"))


def test_a_main_file_without_the_include_is_named(tmp_path: Path) -> None:
    host = Host(tmp_path)
    (tmp_path / "etc/nginx/nginx.conf").write_text("http {}")
    with pytest.raises(proxy_plan.RefusedError, match=r"conf\.d/\*\.conf"):
        host.apply(host.plan(HUB))


def test_text_of_the_sites() -> None:
    sites = [
        proxy_model.from_mapping(item, "server") for item in (HUB, {**REGISTRY, "websocket": False, "hsts": "never"})
    ]
    text = proxy_nginx.render(sites, ipv6=False)
    hub, registry = text.split("# hub\n")[1].split("# registry\n")
    assert "[::]" not in text
    assert "ssl_reject_handshake on" in text  # port 443 has names only
    assert "server_name hub.lab.test;" in hub
    assert "proxy_set_header Upgrade $http_upgrade;" in hub
    assert "hsts*.conf" in hub
    assert 'proxy_cookie_path ~^(.*)$ "$1; Secure";' in hub, "cookies of those behind are for TLS alone"
    assert "listen 5443 ssl default_server;" in registry
    assert "client_max_body_size 0;" in registry
    assert "Upgrade" not in registry
    assert "Strict-Transport" not in registry
    assert "hsts" not in registry
    assert "listen 80" not in proxy_nginx.render(sites, http_port=0)


def test_consumers_are_what_the_certificates_need() -> None:
    sites = [proxy_model.from_mapping(item, "server") for item in ({**HUB, "server_names": ["*.x.test"]}, REGISTRY)]
    wild, registry = proxy_model.consumers(sites)["targets"]
    assert wild["probe"] == {"host": "127.0.0.1", "port": 443, "server_name": "probe.x.test"}
    assert registry == {
        "certificate": "server",
        "name": "proxy-registry",
        "reload": {"service": "nginx"},
        "probe": {"host": "127.0.0.1", "port": 5443},
    }


def test_all_problems_at_once() -> None:
    sites = [
        HUB,
        {**HUB, "name": "hub2"},
        {"name": "x y", "upstream": "127.0.0.1:1/path", "port": 80, "max_body_bytes": -1, "hsts": "maybe"},
        {**HUB, "name": "hub3", "port": 444, "hub_path": "lab"},
        {**REGISTRY, "server_names": ["a b"]},
        REGISTRY,
    ]
    text = "\n".join(proxy_input.problems({"proxy_sites": sites, "proxy_http_port": 80}))
    for words in (
        '"hub.lab.test" at port 443 belongs to the site hub already',
        "the name is not made of",
        'upstream "127.0.0.1:1/path"',
        "port 80 is not",
        "max_body_bytes is negative",
        'hsts "maybe"',
        '"a b" is not a host name',
        "another site has this name",
        'hub_path "lab" is not any, / or like /lab/',
    ):
        assert words in text, words
    assert proxy_input.problems({"proxy_sites": [HUB, REGISTRY], "proxy_http_port": 0}) == []
    connections = {"proxy_sites": [], "proxy_connections_per_address": -1}
    assert "proxy_connections_per_address is -1" in proxy_input.problems(connections)[0]
    assert "proxy_http_port is 70000" in proxy_input.problems({"proxy_sites": [], "proxy_http_port": 70000})[0]


def test_nginx_gets_room_for_connections_and_loses_it_with_the_front_door(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.apply(host.plan(HUB))
    main = (tmp_path / "etc/nginx/nginx.conf").read_text()
    assert "    worker_connections 16384; # labserver.jupyter: was 768\n" in main
    assert "worker_rlimit_nofile 32768; # labserver.jupyter\nevents {" in main
    assert "worker_connections 16384" in host.tested
    assert not host.plan(HUB).changed
    # Killed before the reload: the next run makes it good.
    (tmp_path / "etc/nginx/nginx.conf").write_text(MAIN)
    host.killed_at = "reload"
    with pytest.raises(KeyboardInterrupt):
        host.apply(host.plan(HUB))
    host.killed_at = ""
    assert host.plan(HUB).reload


@pytest.mark.parametrize(
    "main",
    [
        MAIN.replace("768", "65536"),
        "worker_rlimit_nofile 100;\n" + MAIN.replace("768", "20000"),
        MAIN.replace("    worker_connections 768;\n", ""),
    ],
)
def test_what_somebody_set_higher_stays(main: str) -> None:
    assert proxy_main_file.tune(main) == main


def test_files_that_somebody_set_stay_and_all_comes_back() -> None:
    for main in (MAIN, "worker_rlimit_nofile 4096;\n" + MAIN):
        tuned = proxy_main_file.tune(main)
        assert tuned != main
        assert tuned.count("worker_rlimit_nofile") == 1
        assert proxy_main_file.tune(tuned) == tuned
        assert proxy_main_file.untune(tuned) == main
