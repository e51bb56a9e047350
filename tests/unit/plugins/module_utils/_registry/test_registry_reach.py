# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a registry is reached: without TLS only on this machine, with the authorities that the engine trusts."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._registry import reach


@pytest.mark.parametrize(
    ("registry", "url"),
    [
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("127.8.0.1", "http://127.8.0.1"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("localhost:5000", "http://localhost:5000"),
        ("registry.lab.test", "https://registry.lab.test"),
        ("192.0.2.12:5443", "https://192.0.2.12:5443"),
        ("[2001:db8::1]:5443", "https://[2001:db8::1]:5443"),
        ("127.0.0.1.lab.test", "https://127.0.0.1.lab.test"),
        ("[broken", "https://[broken"),
    ],
)
def test_only_this_machine_is_reached_without_tls(registry: str, url: str) -> None:
    assert reach.url(registry) == url


def test_a_lab_may_do_without_tls() -> None:
    assert reach.url("192.0.2.12:5000", plain_http=True) == "http://192.0.2.12:5000"


def test_authorities_are_those_of_the_engine(tmp_path: Path) -> None:
    folder = tmp_path / "registry.lab.test:5443"
    folder.mkdir()
    for name in ("labserver-ca.crt", "ca.crt", "client.key"):
        (folder / name).write_text("x")
    assert reach.authorities(folder.name, tmp_path) == (str(folder / "ca.crt"), str(folder / "labserver-ca.crt"))
    assert reach.authorities("registry.lab.test", tmp_path) == ()
