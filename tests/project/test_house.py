# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which room may import which, and what only the common room may do."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import collection  # noqa: F401
import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._common import labels
from paths import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import house

# Besides `_common`, which every room may import and which imports nobody. A new arrow is a decision: write it down.
ALLOWED: dict[str, set[str]] = {
    # reads as the doctor does; names and passwords follow one rule; on the way back it takes away what these rooms made
    "_adopt": {"_accounts", "_doctor", "_hub", "_proxy", "_schedule", "_shares"},
    "_builds": {"_registry", "_catalogue"},  # images go into the registry, on those that the catalogue offers
    "_catalogue": {"_registry", "_hub"},  # offers what the registry holds; the hub's passwords are looked after there
    "_hub": {"_accounts"},  # login names follow one rule
    "_images": {"_registry", "_catalogue"},  # images are pushed, and tried before as the catalogue tries them
    "_proxy": {"_certificates"},  # sites name certificates
    # asks each room what it has on a server that goes out of service
    "_retire": {"_accounts", "_backup", "_certificates", "_hub", "_schedule"},
    "_usage": {"_accounts"},  # the quota of a home says what it holds
    "_updates": {"_schedule"},  # a window is a time of cron; jobs that are at work are waited for
    # shows what they leave
    "_status": {"_schedule", "_certificates", "_usage", "_backup", "_registry", "_updates", "_hub"},
}
# Where files are written, locked or made without `_common`, and why.
OWN_WRITES: dict[str, str] = {
    "plugins/module_utils/_common/files.py": "is the place for it",
    "plugins/module_utils/_common/lock.py": "is the place for it",
    "plugins/module_utils/_common/process.py": "a command's output has no name",
    "plugins/module_utils/_common/job.py": "the runner's file for the summary is made by the runner",
    "plugins/module_utils/_accounts/store.py": "the account files have glibc's and the shadow suite's own locks",
    "plugins/module_utils/_registry/sweep.py": "makes a folder beside the store, not a file",
    "plugins/module_utils/_schedule/log.py": "appends to the log of a job",
    "roles/hub/files/images/hub/labhub/exchange/files.py": "is the place for it in the hub's image",
    "roles/hub/files/images/hub/labhub/servers/build_program.py": "runs alone in a person's container",
}
# Commands are run by this file alone, each with a time limit; the modules also by Ansible's own `module.run_command`.
COMMANDS = "plugins/module_utils/_common/process.py"
BUILD_PROGRAM = "roles/hub/files/images/hub/labhub/servers/build_program.py"
"""Runs in a person's container, with nothing of labhub beside it, and ends its commands with the container."""
STARTERS = "system|popen|posix_spawnp?|(exec|spawn)[lv]p?e?|create_subprocess_(exec|shell)"
WRITERS = {"mkstemp", "mkdtemp", "NamedTemporaryFile", "TemporaryFile", "flock", "lockf", "write_text", "write_bytes"}


def test_no_rooms_import_each_other_in_a_circle() -> None:
    assert house.floors(house.rooms(), house.arrows())


def test_the_picture_is_current() -> None:
    done = subprocess.run(
        [sys.executable, house.ROOT / "tools/house.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_there_are_as_many_rooms_as_a_person_can_keep_in_mind() -> None:
    assert 24 <= len(house.rooms()) <= 42


def test_a_package_has_the_name_of_its_role_and_its_tests_that_of_the_package() -> None:
    packages = {path.name for path in (ROOT / house.CORES).glob("_*") if path.is_dir()} - {"__pycache__"}
    roles = {f"_{path.name}" for path in (ROOT / "roles").iterdir()}
    assert packages - roles == {
        "_adopt",
        "_builds",
        "_common",
        "_retire",
        "_status",
        "_doctor",
        "_catalogue",
        "_usage",
    }, "what several roles use, services of the hub, and playbooks without a role"
    assert roles - packages == {"_image_build"}, "its images are those of `_images`"
    tests = {path.name for path in (ROOT / "tests/unit" / house.CORES).glob("_*") if path.is_dir()} - {"__pycache__"}
    assert tests == packages


def test_rooms_import_only_whom_they_may() -> None:
    between = {
        (here, there)
        for here, there in house.arrows()
        if not here.startswith(("plugins/", "_program", "labhub")) and there != "_common"
    }
    allowed = {(here, there) for here, targets in ALLOWED.items() for there in targets}
    assert sorted(between - allowed) == []
    assert sorted(allowed - between) == [], "arrows that are not needed any more"


def test_the_common_room_imports_nobody() -> None:
    assert [there for here, there in house.arrows() if here == "_common"] == []


def test_cores_know_no_ansible() -> None:
    for path in house.files():
        if not path.is_relative_to(house.CORES):
            continue
        for node in ast.walk(ast.parse((house.ROOT / path).read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert [name for name in names if name.split(".")[0].startswith("ansible")] == [], path


def own_writes(source: str) -> set[str]:
    """Return what of a source writes, locks or makes files by itself."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        modes = [word.value for word in node.keywords if word.arg == "mode"] + node.args[:2]
        values = [mode.value for mode in modes if isinstance(mode, ast.Constant) and isinstance(mode.value, str)]
        writes = name in ("open", "fdopen") and any(re.fullmatch("[rwabx+t]{1,3}", value) for value in values)
        writes = writes and any(set(value) & set("wax+") for value in values if len(value) <= 3)
        if name in WRITERS or writes:
            found.add(name)
    return found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("path.write_text('x')", {"write_text"}),
        ("tempfile.mkstemp(dir=x)", {"mkstemp"}),
        ("open(path, 'wb')", {"open"}),
        ("path.open(mode='a')", {"open"}),
        ("path.open()", set()),
        ("path.read_text()", set()),
        ("open(path, encoding='ascii')", set()),
        ("os.fdopen(descriptor, 'rb', closefd=False)", set()),
    ],
)
def test_the_check_of_writes_sees_them(source: str, found: set[str]) -> None:
    assert own_writes(source) == found


def test_only_the_common_room_writes_and_locks() -> None:
    found = {str(path) for path in house.files() if own_writes((house.ROOT / path).read_text())}
    assert sorted(found - set(OWN_WRITES)) == []
    assert sorted(set(OWN_WRITES) - found) == [], "exceptions that are not needed any more"


def spelled(text: str) -> list[str]:
    """Return the cores that spell a text out in their code; what they tell people about themselves does not count."""
    found = []
    for path in house.files():
        tree = ast.parse((house.ROOT / path).read_text())
        told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in told)
        if path.is_relative_to(house.CORES) and any(text in str(node.value) for node in constants):
            found.append(str(path))
    return found


def test_only_the_common_room_spells_labels_of_containers() -> None:
    assert spelled("org.labserver.") == ["plugins/module_utils/_common/labels.py"]


def test_the_hub_s_image_has_the_same_labels() -> None:
    words = (house.ROOT / house.LABHUB / "servers" / "server.py").read_text(encoding="utf-8")
    for label in (labels.ROOM, labels.USER):
        assert f'"{label}"' in words
    assert f'ROOM = "{labels.HUB_SERVERS.partition("=")[2]}"' in words


def test_what_is_desired_read_and_planned_is_frozen() -> None:
    thawed = []
    for path in house.files():
        for node in ast.parse((house.ROOT / path).read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name in ("Desired", "Current", "Plan"):
                decorators = " ".join(ast.unparse(one) for one in node.decorator_list)
                thawed += [] if "frozen=True" in decorators else [f"{path}: {node.name}"]
    assert thawed == []


def own_commands(source: str) -> set[str]:
    """Return what of a source starts programs by itself."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
            found |= {name for name in names if name.split(".")[0] in ("subprocess", "pty", "multiprocessing")}
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") in ("os", "asyncio"):
            found |= {node.attr} if re.fullmatch(STARTERS, node.attr) else set()
    return found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import subprocess", {"subprocess"}),
        ("def f():\n    from subprocess import run", {"subprocess"}),
        ("os.system('x')", {"system"}),
        ("await asyncio.create_subprocess_exec('x')", {"create_subprocess_exec"}),
        ("os.execvp('x', ['x'])", {"execvp"}),
        ("facts.system", set()),
        ("from .._common import process\nprocess.call(['x'], 3)", set()),
    ],
)
def test_the_check_of_commands_sees_them(source: str, found: set[str]) -> None:
    assert own_commands(source) == found


def test_only_the_common_room_runs_commands() -> None:
    found = {str(path) for path in house.files() if own_commands((house.ROOT / path).read_text())}
    assert found == {COMMANDS, BUILD_PROGRAM}
