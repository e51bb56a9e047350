# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the job reads of the host and does to it; handed in for the tests."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from .._common import clock, job_lock, labels, lock, process, run_lock
from .._common.docker_api import DockerEngine, EngineError
from .._schedule import due

SELF = "updates"
PASSING = frozenset({SELF, "services", "watch"})
"""Jobs that are not waited for: this one, and those that only look, or run others under the locks of these."""
SHUTDOWN = "run/systemd/shutdown/scheduled"
"""What ``shutdown -r +5`` leaves (systemd-logind)."""
DPKG = ("var/lib/dpkg/lock-frontend", "var/lib/dpkg/lock")
ASK_SECONDS = 60.0
INSTALL_SECONDS = 3600.0
STOP_SECONDS = 15
APT = ("apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300")
KEEP_SETTINGS = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
ENVIRONMENT = {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}


def run(argv: Sequence[str], seconds: float) -> tuple[int, str]:
    """Run a command; returns its status and what it wrote."""
    result, said = process.capture(argv, seconds, environment=ENVIRONMENT)
    return result.status, said or result.reason


@dataclass(frozen=True)
class World:
    """The host: root of its file system, clock, commands, engine."""

    root: Path = Path("/")
    now: Callable[[], datetime] = clock.utc_now
    sleep: Callable[[float], None] = time.sleep
    run: Callable[[Sequence[str], float], tuple[int, str]] = run
    engine: DockerEngine = field(default_factory=lambda: DockerEngine(timeout=ASK_SECONDS))
    running_kernel: Callable[[], str] = lambda: os.uname().release

    def text(self, path: str) -> str:
        """Return a file of the host; empty where there is none."""
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def boot(self) -> str:
        """Return a name of this boot that no other has."""
        return self.text("proc/sys/kernel/random/boot_id").strip()

    def booted(self) -> datetime:
        """Return when the host was started."""
        return due.booted(self.root, self.now()) or self.now()

    def contained(self) -> bool:
        """Tell whether this is a container, whose kernel is another's."""
        return (self.root / "run/systemd/container").exists() or (self.root / ".dockerenv").exists()

    def kernel(self) -> str:
        """Return the kernel that the next start takes, as the links of the distribution say; empty where none does."""
        for link in ("boot/vmlinuz", "vmlinuz"):
            with contextlib.suppress(OSError):
                name = os.path.basename(os.readlink(self.root / link))  # noqa: PTH115, PTH119 - the link leads outside
                if name.startswith("vmlinuz-") and not self.contained():
                    return name.removeprefix("vmlinuz-")
        return ""

    def restart(self, tried: str = "") -> tuple[str, ...]:
        """Return why the host has to be restarted. ``tried``: a kernel that a restart did not bring."""
        found = []
        if (self.root / "run/reboot-required").exists():
            packages = sorted(set(self.text("run/reboot-required.pkgs").split()))
            found.append(", ".join(packages[:4]) or "an update")
        kernel = self.kernel()
        if kernel and kernel not in (self.running_kernel(), tried) and not found:
            found.append(f"the kernel {kernel}")
        return tuple(found)

    def driverless(self) -> str:
        """Return why the next start would have no graphics cards: its kernel lacks the driver that is loaded now."""
        kernel = self.kernel()
        if not kernel or re.search(r"^nvidia ", self.text("proc/modules"), re.MULTILINE) is None:
            return ""
        modules = self.root / "lib/modules" / kernel
        if any(modules.rglob("nvidia.ko*")) or any(modules.rglob("nvidia-current.ko*")):
            return ""
        return (
            f"the kernel {kernel} has no module of NVIDIA's driver, so the graphics cards would be gone; install it"
            f" (dkms autoinstall -k {kernel}, or linux-modules-nvidia-...), or restart by hand"
        )

    def busy(self) -> tuple[str, ...]:
        """Return what works on the host and must not be cut off: runs of the playbook, jobs, apt and dpkg."""
        found = []
        if note := run_lock.working_run(self.root, self.now()):
            found.append(f"a run of the playbook from {note.run.controller.partition(' ')[0]}")
        found += [f"the job {name}" for name in self.jobs() if lock.held(self.root, job_lock.name_of(name))]
        if any(lock.recorded(self.root / path) for path in DPKG):
            found.append("apt or dpkg")
        return tuple(found)

    def jobs(self) -> list[str]:
        """Return the jobs that are waited for."""
        return [job.name for job, _since in due.jobs(self.root) if job.name not in PASSING]

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep jobs and runs of the playbook from beginning meanwhile; raises BusyError when one is at work."""
        mine = run_lock.Run("labserver updates", "root", os.getpid(), clock.stamp(self.now()))
        with contextlib.ExitStack() as stack:
            for name in self.jobs():
                stack.enter_context(job_lock.hold(self.root, name, self.now(), self.sleep, SELF))
            if other := run_lock.take(self.root, mine, self.now()):
                raise lock.BusyError(f"a run of the playbook from {other.run.controller}")
            try:
                yield
            finally:
                if not (self.root / SHUTDOWN).exists():  # else the note keeps everybody from beginning before the end
                    run_lock.release(self.root, mine)

    def servers(self) -> tuple[tuple[str, str], ...] | None:
        """Return people's servers that run, as (person, container); None where the engine does not answer.

        Containers for files, in which nobody works, are left out.
        """
        try:
            listed = self.engine.get("/containers/json", filters={"label": [labels.HUB_SERVERS], "status": ["running"]})
        except EngineError:
            return None
        named = [(one.get("Labels") or {}, str(one["Id"])) for one in listed or ()]
        return tuple(sorted((given.get(labels.USER, "?"), one) for given, one in named if labels.BOX not in given))

    def stop_servers(self) -> int:
        """Stop people's servers in good order, while their folders are mounted; returns how many."""
        stopped = 0
        for _person, container in self.servers() or ():
            with contextlib.suppress(EngineError):  # it ended by itself, or goes with the host
                self.engine.request("POST", f"/containers/{container}/stop", query={"t": str(STOP_SECONDS)})
                stopped += 1
        return stopped

    def install(self, packages: Sequence[str]) -> str:
        """Bring packages to the version that apt knows; returns what went wrong, empty when it went well."""
        command = [*APT, *KEEP_SETTINGS, "install", "--only-upgrade", *packages]
        status, said = self.run(command, INSTALL_SECONDS)
        if status and "dpkg --configure -a" in said:  # an earlier installation was cut off
            self.run(["dpkg", "--configure", "-a", "--force-confdef", "--force-confold"], INSTALL_SECONDS)
            status, said = self.run(command, INSTALL_SECONDS)
        errors = [line for line in said.splitlines() if line.startswith(("E:", "W:", "dpkg: error"))]
        return "" if status == 0 else "; ".join(errors[:3]) or said.strip()[-200:] or f"exit status {status}"

    def power(self, minutes: int, message: str) -> str:
        """Order the restart; returns why that failed. Whoever is logged in reads the message."""
        status, said = self.run(["shutdown", "-r", f"+{minutes}" if minutes else "now", message], ASK_SECONDS)
        return "" if status == 0 else said.strip() or f"exit status {status}"
