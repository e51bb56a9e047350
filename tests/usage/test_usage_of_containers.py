# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real containers that burn CPU and are stopped, killed and restarted, against what the kernel counted of them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import lock
from ansible_collections.labserver.jupyter.plugins.module_utils._usage.model import Sum
from ansible_collections.labserver.jupyter.plugins.module_utils._usage.recorder import Recorder, World
from ansible_collections.labserver.jupyter.plugins.module_utils._usage.store import FILE, Store
from paths import ROOT

NAME = f"labserver-usage{os.environ.get('LABSERVER_ID', '')}"
GROUP = f"/labusage-{uuid.uuid4().hex[:8]}"
"""All containers of this test lie in it, so its counter is what they used together; systemd's driver wants a slice."""
BURN = "while :; do :; done"
NAP = "while :; do sleep 0.2; done"


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """An image of this machine's own shell and sleep: nothing has to be pulled."""
    name = f"{NAME}-shell"
    files = "for f in /bin/sh /bin/sleep; do readlink -f $f; echo $f; ldd $f | grep -o '/[^ ]*'; done | sort -u"
    tar = "tar --create --dereference --absolute-names --files-from=-"
    subprocess.run(f"({files}) | {tar} | docker import - {name}", shell=True, check=True, capture_output=True)
    yield name
    docker("rmi", "--force", name)


@pytest.fixture(scope="module")
def parent() -> Iterator[str]:
    driver = docker("info", "--format", "{{.CgroupDriver}}")
    yield f"{GROUP.strip('/').replace('-', '')}.slice" if driver == "systemd" else GROUP
    for folder in Path("/sys/fs/cgroup").glob(f"*{GROUP}"):  # Docker's driver cgroupfs leaves them
        with contextlib.suppress(OSError):
            for below in (*filter(Path.is_dir, folder.iterdir()), folder):
                below.rmdir()


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    yield
    for name in docker("ps", "--all", "--quiet", "--filter", f"name=^{NAME}-").split():
        docker("rm", "--force", name)


def run(image: str, parent: str, person: str, what: str, *more: str) -> str:
    """Start a server of a person, as the hub does; what else runs on this machine has none of these labels."""
    marks = ["--label=org.labserver.room=hub-server", f"--label=org.labserver.user={person}"]
    name = f"{NAME}-{person}-{uuid.uuid4().hex[:6]}"
    options = ["--detach", "--network=none", "--cpus=0.5", f"--cgroup-parent={parent}", f"--name={name}"]
    docker("run", *options, *marks, *more, image, "/bin/sh", "-c", what)
    return name


def kernel_seconds(parent: str) -> float:
    """Return what the kernel counted of all containers of this test, read by itself."""
    below = Path("/sys/fs/cgroup")
    for path in (below / "cpuacct", below / "cpu,cpuacct"):
        if (path / parent.strip("/") / "cpuacct.usage").exists():
            return int((path / parent.strip("/") / "cpuacct.usage").read_text()) / 1e9
    return int((below / parent / "cpu.stat").read_text().split()[1]) / 1e6


def sums(root: Path) -> dict[str, Sum]:
    store = Store(root / FILE)
    found: dict[str, Sum] = defaultdict(Sum)
    for key, one in store.sums().items():
        if key.person.startswith("usage-"):  # other tests may have servers of their own on this engine
            found[key.person] = found[key.person].plus(one)
    store.close()
    return found


class Rounds:
    """The recorder as the job runs it while the service is away: made anew for each round, on the real kernel."""

    def __init__(self, folder: Path, parent: str) -> None:
        self.folder, self.parent = folder, parent

    def round(self) -> None:
        store = Store(self.folder / FILE)
        recorder = Recorder(World(), store, self.parent)
        recorder.catch_up()
        recorder.sample()
        recorder.flush()
        store.close()


def test_what_is_stopped_killed_and_restarted_between_two_rounds_is_counted(
    image: str, parent: str, tmp_path: Path
) -> None:
    rounds = Rounds(tmp_path, parent)
    rounds.round()
    mira = run(image, parent, "usage-mira", BURN)
    jonas = run(image, parent, "usage-jonas", NAP)
    time.sleep(2)
    rounds.round()
    time.sleep(3)
    docker("kill", mira)
    time.sleep(1)
    docker("start", mira)
    time.sleep(3)
    ada = run(image, parent, "usage-ada", BURN)  # starts and ends between two rounds
    time.sleep(3)
    docker("stop", "--time=1", ada)
    rounds.round()
    time.sleep(1)
    docker("rm", "--force", mira)
    docker("rm", "--force", jonas)
    rounds.round()
    counted, found = kernel_seconds(parent), sums(tmp_path)
    assert sum(one.cpu for one in found.values()) == pytest.approx(counted, rel=0.01, abs=0.05)
    assert found["usage-mira"].starts == 2 and found["usage-mira"].cpu > found["usage-jonas"].cpu
    assert found["usage-ada"].cpu > found["usage-jonas"].cpu and found["usage-ada"].seconds > 3
    assert found["usage-jonas"].cpu < 0.5 and found["usage-jonas"].estimated == 0


def test_the_service_counts_what_ends_by_any_way_and_goes_on_after_it_was_killed(
    image: str, parent: str, tmp_path: Path
) -> None:
    """The program itself, as systemd runs it."""
    settings = tmp_path / "etc/labserver/hub/usage-settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'{{"version": 1, "keep_days": 400, "cgroup_parent": "{parent}"}}')
    for name in ("proc", "sys"):
        (tmp_path / name).symlink_to(f"/{name}")
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'collections')!r});"
        "from ansible_collections.labserver.jupyter.plugins.module_utils._usage.service import main;"
        f"sys.exit(main(['--root', {str(tmp_path)!r}]))"
    )

    def service() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)

    def until(what: str, wanted: float) -> None:
        end = time.monotonic() + 60
        while (store := Store(tmp_path / FILE)).state().looked < wanted:
            store.close()
            assert time.monotonic() < end, what
            time.sleep(0.2)
        store.close()

    before = kernel_seconds(parent) if any(Path("/sys/fs/cgroup").glob(f"*/{parent.strip('/')}")) else 0.0
    running = service()
    until("the first look", time.time() - 5)
    mira = run(image, parent, "usage-mira", BURN)
    time.sleep(3)
    docker("kill", mira)
    time.sleep(1)
    assert sums(tmp_path)["usage-mira"].cpu > 0.2, "written at the stop, not at the next round"
    short = run(image, parent, "usage-jonas", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done", "--rm")
    time.sleep(2)
    running.send_signal(signal.SIGKILL)
    running.wait()
    killed = run(image, parent, "usage-ada", BURN)
    time.sleep(3)
    docker("rm", "--force", killed)
    assert short and not lock.held(tmp_path, "usage")
    running = service()
    docker("start", mira)
    time.sleep(3)
    running.send_signal(signal.SIGTERM)
    assert running.wait(30) == 0
    counted, found = kernel_seconds(parent) - before, sums(tmp_path)
    docker("kill", mira)
    assert sum(one.cpu for one in found.values()) == pytest.approx(counted, rel=0.02, abs=0.3), "the last one still ran"
    assert {name: one.starts for name, one in found.items()} == {"usage-mira": 2, "usage-jonas": 1, "usage-ada": 1}
    assert found["usage-ada"].cpu > 0.2 and sum(one.estimated for one in found.values()) == 0
