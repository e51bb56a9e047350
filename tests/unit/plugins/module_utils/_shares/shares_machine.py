# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab server of make-believe: a folder as its root, and commands that behave like mount, systemd and a NAS."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.labserver.jupyter.plugins.module_utils._shares import world as host_core


def fields_of(line: str) -> list[str]:
    return [field.replace("\\040", " ") for field in line.split()]


class Machine(host_core.Host):
    """``passwords``: user -> password on the NAS; ``away``: sources whose server does not answer."""

    def __init__(self, root: Path, systemd: bool = True) -> None:
        super().__init__(str(root), self.command)
        self.base = root
        self.lock = threading.Lock()
        self.passwords = {"reader": "one", "writer": "two"}
        self.away: set[str] = set()
        self.stuck: set[str] = set()  # mount points that only a lazy unmount leaves
        self.silent: set[str] = set()  # mount points of shares that are mounted and do not answer
        self.immutable: set[str] = set()
        self.stack: list[tuple[str, str, str, str]] = []  # target, source, type, options
        self.commands: list[list[str]] = []
        self.units: dict[str, list[str]] = {}
        self.verdicts: list[str] = []
        self.said = ""
        for folder in ("etc", "mnt", "proc/self", "srv", "var/lib", "run/systemd/system" if systemd else "run"):
            (root / folder).mkdir(parents=True)
        if systemd:
            self.file("/dev/autofs", "")
        self.file("/etc/fstab", "/dev/sda1 / ext4 errors=remount-ro 0 1\n")
        self.file("/etc/group", "root:x:0:\nusers:x:100:\nleem:x:30001:\nxps:x:30002:\n")
        self._show()

    # --- what a test does and looks at ---

    def file(self, path: str, text: str | None = None) -> str:
        place = self.base / path.lstrip("/")
        if text is not None:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        return place.read_text()

    @property
    def fstab(self) -> str:
        return (self.base / "etc/fstab").read_bytes().decode(errors="surrogateescape")

    def live(self) -> list[tuple[str, str]]:
        """Mount point and source of the real mounts, by mount point."""
        return sorted((target, source) for target, source, fstype, _options in self.stack if fstype != "autofs")

    def tree(self) -> dict[str, bytes | str]:
        """Everything below the root, to compare before and after."""
        result: dict[str, bytes | str] = {}
        for place in sorted(self.base.rglob("*")):
            name = str(place.relative_to(self.base))
            kind = f"-> {place.readlink()}" if place.is_symlink() else "folder"
            result[name] = kind if place.is_symlink() or place.is_dir() else place.read_bytes()
        return result

    def put(self, target: str, source: str, fstype: str, options: str) -> None:
        self.stack.append((target, source, fstype, options))
        self._show()

    # --- what stands in for the kernel, mount, systemd and the NAS ---

    def _show(self) -> None:
        lines = []
        for target, source, fstype, options in self.stack:
            own = "ro" if "ro" in options.split(",") else "rw"
            origin = source if fstype == "ext4" else "/"
            spelt = [word.replace(" ", "\\040") for word in (origin, target, source)]
            lines.append(f"1 0 0:1 {spelt[0]} {spelt[1]} {own} shared:1 - {fstype} {spelt[2]} {options}")
        self.write("/proc/self/mountinfo", ("\n".join(lines) + "\n").encode(), 0o444)  # whole, as the kernel does it

    def _mount(self, target: str) -> bool:
        line = next(f for f in map(fields_of, self.fstab.splitlines()) if len(f) > 3 and f[1] == target)
        source, _target, fstype, options = line[:4]
        given = dict(word.partition("=")[::2] for word in options.split(","))
        if source in self.away:
            self.said = "mount error(113): could not connect to 198.51.100.1Unable to find suitable address."
            return False
        if "credentials" in given:
            written = dict(row.split("=", 1) for row in self.file(given["credentials"]).splitlines())
            if self.passwords.get(written["username"]) != written["password"]:
                self.said = "mount error(13): Permission denied"
                return False
        self.put(target, source, "ext4" if "bind" in given else fstype, options)
        return True

    def _hanging(self) -> set[str]:
        """What is really mounted and silent: whoever looks at it waits."""
        return self.silent & {target for target, _source, fstype, _options in self.stack if fstype != "autofs"}

    def _unmount(self, target: str) -> None:
        top = max((i for i, mount in enumerate(self.stack) if mount[0] == target), default=None)
        if top is not None:
            del self.stack[top]
            self._show()

    def command(self, command: Sequence[str], seconds: float) -> host_core.Done:
        with self.lock:  # shares are looked at in parallel
            return self._command(command, seconds)

    def _command(self, command: Sequence[str], seconds: float) -> host_core.Done:
        assert seconds > 0
        self.commands.append(list(command))
        match list(command):
            case ["findmnt", "--verify", "--tab-file", file] if self._hanging() & set(
                Path(file).read_text(errors="replace").split()
            ):
                return host_core.Done(None, "")
            case ["findmnt", "--verify", "--tab-file", _file]:
                return host_core.Done(1, self.verdicts.pop(0)) if self.verdicts else host_core.Done(0, "")
            case ["systemctl", "daemon-reload"] if self._hanging():
                return host_core.Done(None, "")
            case ["systemctl", "daemon-reload"]:
                self.units = {f[1]: f for f in map(fields_of, self.fstab.splitlines()) if len(f) > 3}
            case ["systemctl", "stop", automount, _mount]:
                for target in [target for target, *_rest in self.stack if _unit(target) + ".automount" == automount]:
                    if target not in self.stuck:
                        self._unmount(target)
                return host_core.Done(1, "Job failed")  # as it sometimes says although all is well
            case ["systemctl", "start", automount]:
                for target, fields in self.units.items():
                    if _unit(target) + ".automount" == automount and "x-systemd.automount" in fields[3]:
                        self.put(target, "systemd-1", "autofs", "rw")
                        return host_core.Done(0, "")
                return host_core.Done(5, "Unit not found.")
            case ["mount", "--", target]:
                return host_core.Done(0, "" if self._mount(target) else self.said)  # nofail: always 0
            case ["umount", "--", target]:
                if target in self.stuck:
                    return host_core.Done(32, "target is busy")
                self._unmount(target)
            case ["umount", "--lazy", "--", target]:
                self._unmount(target)
            case ["stat", *_format, inside] if inside.removesuffix("/.") in self._hanging():
                return host_core.Done(None, "")
            case ["stat", *_format, inside]:
                target = inside.removesuffix("/.")
                kinds = [fstype for at, _source, fstype, _options in self.stack if at == target]
                if kinds == ["autofs"] and not self._mount(target):
                    return host_core.Done(1, f"stat: cannot statx '{inside}': No such device")
            case ["journalctl", *_rest]:
                return host_core.Done(0, self.said)
            case unknown:
                raise AssertionError(unknown)
        return host_core.Done(0, "")

    def _flags_of(self, path: Path) -> int:  # type: ignore[override]
        return 0x10 if str(path) in self.immutable else 0

    def _set_flags_of(self, path: Path, immutable: bool) -> bool:  # type: ignore[override]
        (self.immutable.add if immutable else self.immutable.discard)(str(path))
        return True


def _unit(target: str) -> str:
    return target.strip("/").replace("-", "\\x2d").replace(" ", "\\x20").replace("/", "-")
