# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the images cost: size, time to build, a start, and the memory of a server that nobody uses.

    python tests/bench/images.py [--as-they-are] [notebook scientific ...]       # on the engine here; none: all of them

Prints Markdown. The size is what the image adds to those that it is built on, and all of it; seconds of the build are
without the engine's cache, packages from wherever this machine gets them; with --as-they-are nothing is built that is
here. A start is JupyterLab without a hub, until it answers: seconds on the clock and of processor time. The memory is
the server's own, half a minute later.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/images"), str(ROOT / "tests/support")]
import cgroups  # noqa: E402
import collection  # noqa: E402, F401
import image_builds as builds  # noqa: E402
from ansible_collections.labserver.jupyter.plugins.module_utils._images import layers  # noqa: E402
from running import Server  # noqa: E402

STARTS = 5
IDLE_SECONDS = 30.0
# Several gigabytes from the internet, or half an hour of compiling.
NAMED_ONLY = ("scientific-gpu", "steps")


def megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f}"


def size(reference: str) -> int:
    return int(builds.docker("image", "inspect", "--format", "{{.Size}}", reference))


def build_seconds(context: str, base: str) -> float:
    """Build an image without the engine's cache; returns how long it took."""
    name = f"labserver-test/bench-{context}:1"
    bases = ("--build-arg", f"BASE={base}", "--build-arg", f"PLAIN_BASE={builds.base()}")
    began = time.monotonic()
    builds.docker("build", "--quiet", "--no-cache", *bases, "--tag", name, builds.IMAGES / context)
    took = time.monotonic() - began
    builds.docker("image", "rm", name)
    return took


def row(context: str, anew: bool) -> str:
    """Build and start one image; returns its row of the table."""
    below = layers.CONTEXTS[context]
    base = builds.image(below) if below else builds.base()
    built = f"{build_seconds(context, base):.0f}" if anew else ""
    name = builds.image(context)
    starts, processor, memory = [], [], 0
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        for number in range(STARTS):
            began = time.monotonic()
            with Server(name, f"bench-{context}", Path(folder) / "home") as server:
                starts.append(time.monotonic() - began)
                identity = builds.docker("inspect", "--format", "{{.Id}}", server.name)
                processor.append(cgroups.cpu_seconds(identity))
                if number == STARTS - 1:
                    time.sleep(IDLE_SECONDS)
                    memory = cgroups.memory_bytes(identity)
    cells = (
        f"`{context}`", megabytes(size(name) - size(base)), megabytes(size(name)), built,
        f"{statistics.median(starts):.2f}", f"{statistics.median(processor):.2f}", megabytes(memory),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="*", default=[one for one in layers.CONTEXTS if one not in NAMED_ONLY])
    parser.add_argument("--as-they-are", action="store_true", help="build only what is not here")
    arguments = parser.parse_args()
    print("| image | adds MB | whole MB | build s | start s | CPU s | idle MB |\n|---|---|---|---|---|---|---|")
    for context in arguments.images:
        print(row(context, not arguments.as_they_are), flush=True)


if __name__ == "__main__":
    main()
