# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the images cost: size, time to build, and the memory of a server that nobody uses.

    python tests/bench/images.py [notebook scientific ...]     # builds anew what it measures, on the engine here

Prints Markdown. The size is what the image adds to those that it is built on, and all of it; seconds are of a build
without the engine's cache, packages from wherever this machine gets them; the memory is the control group's, without
the page cache, half a minute after the server answered.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/images"), str(ROOT / "tests/support")]
import collection  # noqa: E402, F401
import image_builds as builds  # noqa: E402
from ansible_collections.labserver.jupyter.plugins.module_utils._images import layers  # noqa: E402
from running import Server  # noqa: E402

STARTS = 5
IDLE_SECONDS = 30.0
MEMORY = r"""
import re, pathlib
group = pathlib.Path("/sys/fs/cgroup")
if (group / "memory.stat").exists():  # cgroup v2
    stat, keys = (group / "memory.stat").read_text(), ("anon", "kernel", "shmem")
else:
    stat, keys = (group / "memory/memory.stat").read_text(), ("total_rss", "total_shmem")
print(sum(int(found[1]) for key in keys if (found := re.search(rf"^{key} (\d+)$", stat, re.M))))
"""


def megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f}"


def size(reference: str) -> int:
    return int(builds.docker("image", "inspect", "--format", "{{.Size}}", reference))


def row(context: str) -> str:
    """Build and start one image; returns its row of the table."""
    below = layers.CONTEXTS[context]
    base = builds.image(below) if below else builds.base()
    name = f"labserver-test/bench-{context}:1"
    began = time.monotonic()
    arguments = ("--quiet", "--no-cache", "--build-arg", f"BASE={base}", "--tag", name)
    builds.docker("build", *arguments, builds.IMAGES / context)
    built = time.monotonic() - began
    starts, memory = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(STARTS):
            began = time.monotonic()
            with Server(name, f"bench-{context}", Path(folder) / "home") as server:
                starts.append(time.monotonic() - began)
                if number == STARTS - 1:
                    time.sleep(IDLE_SECONDS)
                    memory = int(server.run("python3 -", MEMORY))
    builds.docker("image", "rm", name)
    sizes = f"{megabytes(size(builds.image(context)) - size(base))} | {megabytes(size(builds.image(context)))}"
    return f"| `{context}` | {sizes} | {built:.0f} | {statistics.median(starts):.2f} | {megabytes(memory)} |"


def main() -> None:
    print("| image | adds MB | whole MB | build s | start s | idle MB |\n|---|---|---|---|---|---|")
    for context in sys.argv[1:] or ["notebook", "scientific"]:
        print(row(context), flush=True)


if __name__ == "__main__":
    main()
