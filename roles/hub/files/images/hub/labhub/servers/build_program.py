# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepares a person's image in the container of a build, as that person, with the image's own Python.

The hub hands over the text of this file (``build.py``) and does not run it. It fetches the source, makes an environment
from its ``requirements.txt``, and leaves it in the home as one archive, of which a job of the host makes a layer.
Whoever may use this account may exchange that archive: the job believes nothing in it. The last line of the output says
how it went.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import site
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

MARK = "labserver-build: "
KEPT = ".cache/labserver-builds"
LONGEST = 300
GIT_SECONDS = 300
LOOK_SECONDS = 2.0
REQUIREMENTS = "requirements.txt"
# What is found in place of it, and why that is not enough.
OTHERS = {"Dockerfile": "dockerfile", "environment.yml": "conda", "environment.yaml": "conda"}


class Ended(SystemExit):
    """The build ends here: ``reason`` in a word, and a line about it."""

    def __init__(self, reason: str, line: str = ""):
        super().__init__(reason)
        self.reason, self.line = reason, line


WORK: list[Path] = []
"""Where this build works: gone at its end."""
STARTED: list[subprocess.Popen[str]] = []
"""The programs that this build started: each leads a group of its own."""
LEAVING = threading.Lock()
"""Held by the thread that ends the build: what the first one tells counts, not what its end does to the others."""


def end_started() -> None:
    """End what is still running: a program that goes on writing would keep its folder, and fill the disk."""
    for process in STARTED:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)


def leave(reason: str, line: str = "") -> NoReturn:
    """Print how it went, and end with everything that was started."""
    if not LEAVING.acquire(blocking=False):
        threading.Event().wait()
    try:
        end_started()
        for folder in WORK:
            shutil.rmtree(folder, ignore_errors=True)
        words = [one for one in line.strip().splitlines() if one.strip()]
        told = {"reason": reason, "line": (words or [""])[-1].strip()[:LONGEST]}
        sys.stdout.write(f"\n{MARK}{json.dumps(told)}\n")
        sys.stdout.flush()
    finally:  # also where nobody reads any more: the other threads wait for this
        os._exit(0 if reason == "ok" else 1)


def say(words: str) -> None:
    """Write a line of the log."""
    sys.stdout.write(f"== {words}\n")
    sys.stdout.flush()


def too_many_processes() -> bool:
    """Tell whether this container wanted more processes than it may have: the kernel counts how often."""
    try:
        lines = Path("/sys/fs/cgroup/pids.events").read_text().split()
    except OSError:
        return False
    return dict(zip(lines[::2], lines[1::2], strict=False)).get("max", "0") != "0"


def call(
    command: Sequence[str], where: Path, more: Mapping[str, str] | None = None, seconds: float | None = None
) -> str:
    """Run a command in a folder, its output goes to the log; returns why it failed, empty when it did not."""
    last = [""]
    with subprocess.Popen(
        list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=where,
        env={**os.environ, **(more or {})}, text=True, errors="replace", start_new_session=True,
    ) as process:  # fmt: skip
        STARTED.append(process)

        def show() -> None:
            for line in process.stdout or ():
                sys.stdout.write(line)
                sys.stdout.flush()
                last[0] = line.strip() or last[0]

        showing = threading.Thread(target=show, daemon=True)
        showing.start()
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            end_started()
            return "late"
        showing.join(5)
    return "" if status == 0 else last[0] or f"exit status {status}"


def fetched(kind: str, source: str, work: Path) -> Path:
    """Return the folder with the source. Raises Ended."""
    if kind == "folder":
        path = Path(os.environ["HOME"], source)
        if not path.is_dir():
            raise Ended("missing", source)
        return path
    if shutil.which("git") is None:
        raise Ended("nogit")
    target = work / "source"
    say(f"fetching {source}")
    quiet = {
        # Nobody is there to be asked; and no other protocol, also where a repository leads on to another one.
        "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "false", "GIT_ALLOW_PROTOCOL": "https",
        "GIT_HTTP_LOW_SPEED_LIMIT": "1000", "GIT_HTTP_LOW_SPEED_TIME": "60",
    }  # fmt: skip
    clone = ["git", "clone", "--depth", "1", "--single-branch", "--", source, str(target)]
    why = call(clone, work, quiet, GIT_SECONDS)
    if why:
        raise Ended("silent", source) if why == "late" else Ended("git", why)
    return target


def wanted(folder: Path) -> Path:
    """Return the list of packages in the source. Raises Ended that says what is there in place of it."""
    if (folder / REQUIREMENTS).is_file():
        return folder / REQUIREMENTS
    for name, reason in OTHERS.items():
        if (folder / name).exists():
            raise Ended(reason)
    raise Ended("nothing")


def size_of(folder: Path) -> int:
    """Return how much the files in a folder take."""
    total = 0
    for where, _folders, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(where, name)).st_size  # noqa: PTH118
    return total


def watch(folder: Path, most: int) -> None:
    """End everything as soon as the environment is larger than it may be."""
    while True:
        time.sleep(LOOK_SECONDS)
        if size_of(folder) > most:
            leave("size")


def below(folder: Path) -> Path:
    """Make the environment, in which the packages of this Python are found after its own; returns its packages."""
    venv.EnvBuilder(symlinks=True, with_pip=False).create(str(folder))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "lib" / version / "site-packages"
    # This Python may itself be that of a venv, whose packages --system-site-packages would not find.
    paths = [path for path in site.getsitepackages() if Path(path).is_dir()]
    with open(packages / "zz-image-below.pth", "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write("".join(f"{path}\n" for path in paths))
    return packages


def install(folder: Path, listed: Path, work: Path) -> None:
    """Install the packages. Raises Ended."""
    python = str(folder / "bin" / "python")
    # pip of the image, which sees what the image has and installs what is missing; it needs none in the environment.
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--no-input",
               "--disable-pip-version-check", "--no-cache-dir", "--requirement", str(listed)]  # fmt: skip
    say(f"installing {listed.name}")
    # Not in /tmp, which is in memory.
    temporary = work / "tmp"
    temporary.mkdir()
    why = call(command, listed.parent, {"TMPDIR": str(temporary)})
    if why:
        if too_many_processes():
            raise Ended("forks")
        disk = "No space left" in why or "Disk quota" in why
        raise Ended("disk" if disk else "install", why)


def settle(folder: Path, root: str) -> None:
    """Make the environment one that works at ``root``."""
    here = str(folder).encode()
    for path in sorted((folder / "bin").iterdir()):
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if here in content and b"\0" not in content[:1024]:
            with open(path, "wb") as file:  # noqa: PTH123
                file.write(content.replace(here, root.encode()))


def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Return an entry of the archive without what is not taken on; None leaves it out."""
    if not (entry.isreg() or entry.isdir() or entry.issym()):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def pack(folder: Path, target: Path) -> None:
    """Write the archive: a folder before what is in it, each file once for each of its names."""
    with tarfile.open(target, "x", format=tarfile.GNU_FORMAT) as archive:
        for where, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted([*folders, *names]):
                path = Path(where, name)
                archive.inodes = {}  # type: ignore[attr-defined]
                entry = archive.gettarinfo(str(path), str(path.relative_to(folder)))
                if entry is None or plain(entry) is None:
                    continue
                if entry.isreg():
                    with path.open("rb") as file:
                        archive.addfile(entry, file)
                else:
                    archive.addfile(entry)


def workplace(cache: Path = Path("/var/cache/labserver")) -> Path:
    """Return an empty folder to work in: outside the home where the image has a place for that."""
    parent = cache if os.access(cache, os.W_OK) else Path(os.environ["HOME"], ".cache")
    parent.mkdir(parents=True, exist_ok=True)
    for old in parent.glob("labserver-build-*"):  # of a build that was killed
        shutil.rmtree(old, ignore_errors=True)
    WORK.append(Path(tempfile.mkdtemp(prefix="labserver-build-", dir=parent)))
    return WORK[-1]


def ends(reason: str) -> Any:
    """Return a handler of signals that ends the build, but for one that is at its end already."""
    return lambda _number, _frame: LEAVING.locked() or leave(reason)


def main(identity: str, kind: str, source: str, name: str, seconds: str, most: str) -> None:
    """Build for at most so many seconds; the environment may have at most ``most`` bytes."""
    signal.signal(signal.SIGALRM, ends("late"))
    signal.signal(signal.SIGTERM, ends("stopped"))
    signal.alarm(int(seconds))
    reason, line = "ok", ""
    try:
        kept = Path(os.environ["HOME"], KEPT)
        kept.mkdir(parents=True, exist_ok=True)
        for old in kept.glob("*.tar"):  # of builds that nobody took
            if re.fullmatch(r"[0-9a-f]{12}\.tar", old.name):
                old.unlink()
        work = workplace()
        folder = work / "environment"
        origin = fetched(kind, source, work)
        listed = wanted(origin)
        threading.Thread(target=watch, args=(work, int(most)), daemon=True).start()
        below(folder)
        install(folder, listed, work)
        settle(folder, f"/opt/lab/{name}")
        say("packing")
        if size_of(folder) > int(most):
            raise Ended("size")
        pack(folder, kept / f"{identity}.tar")
    except Ended as ended:
        reason, line = ended.reason, ended.line
    except OSError as error:
        reason, line = ("disk" if error.errno in (28, 122) else "files"), str(error)
        if error.errno == 11:
            reason = "forks"
    except Exception as error:  # whatever the source holds
        reason, line = "files", f"{type(error).__name__}: {error}"
    leave(reason, line)


if __name__ == "__main__":
    main(*sys.argv[1:7])
