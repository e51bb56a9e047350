# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the collection and import it as Ansible Galaxy would, offline: any warning of the importer fails.

The importer reads the metadata, checks the manifest, asks ansible-doc for the documentation of all plugins and renders
the texts. Its own ansible-lint is left out: `make lint` has run it on the same files.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from artifact import build

PROBLEMS = ("WARNING", "ERROR", "CRITICAL")
SETTINGS = {
    "GALAXY_IMPORTER_RUN_ANSIBLE_LINT": "false",
    "GALAXY_IMPORTER_CHECK_REQUIRED_TAGS": "true",
}


def problems(said: str) -> list[str]:
    """Return the lines of the importer's log that are warnings or errors."""
    return [line for line in said.splitlines() if line.startswith(PROBLEMS)]


def main() -> int:
    """Build, import, report. Returns the exit status."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        artifact = build(folder)
        # The importer must not see this checkout as an installed collection, nor its settings.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
        environment |= SETTINGS | {"ANSIBLE_HOME": name, "GALAXY_IMPORTER_ANSIBLE_LOCAL_TMP": name}
        done = subprocess.run(
            [sys.executable, "-m", "galaxy_importer.main", str(artifact)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    found = problems(done.stderr + done.stdout)
    if done.returncode or found:
        print(*(found or [done.stdout, done.stderr]), sep="\n", file=sys.stderr)
        print(f"artifact: galaxy-importer found {len(found)} problems (exit status {done.returncode})", file=sys.stderr)
        return 1
    print(f"artifact: {artifact.name} can be imported")
    return 0


if __name__ == "__main__":
    sys.exit(main())
