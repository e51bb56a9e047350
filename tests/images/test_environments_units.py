# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People's environments: where they are found, what becomes of their kernels, and how they are repaired.

Environments are made by the real ``venv`` of the Python that runs the tests; that of another image's Python is the same
with its folder and its link renamed, which is what an update of the image leaves.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from types import ModuleType

import pytest
from paths import ROOT

PACKAGE = ROOT / "roles/images/files/images/notebook/environments"
sys.path.insert(0, str(PACKAGE))
HERE = sys.version_info[1]
OTHER = HERE - 1


def part(name: str) -> ModuleType:
    """Return a module of the images' package."""
    return importlib.import_module(f"labserver_environments.{name}")


find, specs, packages, repair, cli, hints, looker, caches = (
    part(name) for name in ("find", "specs", "packages", "repair", "cli", "hints", "looker", "caches")
)


def made(path: Path, *, kernel: bool = True) -> Path:
    """Make a real environment, with what installing ipykernel leaves of a kernel."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", path], check=True)
    if kernel:
        give_kernel(path, {"argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]})
    return path


def give_kernel(path: Path, more: dict[str, object], name: str = "python3") -> None:
    folder = path / "share/jupyter/kernels" / name
    folder.mkdir(parents=True)
    spec = {"display_name": "Python 3 (ipykernel)", "language": "python", **more}
    (folder / "kernel.json").write_text(json.dumps(spec))


def installed(site: Path, name: str, version: str, *, requested: bool = True, direct: object = None) -> None:
    """Leave what pip leaves of an installed package."""
    record = site / f"{name}-{version}.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n\nName: none\n")
    (record / "RECORD").write_text(f"{name}/__init__.py,,\n{record.name}/METADATA,,\n")
    if requested:
        (record / "REQUESTED").write_text("")
    if direct:
        (record / "direct_url.json").write_text(json.dumps(direct))


def aged(path: Path) -> Path:
    """Turn an environment into one that another image's Python made."""
    (path / f"lib/python3.{HERE}").rename(path / f"lib/python3.{OTHER}")
    return path


def test_environments_are_found_where_people_make_them(tmp_path: Path) -> None:
    made(tmp_path / "envs/analysis")
    made(tmp_path / ".venvs/old")
    made(tmp_path / "project/.venv")
    (tmp_path / "micromamba/envs/gdal/conda-meta").mkdir(parents=True)
    (tmp_path / "elsewhere/conda-meta").mkdir(parents=True)
    (tmp_path / ".conda").mkdir()
    gdal = tmp_path / "micromamba/envs/gdal"
    (tmp_path / ".conda/environments.txt").write_text(f"{gdal}\n{tmp_path}/elsewhere\n{tmp_path}/gone\n/mnt/nas/x\n\n")
    (tmp_path / "envs/no environment").mkdir()
    found = {one.name: one.path.relative_to(tmp_path).as_posix() for one in find.own(tmp_path)}
    assert found == {
        "analysis": "envs/analysis",
        "old": ".venvs/old",
        "project": "project/.venv",
        "gdal": "micromamba/envs/gdal",
        "elsewhere": "elsewhere",
    }


def test_a_link_in_the_home_is_not_followed(tmp_path: Path) -> None:
    """It may lead to a file server that does not answer, and the whole server would wait with it."""
    made(tmp_path / "nas/project/.venv")
    home = tmp_path / "home"
    home.mkdir()
    (home / "project").symlink_to(tmp_path / "nas/project")
    assert list(find.own(home)) == []


def test_environments_of_a_groups_folder_carry_its_name(tmp_path: Path) -> None:
    path = made(tmp_path / "leem/envs/analysis")
    made(tmp_path / "leem/envs/.former-analysis")
    (one,) = find.shared([tmp_path / "leem", tmp_path / "gone"])
    assert (one.path, one.label) == (path, "leem: analysis")
    (found,) = specs.kernels([one]).items()
    assert found[0] == "env-leem-analysis" and found[1].spec["display_name"] == "Python (leem: analysis)"


def test_a_kernel_runs_the_python_of_its_environment(tmp_path: Path) -> None:
    path = made(tmp_path / "envs/My Analysis")
    (found,) = specs.kernels(find.own(tmp_path)).items()
    assert found[0] == "env-my-analysis"
    spec = found[1].spec
    assert spec["argv"] == [f"{path}/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    assert spec["env"] == {"PATH": f"{path}/bin:${{PATH}}", "VIRTUAL_ENV": str(path)}


def test_names_that_two_environments_share_stay_apart(tmp_path: Path) -> None:
    made(tmp_path / "envs/analysis")
    made(tmp_path / ".venvs/analysis")
    found = specs.kernels(find.own(tmp_path))
    assert len(found) == 2 and "env-analysis" in found
    assert found.keys() == specs.kernels(find.own(tmp_path)).keys()


def test_a_conda_environment_is_activated(tmp_path: Path) -> None:
    """GDAL, for one, finds its data by what its activation script sets."""
    path = tmp_path / "micromamba/envs/gdal"
    (path / "conda-meta").mkdir(parents=True)
    (path / "etc/conda/activate.d").mkdir(parents=True)
    (path / "etc/conda/activate.d/gdal.sh").write_text("export GDAL_DATA=$CONDA_PREFIX/share/gdal\n")
    give_kernel(path, {"argv": ["/bin/sh", "-c", "echo $GDAL_DATA {connection_file}"], "display_name": "R"}, "ir")
    give_kernel(path, {"argv": [f"{path}/bin/R"], "display_name": "R", "language": "R"}, "r2")
    found = specs.kernels(find.own(tmp_path))
    assert found["env-gdal-r2"].spec["display_name"] == "R (gdal)"
    spec = found["env-gdal-ir"].spec
    ran = subprocess.run(spec["argv"], env={"CONDA_PREFIX": str(path)}, capture_output=True, text=True, check=True)
    assert ran.stdout == f"{path}/share/gdal {{connection_file}}\n"


def test_a_damaged_spec_hides_no_other(tmp_path: Path) -> None:
    for name, text in (("broken", "{"), ("list", "[]"), ("empty", '{"argv": []}'), ("none", "{}")):
        path = made(tmp_path / "envs" / name)
        (path / "share/jupyter/kernels/python3/kernel.json").write_text(text)
    made(tmp_path / "envs/good")
    assert list(specs.kernels(find.own(tmp_path))) == ["env-good"]


@pytest.mark.parametrize("gone", [True, False])
def test_an_environment_of_another_python_says_how_it_is_repaired(tmp_path: Path, gone: bool) -> None:
    path = aged(made(tmp_path / "envs/analysis"))
    if gone:
        (path / "bin/python").unlink()
        (path / "bin/python").symlink_to(f"/usr/bin/python3.{OTHER}-that-is-gone")
    spec = specs.kernels(find.own(tmp_path))["env-analysis"].spec
    assert spec["display_name"] == "Python (analysis): to be repaired"
    words = spec["env"][specs.LOST]
    assert f"made with Python 3.{OTHER}" in words and f"labserver-environments repair {path}" in words
    assert "labserver-environments repair" in cli.table(find.own(tmp_path))


def test_an_environment_of_the_images_python_is_whole(tmp_path: Path) -> None:
    assert find.fault(made(tmp_path / "envs/analysis")) == ""
    assert cli.table(find.own(tmp_path)).endswith("is a kernel")


def test_without_ipykernel_the_list_says_what_to_do(tmp_path: Path) -> None:
    path = made(tmp_path / "envs/bare", kernel=False)
    assert specs.kernels(find.own(tmp_path)) == {}
    assert f"uv pip install --python {path}/bin/python ipykernel" in cli.table(find.own(tmp_path))


class Runner:
    """Stands in for uv: makes the environment, and installs what there is."""

    def __init__(self, prefix: Path, refused: Sequence[str] = ()):
        self.prefix, self.refused, self.asked = prefix, refused, list[str]()

    def __call__(self, command: Sequence[str]) -> int:
        if "-r" not in command:
            made(self.prefix)
            return 0
        text = Path(command[-1]).read_text()
        self.asked.append(text)
        return int(any(one in text for one in self.refused))


def test_a_repair_installs_what_was_asked_for(tmp_path: Path) -> None:
    path = aged(made(tmp_path / "envs/analysis"))
    site = path / f"lib/python3.{OTHER}/site-packages"
    installed(site, "numpy", "2.1.0")
    installed(site, "needed", "1.0", requested=False)
    installed(site, "own", "0.1", direct={"url": "file:///home/x/own", "dir_info": {"editable": True}})
    installed(site, "fork", "0.2", direct={"url": "https://x.org/f", "vcs_info": {"vcs": "git", "commit_id": "abc"}})
    run = Runner(path)
    words = repair.repair(path, run)
    assert run.asked == ["fork @ git+https://x.org/f@abc\nnumpy==2.1.0\n-e file:///home/x/own\n"]
    assert find.fault(path) == "" and "3 package(s)" in words and "some are newer" not in words
    assert (tmp_path / f"envs/.former-analysis/lib/python3.{OTHER}").is_dir()
    assert [one.name for one in find.own(tmp_path)] == ["analysis"]


def test_a_repair_takes_newer_versions_where_the_former_are_not_for_this_python(tmp_path: Path) -> None:
    path = aged(made(tmp_path / "envs/analysis"))
    installed(path / f"lib/python3.{OTHER}/site-packages", "numpy", "1.26.0")
    run = Runner(path, refused=["numpy==1.26.0"])
    assert "some are newer" in repair.repair(path, run)
    assert run.asked == ["numpy==1.26.0\n", "numpy\n"]


def test_a_repair_that_fails_leaves_all_as_it_was(tmp_path: Path) -> None:
    path = aged(made(tmp_path / "envs/analysis"))
    installed(path / f"lib/python3.{OTHER}/site-packages", "gone", "1.0")
    with pytest.raises(repair.RepairError, match="gone: not all of them can be installed"):
        repair.repair(path, Runner(path, refused=["gone"]))
    assert (path / f"lib/python3.{OTHER}/site-packages/gone-1.0.dist-info").is_dir()
    assert not (tmp_path / "envs/.former-analysis").exists()


def test_a_repair_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "conda/conda-meta").mkdir(parents=True)
    with pytest.raises(repair.RepairError, match="repair it with conda"):
        repair.repair(tmp_path / "conda")
    with pytest.raises(repair.RepairError, match="no environment"):
        repair.repair(tmp_path)
    path = aged(made(tmp_path / "envs/analysis"))
    (tmp_path / "envs/.former-analysis").mkdir()
    with pytest.raises(repair.RepairError, match="left from a former repair"):
        repair.repair(path)


def test_packages_of_a_former_python_are_named(tmp_path: Path) -> None:
    local = tmp_path / ".local/lib"
    installed(local / f"python3.{OTHER}/site-packages", "seaborn", "0.13.2")
    installed(local / f"python3.{OTHER}/site-packages", "numpy", "2.1.0")
    installed(local / f"python3.{HERE}/site-packages", "numpy", "2.3.0")
    words = cli.left_behind(packages.former(tmp_path))
    assert "pip install --user seaborn\n" in words and f"for Python 3.{OTHER}" in words
    assert f"rm -r ~/.local/lib/python3.{OTHER}" in words


def test_a_missing_module_says_that_it_was_there(tmp_path: Path) -> None:
    installed(tmp_path / f".local/lib/python3.{OTHER}/site-packages", "seaborn", "0.13.2")
    error = ModuleNotFoundError("No module named 'seaborn.objects'", name="seaborn.objects")
    words = hints.words(error, tmp_path)
    assert f"for Python 3.{OTHER}; this image has Python 3.{HERE}" in words and "%pip install --user seaborn" in words
    assert hints.words(ModuleNotFoundError("x", name="never"), tmp_path) == ""
    assert hints.words(ModuleNotFoundError("x"), tmp_path) == ""


def test_a_shared_folder_that_does_not_answer_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looker, "PATIENCE_SECONDS", 0.2)
    made(tmp_path / "leem/envs/analysis")
    answers, calls = Event(), list[int]()
    answers.set()

    def look() -> list[object]:
        calls.append(1)
        answers.wait(60)
        return list(find.shared([tmp_path / "leem"]))

    listed = looker.Looker(look)
    assert [one.name for one in listed()] == ["analysis"]
    answers.clear()
    assert [one.name for one in listed()] == ["analysis"], "what was there before"
    assert [one.name for one in listed()] == ["analysis"]
    assert len(calls) == 2, "it is asked again only when it has answered"
    answers.set()


def test_caches_are_outside_of_the_home_and_models_where_people_see_them(tmp_path: Path) -> None:
    root, home = tmp_path / "cache", tmp_path / "home"
    root.mkdir()
    found = {"TORCH_HOME": "/mnt/leem/models"}
    caches.set_places(found, home, root)
    assert {
        found.pop(name).startswith(f"{root}/") for name in ("XDG_CACHE_HOME", "CONDA_PKGS_DIRS", "npm_config_cache")
    } == {True}
    assert found == {"TORCH_HOME": "/mnt/leem/models", "HF_HOME": f"{home}/models/huggingface", "UV_LINK_MODE": "copy"}


def test_an_image_without_a_place_for_caches_leaves_them_where_they_are(tmp_path: Path) -> None:
    assert "XDG_CACHE_HOME" not in caches.places(tmp_path, tmp_path / "none")
