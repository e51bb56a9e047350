# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way Docker hands out graphics cards, from what real hosts have told.

No card was at hand: these are records that others published, and nothing here has run on one. Devices and versions:

- FEDORA: ``docker info`` of Docker 29.4.2 on Fedora 44, somebody's public notes on Docker and graphics cards;
- UBUNTU: ``docker info`` of Docker 29.3.0 on Ubuntu 22.04, whose default runtime is nvidia's, the page "OSS MLOps
  Platform" of a public course;
- NIXOS: what CDI lists where it was made with numbers only, a public page "NVIDIA GPU in Docker on NixOS";
- H200: ``/proc/driver/nvidia/gpus/*/information`` and ``nvidia-smi -L`` of driver 580 agree in the form of the id.

As JSON they have the fields of moby's API (``DiscoveredDevices``, since 28.2: moby #49980).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.labserver.jupyter.plugins.module_utils._hub import gpus

CARD = "Model: \t\t NVIDIA A100-PCIE-40GB\nIRQ:   \t\t 94\nGPU UUID: \t {}\nBus Type: \t PCIe\nDevice Minor: \t 0\n"
FEDORA_CARD = "GPU-672c39b8-f391-2e57-ad8e-33037a7e8aa5"
UBUNTU_CARD = "GPU-f16021e1-47d4-fdab-f006-f8abd0d87558"
H200_CARD = "GPU-1f79de5c-a56b-7094-90da-c55b49ef1645"


def info(version: str, *devices: str) -> dict[str, Any]:
    found = [{"Source": "cdi", "ID": f"nvidia.com/gpu={device}"} for device in devices]
    return {"ServerVersion": version, "CDISpecDirs": ["/etc/cdi", "/var/run/cdi"], "DiscoveredDevices": found or None}


FEDORA = info("29.4.2", "0", FEDORA_CARD, "all")
UBUNTU = info("29.3.0", "0", UBUNTU_CARD, "all")
NIXOS = info("28.3.3", "0", "all")
DEBIAN = {"ServerVersion": "26.1.5+dfsg1"}


def host(root: Path, *cards: str, hook: bool = False, cdi_hook: bool = False) -> Path:
    for number, card in enumerate(cards):
        folder = root / gpus.CARDS / f"0000:{number:02x}:00.0"
        folder.mkdir(parents=True)
        (folder / "information").write_text(CARD.format(card))
    for path, there in ((gpus.HOOK, hook), (gpus.CDI_HOOK, cdi_hook)):
        if there:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).touch()
    return root


def test_the_older_way(tmp_path: Path) -> None:
    found = gpus.way(host(tmp_path, H200_CARD, hook=True), DEBIAN)
    assert (found.driver, found.cards, found.warnings) == ("nvidia", [H200_CARD], [])
    assert "older way" in found.words


def test_an_engine_that_knows_both(tmp_path: Path) -> None:
    found = gpus.way(host(tmp_path, UBUNTU_CARD, hook=True, cdi_hook=True), UBUNTU)
    assert (found.driver, found.cards) == ("nvidia", [UBUNTU_CARD]) and "by CDI, or else" in found.words


def test_cdi_alone_with_an_engine_that_maps_it(tmp_path: Path) -> None:
    """The toolkit's base package has no hook."""
    found = gpus.way(host(tmp_path, FEDORA_CARD, cdi_hook=True), FEDORA)
    assert (found.driver, found.cards, found.warnings) == ("nvidia", [FEDORA_CARD], [])
    assert found.words == "Docker hands out cards by CDI"


def test_cdi_alone_with_an_engine_that_has_to_be_asked_for_it(tmp_path: Path) -> None:
    found = gpus.way(host(tmp_path, H200_CARD), info("28.5.1", "0", H200_CARD, "all"))
    assert (found.driver, found.cards, found.warnings) == ("cdi", [H200_CARD], [])


def test_a_description_with_numbers_only_is_told_and_serves_cards_by_number(tmp_path: Path) -> None:
    root = host(tmp_path, H200_CARD)
    found = gpus.way(root, NIXOS)
    assert (found.driver, found.cards) == ("", [])
    (warning,) = found.warnings
    assert f"does not name {H200_CARD} (it names 0, all)" in warning and "nvidia-ctk cdi generate" in warning
    assert gpus.way(root, NIXOS, ["0"]).cards == ["0"]


def test_a_card_that_came_later_is_not_handed_out_until_the_description_is_made_again(tmp_path: Path) -> None:
    found = gpus.way(host(tmp_path, FEDORA_CARD, H200_CARD, cdi_hook=True), FEDORA)
    assert found.cards == [FEDORA_CARD] and H200_CARD in found.warnings[0]


def test_no_description_at_all(tmp_path: Path) -> None:
    found = gpus.way(host(tmp_path, H200_CARD, cdi_hook=True), info("29.4.2"))
    assert (found.driver, found.cards) == ("", []) and "found no description" in found.warnings[0]


def test_a_driver_without_the_toolkit(tmp_path: Path) -> None:
    found = gpus.way(host(tmp_path, H200_CARD), DEBIAN)
    assert (found.driver, found.cards) == ("", [])
    assert (
        "there are 1 graphics card(s)" in found.warnings[0] and "install nvidia-container-toolkit" in found.warnings[0]
    )


def test_the_toolkits_base_package_with_an_old_engine(tmp_path: Path) -> None:
    (warning,) = gpus.way(host(tmp_path, H200_CARD, cdi_hook=True), DEBIAN).warnings
    assert "only the base package" in warning


def test_a_mode_in_which_the_hook_refuses(tmp_path: Path) -> None:
    """dstackai/dstack #2306: "invoking the NVIDIA Container Runtime Hook directly ... is not supported"."""
    root = host(tmp_path, H200_CARD, hook=True)
    (root / gpus.CONFIG).parent.mkdir(parents=True)
    (root / gpus.CONFIG).write_text('[nvidia-container-runtime]\nmode = "cdi"\nruntimes = ["runc"]\n')
    assert 'mode = "cdi"' in gpus.way(root, DEBIAN).warnings[0]
    (root / gpus.CONFIG).write_text('[nvidia-container-runtime]\n#mode = "cdi"\nmode = "auto"\n')
    assert gpus.way(root, DEBIAN).warnings == []


def test_most_hosts_have_no_cards(tmp_path: Path) -> None:
    assert gpus.way(tmp_path, {}) == gpus.Way("", [], "no graphics card", [])
    assert gpus.way(host(tmp_path, hook=True), DEBIAN).words == "no graphics card, though the toolkit is there"


def test_cards_are_in_the_order_of_the_bus(tmp_path: Path) -> None:
    host(tmp_path, "GPU-9f0e-01", "GPU-2b1c-02", "GPU-????")
    assert gpus.cards(tmp_path) == ["GPU-9f0e-01", "GPU-2b1c-02"], "without one that the driver could not start"
