# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a start of a person's server reads: an update of the image must not bring back what made it slow."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path

import image_builds
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
    "rfc3986_validator": "an optional check of jsonschema that compiles long expressions",
    "arrow": "belongs to an optional check of jsonschema",
    "IPython": "belongs into kernels",
    "ipykernel": "belongs into kernels",
    "numpy": "belongs into kernels",
    "matplotlib": "belongs into kernels",
    "aiohttp": "asks the hub, as labserver_notebook.hub_client does for less; a quarter of all imports",
    "requests": "asks for lists of blocked extensions",
    "urllib3": "belongs to requests",
    "httpx": "asks PyPI for extensions of JupyterLab, when somebody opens that page",
    "git": "belongs to nbdime, which the first request for it loads",
    "nbdime": "is loaded by the first request for it",
    "jupyterlab_git_core": "is loaded by the first request for it",
    "jupyter_lsp": "is loaded by the first request for it",
    "psutil": "belongs to jupyter_resource_usage, which the first request for it loads",
}
LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| +(\S+)")
# By path the extension that answers there, and what it answers.
ASKED = {
    "/git/settings": ("jupyterlab_git", "frontendVersion"),
    "/nbdime/api/isgit": ("nbdime", "is_git"),
    "/lsp/status": ("jupyter_lsp", "specs"),
    "/api/metrics/v1": ("jupyter_resource_usage", "rss"),
    "/git-pull?repo=x": ("nbgitpuller", "nbgitpuller"),
}


@pytest.fixture(params=["notebook", "scientific"])
def built(request: pytest.FixtureRequest) -> str:
    """An image that people start."""
    return lone_server.image() if request.param == "notebook" else image_builds.image("scientific")


def imported(server: Server) -> dict[str, int]:
    """Return the microseconds of each import of a server so far, what it imports included."""
    return {name: int(cumulative) for _own, cumulative, name in LINE.findall(server.log())}


def test_a_start_reads_nothing_that_a_persons_server_never_uses(tmp_path: Path, built: str) -> None:
    os.chown(tmp_path, UID, UID)
    tmp_path.parent.chmod(0o755)
    with lone_server.hub() as hub, Server(built, tmp_path, hub, "-e", "PYTHONPROFILEIMPORTTIME=1") as server:
        time.sleep(4)  # what it does after its start belongs to the start of a server that nobody opens
        found = imported(server)
    assert {"jupyterhub.singleuser.extension", "jupyterlab.labapp", "labserver_notebook.contents"} <= set(found)
    slowest = sorted(found.items(), key=lambda one: -one[1])[:15]
    told = "; ".join(f"{name} {micros / 1000:.0f} ms" for name, micros in slowest)
    # A module that was looked for in vain is listed by its name alone.
    again = {name: why for name, why in SLOW.items() if any(one.startswith(f"{name}.") for one in found)}
    assert not again, f"these are imported again: {again}. The slowest imports: {told}"


def test_the_first_request_for_an_extension_loads_it(tmp_path: Path) -> None:
    os.chown(tmp_path, UID, UID)
    tmp_path.parent.chmod(0o755)
    with lone_server.hub() as hub, Server(image_builds.image("scientific"), tmp_path, hub) as server:
        for path, (name, answer) in ASKED.items():
            assert f"{name} | extension was successfully loaded" not in server.log()
            method, body = ("POST", {"path": "."}) if path == "/nbdime/api/isgit" else ("GET", None)
            for _time in range(2):
                answered = server.ask(method, path, body)
                assert answer in answered.text, f"{path}: {answered.status_code} {answered.text}"
            assert server.log().count(f"{name} | extension was successfully loaded") == 1
        assert server.ask("GET", "/api/nothing").status_code == 404


def test_the_page_of_a_fresh_server_has_what_a_waiting_extension_adds(tmp_path: Path) -> None:
    os.chown(tmp_path, UID, UID)
    tmp_path.parent.chmod(0o755)
    with lone_server.hub() as hub, Server(image_builds.image("scientific"), tmp_path, hub) as server:
        assert '"rootUri": "file:///home/alice"' in server.ask("GET", "/lab").text
        assert server.ask("GET", "/nothing-of-lab").status_code == 404


def test_who_asks_for_what_was_left_out_gets_it() -> None:
    """An extension of the server, or another version of JupyterHub, may need the real modules."""
    code = (
        "from labserver_notebook import later\n"
        "with later.standing_in():\n"
        "    import jupyterhub.singleuser, jupyterhub.scopes, jupyterhub.utils, jupyterlab.labapp\n"
        "import sys; assert 'sqlalchemy' not in sys.modules\n"
        "stand_in = jupyterhub.scopes.sa\n"
        "import sqlalchemy, sqlalchemy.exc, jupyterhub.orm, jupyterhub.handlers\n"
        "assert sqlalchemy.Column is stand_in.Column and jupyterhub.orm.User.__tablename__ == 'users'\n"
        "assert jupyterhub.scopes.orm.User is jupyterhub.orm.User\n"
        "import jupyterlab.extensions, jupyterlab.extensions.pypi\n"
        "manager = jupyterlab.extensions.get_pypi_manager({}, {}, None)\n"
        "assert manager.metadata.name == 'PyPI'\n"
        "assert manager.base_url.startswith('https://pypi')\n"
        "import jsonschema, fqdn\n"
        "assert str(jupyterhub.roles.func.count()) == 'count(*)'\n"
        "print('all there')"
    )
    printed = docker("run", "--rm", lone_server.image(), "/opt/jupyter/bin/python", "-c", code)
    assert printed == "all there"
