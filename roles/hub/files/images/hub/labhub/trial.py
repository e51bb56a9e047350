# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries a configuration: ``python -m labhub.trial``. Touches neither database nor proxy.

Run in a temporary container before a configuration is installed. Prints each problem on a line; the exit status is 1 if
there are any.
"""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path

from .app import LabHub

CONFIG = Path(__file__).resolve().parents[1] / "jupyterhub_config.py"


class _Collector(logging.Handler):
    """Keeps what traitlets only warns of: options that nothing knows (a misspelt one has no effect)."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def problems(config: Path = CONFIG) -> list[str]:
    """Return what is wrong with the configuration that the settings lead to."""
    collector = _Collector()
    log = logging.getLogger("labhub.trial")
    log.handlers, log.propagate = [collector], False
    try:
        app = LabHub()
        app.log = log  # traitlets gives its own logger new handlers when the log level is read
        app.raise_config_file_errors = True
        app.load_config_file(str(config))
        # Traits are checked when objects are made, not when the file is read.
        app.authenticator_class(parent=app)
        spawner = app.spawner_class(parent=app)
        app.proxy_class(parent=app)
        spawner.traits()
    except SystemExit as error:
        return [*collector.lines, f"the configuration ends the hub: {error}"]
    except Exception as error:  # whatever the snippets do
        place = traceback.extract_tb(error.__traceback__)[-1]
        return [*collector.lines, f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno})"]
    return [line for line in collector.lines if "not recognized" in line]


def main() -> int:
    """Print the problems."""
    found = problems()
    sys.stdout.write("".join(f"{line}\n" for line in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
