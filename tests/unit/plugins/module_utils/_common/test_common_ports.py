# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens at a port, with a real socket."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import ports


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_the_holder_of_a_port_is_named(family: socket.AddressFamily, address: str) -> None:
    with socket.socket(family) as listener:
        try:
            listener.bind((address, 0))
        except OSError:
            pytest.skip("no such addresses here")
        listener.listen()
        port = listener.getsockname()[1]
        assert ports.holder(port) == f"{Path('/proc/self/comm').read_text().strip()} (process {os.getpid()})"
    assert ports.holder(port) == ""


def test_without_proc_nobody_is_named(tmp_path: Path) -> None:
    assert ports.holder(80, tmp_path) == ""
