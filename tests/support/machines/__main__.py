# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts and stops the machines; see the package's description."""

from __future__ import annotations

import shutil
import subprocess
import sys

from . import __doc__ as usage
from . import guest, image, nas, network
from .places import NAMESPACE, RUN
from .process import INSIDE
from .recipes import RECIPE


def up() -> None:
    image.install_missing()
    disk = image.build()
    down()
    RUN.mkdir(parents=True)
    (RUN / "namespace").write_text(NAMESPACE)  # for ssh.sh
    guest.SSH_CONFIG.write_text(guest.SETTINGS)
    network.up()
    if RECIPE.nas:
        nas.up()
    print(f"machines: {disk.name}, ssh after {guest.start():.1f} s")
    guest.wait_until_booted()


def down() -> None:
    guest.stop()
    if RECIPE.nas:
        nas.down()
    network.down()
    shutil.rmtree(RUN, ignore_errors=True)


def main(arguments: list[str]) -> int:
    match arguments:
        case ["up"]:
            up()
        case ["down"]:
            down()
        case ["ssh", *command]:
            return subprocess.run(guest.ssh(*command), check=False).returncode
        case ["inside", *command] if command:
            return subprocess.run([*INSIDE, *command], check=False).returncode
        case _:
            sys.stderr.write(usage or "")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
