# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A reboot and a power cut of a server on which people work."""

from __future__ import annotations

import pytest
from machines import guest
from own_lab import MEMORY_OF_BOB, limits, out, play, reaches, until, with_server

pytestmark = pytest.mark.usefixtures("site")


def reboot() -> None:
    """Reboot in order."""
    before = out("cat /proc/sys/kernel/random/boot_id")
    guest.run("systemd-run --on-active=2 systemctl reboot")
    until("it has booted", lambda: out("cat /proc/sys/kernel/random/boot_id", 20) != before, 600)
    guest.wait_until_booted()


def power_cut() -> None:
    """Pull the plug and start again."""
    guest.stop()
    guest.start()
    guest.wait_until_booted()


@pytest.mark.parametrize("how", [reboot, power_cut])
def test_everything_is_there_again(how: object) -> None:
    with_server("alice")
    with_server("bob").kernel().run("from pathlib import Path; Path('kept.txt').write_text('kept')")
    out("sync")
    assert callable(how)
    how()
    alice = until("alice's server answers", lambda: with_server("alice"), 600)
    bob = until("bob's server answers", lambda: with_server("bob"), 600)
    assert bob.kernel().run("print(open('kept.txt').read())") == "kept\n"
    assert not reaches(bob, "alice") and not reaches(alice, "bob")
    assert limits("bob")["memory.max"] == str(MEMORY_OF_BOB)
    assert limits("bob")["memory.swap.max"] == "0"
    assert "usrquota" in out("findmnt --noheadings --output OPTIONS /home")
    # Jobs of the time before wait for nobody: cron itself was started by the boot.
    last = "stat -c %Y /var/lib/labserver/jobs/hub-watch.json 2>/dev/null || echo 0"
    booted = int(out("awk '/^btime/ {print $2}' /proc/stat"))
    until("cron has run a job", lambda: int(out(last)) > booted, 900)


def test_a_run_afterwards_changes_nothing() -> None:
    assert play("afterwards", "playbooks/site.yml")["changed"] == 0
