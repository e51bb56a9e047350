# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a start of a person's server reads: an update of the image must not bring back what made it slow."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import lone_server
import pytest
from lone_server import UID, Server, docker

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("docker"), reason="needs root and a Docker engine"),
]

SLOW = {
    "sqlalchemy": "the hub's database; a quarter of the start",
    "alembic": "changes of the hub's database",
    "mako": "templates of alembic",
    "rfc3987_syntax": "compiles a grammar at each import; half of the start",
    "lark": "compiles grammars",
    "IPython": "belongs into kernels",
    "ipykernel": "belongs into kernels",
    "numpy": "belongs into kernels",
    "matplotlib": "belongs into kernels",
}
LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| +(\S+)")


def test_a_start_reads_nothing_that_a_persons_server_never_uses(tmp_path: Path) -> None:
    os.chown(tmp_path, UID, UID)
    tmp_path.parent.chmod(0o755)
    with (
        lone_server.hub() as hub,
        Server(lone_server.image(), tmp_path, hub, "-e", "PYTHONPROFILEIMPORTTIME=1") as server,
    ):
        found = {name: int(cumulative) for _own, cumulative, name in LINE.findall(server.log())}
    assert {"jupyterhub.singleuser.extension", "jupyterlab.labapp", "labserver_notebook.contents"} <= set(found)
    slowest = sorted(found.items(), key=lambda one: -one[1])[:15]
    told = "; ".join(f"{name} {micros / 1000:.0f} ms" for name, micros in slowest)
    # A module that was looked for in vain is listed by its name alone.
    again = {name: why for name, why in SLOW.items() if any(one.startswith(f"{name}.") for one in found)}
    assert not again, f"these are imported again: {again}. The slowest imports: {told}"


def test_who_asks_for_what_was_left_out_gets_it() -> None:
    """An extension of the server, or another version of JupyterHub, may need the real modules."""
    code = (
        "from labserver_notebook import later\n"
        "with later.standing_in():\n"
        "    import jupyterhub.singleuser, jupyterhub.scopes, jupyterhub.utils\n"
        "import sys; assert 'sqlalchemy' not in sys.modules\n"
        "stand_in = jupyterhub.scopes.sa\n"
        "import sqlalchemy, sqlalchemy.exc, jupyterhub.orm, jupyterhub.handlers\n"
        "assert sqlalchemy.Column is stand_in.Column and jupyterhub.orm.User.__tablename__ == 'users'\n"
        "assert jupyterhub.scopes.orm.User is jupyterhub.orm.User\n"
        "assert str(jupyterhub.roles.func.count()) == 'count(*)'\n"
        "print('all there')"
    )
    printed = docker("run", "--rm", lone_server.image(), "/opt/jupyter/bin/python", "-c", code)
    assert printed == "all there"
