# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which graphics cards a host has."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.labserver.jupyter.plugins.module_utils._hub.gpus import detected

CARD = "Model: \t\t NVIDIA A100-PCIE-40GB\nIRQ:   \t\t 94\nGPU UUID: \t GPU-{}\nBus Type: \t PCIe\nDevice Minor: \t 0\n"


def test_cards_are_found_when_docker_can_hand_them_out(tmp_path: Path) -> None:
    for bus, uuid in (("0000:3b:00.0", "2b1c-02"), ("0000:1a:00.0", "9f0e-01")):
        folder = tmp_path / "proc" / "driver" / "nvidia" / "gpus" / bus
        folder.mkdir(parents=True)
        (folder / "information").write_text(CARD.format(uuid))
    assert detected(tmp_path) == [], "the driver alone is not enough"
    hook = tmp_path / "usr" / "bin" / "nvidia-container-runtime-hook"
    hook.parent.mkdir(parents=True)
    hook.touch()
    assert detected(tmp_path) == ["GPU-9f0e-01", "GPU-2b1c-02"]
    (tmp_path / "proc" / "driver" / "nvidia" / "gpus" / "0000:3b:00.0" / "information").write_text(
        "GPU UUID: \t GPU-????\n"
    )
    assert detected(tmp_path) == ["GPU-9f0e-01"], "a card that the driver could not start"


def test_most_hosts_have_none(tmp_path: Path) -> None:
    assert detected(tmp_path) == []
