# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of a build, as it is started in a container: what it leaves, and how it ends when something is wrong.

Here it is a process like any other, so what the container bounds (processes, memory) is not tried.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from labhub.builds import outcome
from labhub.servers import build, build_program

ID = "0123456789ab"
HERE = Path(build_program.__file__)


class Home:
    """A home, and what a build in it says and leaves."""

    def __init__(self, path: Path):
        self.path = path
        (path / "bin").mkdir()

    def tool(self, name: str, text: str) -> None:
        """Put a program in front of all others."""
        (self.path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.path / "bin" / name).chmod(0o755)

    def wheel(self, folder: Path, name: str = "demo", **files: bytes) -> None:
        """Make a package of files and one command, by hand."""
        info = f"{name}-1.0.dist-info"
        content = {
            f"{name}.py": b"def main():\n    print('it works')\n",
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
            f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/entry_points.txt": f"[console_scripts]\n{name}={name}:main\n".encode(),
            **files,
        }
        content[f"{info}/RECORD"] = "".join(f"{key},,\n" for key in [*content, f"{info}/RECORD"]).encode()
        with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
            for key, value in content.items():
                archive.writestr(key, value)

    def build(
        self, kind: str, source: str, seconds: int = 120, most: int = 100 << 20, program: str = ""
    ) -> tuple[dict[str, Any], str]:
        """Run the program; returns what it said last, and its output."""
        environment = {
            "HOME": str(self.path), "PATH": f"{self.path}/bin:{os.environ['PATH']}", "PIP_NO_INDEX": "1",
            "LANG": "C.UTF-8",
        }  # fmt: skip
        text = program or HERE.read_text()
        done = subprocess.run(
            [sys.executable, "-s", "-u", "-c", text, ID, kind, source, "demo", str(seconds), str(most)],
            env=environment, capture_output=True, timeout=200, check=False, cwd=self.path,
        )  # fmt: skip
        told = outcome.printed(done.stdout)
        assert (done.returncode == 0) is (told.get("reason") == "ok"), done.stdout + done.stderr
        return told, done.stdout.decode()

    @property
    def archive(self) -> Path:
        return self.path / build_program.KEPT / f"{ID}.tar"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_an_environment_that_works_elsewhere_and_finds_the_packages_below(home: Home, tmp_path: Path) -> None:
    source = home.path / "envs" / "a"
    source.mkdir(parents=True)
    home.wheel(source)
    (source / "requirements.txt").write_text("./demo-1.0-py3-none-any.whl\n")
    told, output = home.build("folder", "envs/a")
    assert told == {"reason": "ok", "line": ""}, output
    assert "Successfully installed demo-1.0" in output
    # The image's own root cannot be written here, so what is written for it is put right for another place.
    place = tmp_path / "elsewhere"
    with tarfile.open(home.archive) as archive:
        assert {(one.uid, one.gid, one.uname) for one in archive.getmembers()} == {(0, 0, "")}
        assert archive.pax_headers == {} and not any(one.islnk() for one in archive.getmembers())
        archive.extractall(place, filter="fully_trusted")
    command = (place / "bin" / "demo").read_text()
    # Where the folder's path is long, as under several test workers, pip writes "#!/bin/sh" and the path below it.
    assert "/opt/lab/demo/bin/python" in "".join(command.splitlines()[:2]) and str(home.path) not in command
    for path in (place / "bin").iterdir():
        if path.is_file() and not path.is_symlink():
            assert str(home.path).encode() not in path.read_bytes(), path
    ask = "import demo, sys, pytest; demo.main(); print(sys.prefix)"
    done = subprocess.run([place / "bin/python", "-s", "-c", ask], capture_output=True, text=True, check=False)
    assert done.stdout == f"it works\n{place}\n", done.stderr
    assert list(home.path.glob(".cache/labserver-build-*")) == [], "the place to work in is gone"


def test_old_archives_and_places_of_builds_that_were_killed_go(home: Home) -> None:
    for path in (home.archive.with_name("f" * 12 + ".tar"), home.path / ".cache/labserver-build-x/y"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (home.archive.parent / "mine.tar").touch()
    (home.path / "a").mkdir()
    (home.path / "a" / "requirements.txt").touch()
    assert home.build("folder", "a")[0]["reason"] == "ok"
    assert {path.name for path in home.archive.parent.iterdir()} == {home.archive.name, "mine.tar"}
    assert not (home.path / ".cache/labserver-build-x").exists()


@pytest.mark.parametrize(
    ("files", "source", "reason"),
    [
        (["a/requirements.txt"], "b", "missing"),
        (["a/x"], "a", "nothing"),
        (["a/Dockerfile"], "a", "dockerfile"),
        (["a/environment.yml"], "a", "conda"),
        (["a/Dockerfile", "a/environment.yml"], "a", "dockerfile"),
        (["a"], "a", "missing"),
    ],
)
def test_what_is_there_in_place_of_a_list_of_packages_is_told(
    home: Home, files: list[str], source: str, reason: str
) -> None:
    for name in files:
        (home.path / name).parent.mkdir(exist_ok=True)
        (home.path / name).touch()
    assert home.build("folder", source)[0]["reason"] == reason
    assert reason in outcome.TEXTS and not home.archive.exists()


def test_packages_that_do_not_exist_are_told_with_pips_words(home: Home) -> None:
    (home.path / "a").mkdir()
    (home.path / "a" / "requirements.txt").write_text("there-is-no-such-package==99\n")
    told, _output = home.build("folder", "a")
    assert told["reason"] == "install" and "there-is-no-such-package" in told["line"]


def test_an_environment_that_grows_beyond_its_bound_is_ended(home: Home) -> None:
    (home.path / "a").mkdir()
    home.wheel(home.path / "a", **{"demo.bin": os.urandom(3 << 20)})
    (home.path / "a" / "requirements.txt").write_text("./demo-1.0-py3-none-any.whl\n")
    assert home.build("folder", "a", most=2 << 20)[0]["reason"] == "size"
    assert not home.archive.exists() and list(home.path.glob(".cache/labserver-build-*")) == []


def test_what_fills_the_disk_while_it_is_built_is_ended_by_the_watch(home: Home) -> None:
    """A package whose installation writes without end: here pip itself does."""
    (home.path / "a").mkdir()
    (home.path / "a" / "requirements.txt").touch()
    # It writes beside its folder too, so that the folder's end does not end it; and not for ever, should the test fail.
    loop = "for i in $(seq 300); do head -c 1000000 /dev/zero >> $TMPDIR/x; date > $HOME/beat; sleep 0.1; done 2>&-"
    command = f'command = ["sh", "-c", {loop!r}]\n    say('
    text = HERE.read_text().replace('    say(f"installing', f'    {command}f"installing', 1)
    # The thread that waits for the program sees it fail while the watch still ends the build.
    text = text.replace("        end_started()\n", "        end_started()\n        time.sleep(reason == 'size')\n", 1)
    assert "time.sleep(reason" in text and loop in text
    assert home.build("folder", "a", most=5 << 20, program=text)[0]["reason"] == "size"
    (home.path / "beat").unlink()
    time.sleep(1)
    assert not (home.path / "beat").exists(), "what was started has ended"
    assert list(home.path.glob(".cache/labserver-build-*")) == []


def test_what_takes_too_long_is_ended_with_what_it_started(home: Home) -> None:
    (home.path / "a").mkdir()
    (home.path / "a" / "requirements.txt").touch()
    text = HERE.read_text().replace('    say(f"installing', '    command = ["sleep", "1000"]\n    say(f"installing', 1)
    told, output = home.build("folder", "a", seconds=2, program=text)
    assert told["reason"] == "late", output


def test_a_git_address_is_fetched_without_asking_anybody_and_by_https_alone(home: Home) -> None:
    home.tool("git", 'env | grep "^GIT_" | sort; printf "%s\\n" "$@"; mkdir -p "$7"; touch "$7/requirements.txt"')
    told, output = home.build("git", "https://git.example.org/a")
    assert told["reason"] == "ok", output
    lines = output.splitlines()
    for line in ("GIT_ALLOW_PROTOCOL=https", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=false"):
        assert line in lines
    assert lines[lines.index("--") + 1] == "https://git.example.org/a"


def test_a_git_address_that_answers_nothing_ends_with_a_sentence(home: Home) -> None:
    """A server that takes the connection and is silent; the real git waits for it, until the program's limit."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        taken: list[socket.socket] = []

        def take() -> None:
            taken.append(server.accept()[0])

        threading.Thread(target=take, daemon=True).start()
        text = HERE.read_text().replace("GIT_SECONDS = 300", "GIT_SECONDS = 3")
        told, output = home.build("git", f"https://127.0.0.1:{server.getsockname()[1]}/a", program=text)
        assert taken, output
        taken[0].close()
    assert told["reason"] == "silent" and not home.archive.exists()


def test_a_repository_that_is_none_is_told_with_gits_words(home: Home) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        address = f"https://127.0.0.1:{server.getsockname()[1]}/a"
    told, _output = home.build("git", address)
    assert told["reason"] == "git" and "127.0.0.1" in told["line"]


def test_the_kernels_count_of_refused_processes_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, found in (("max 0\n", False), ("max 3\n", True), ("", False)):
        monkeypatch.setattr(build_program.Path, "read_text", lambda _self, text=text: text)
        assert build_program.too_many_processes() is found


def test_the_guard_and_the_program_count_the_same_arguments() -> None:
    command = build.command(ID, "folder", "a", "demo", 60, 1)
    assert command[-build.ARGUMENTS :] == [ID, "folder", "a", "demo", "60", "1"]
    assert build_program.main.__code__.co_argcount == build.ARGUMENTS
    assert build.fits(command, 1, 60) and not build.fits(command, 0, 60) and not build.fits(command, 1, 59)
