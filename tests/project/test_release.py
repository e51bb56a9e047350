# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make release`: a release of a small collection, made in earnest and for trial, and what stands in the way of one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from long_tests import long
from paths import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import release

GALAXY = "namespace: labserver\nname: small\nversion: 0.1.0\nreadme: README.md\nauthors: [A]\n"


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.org")
    return subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "small"
    (folder / "changelogs/fragments").mkdir(parents=True)
    (folder / "galaxy.yml").write_text(GALAXY)
    (folder / "pyproject.toml").write_text('[project]\nversion = "0.1.0"\n')
    (folder / "README.md").write_text("# Small\n")
    (folder / "changelogs/config.yaml").write_text((ROOT / "changelogs/config.yaml").read_text())
    (folder / "changelogs/changelog.yaml").write_text("ancestor:\nreleases:\n  0.1.0: {release_date: '2026-01-01'}\n")
    (folder / "changelogs/fragments/a.yml").write_text(
        "---\nrelease_summary: Better.\nminor_changes:\n  - hub - new.\n"
    )
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Begin")
    return folder


def call(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "tools/release.py", *arguments, "--repository", repository]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_dry_run_makes_everything_and_keeps_nothing(repository: Path) -> None:
    before = git(repository, "rev-parse", "HEAD")
    done = call(repository, "0.2.0", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "made labserver-small-0.2.0.tar.gz.sha256" in done.stdout
    assert git(repository, "rev-parse", "HEAD") == before
    assert git(repository, "status", "--porcelain") == git(repository, "tag") == ""


def test_a_release_is_committed_tagged_built_and_signed(repository: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    done = call(repository, "0.2.0", "--key", str(key))
    assert done.returncode == 0, done.stderr
    assert "version: 0.2.0" in (repository / "galaxy.yml").read_text()
    assert "hub - new." in (repository / "CHANGELOG.rst").read_text()
    assert list((repository / "changelogs").glob("fragments/*")) == []
    assert git(repository, "status", "--porcelain") in ("", "?? .cache/\n")
    out = repository / ".cache/release/0.2.0"
    artifact, sums = out / "labserver-small-0.2.0.tar.gz", out / "labserver-small-0.2.0.tar.gz.sha256"
    assert sums.read_text().split()[0] == sha256(artifact.read_bytes()).hexdigest()
    with tarfile.open(artifact) as archive:
        assert "CHANGELOG.rst" in archive.getnames()
    allowed = tmp_path / "allowed"
    allowed.write_text(f"me {key.with_suffix('.pub').read_text()}")
    verify = ["ssh-keygen", "-Y", "verify", "-n", "file", "-I", "me", "-f", allowed, "-s", f"{sums}.sig"]
    subprocess.run(verify, input=sums.read_bytes(), check=True)
    setting = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={allowed}")
    git(repository, *setting, "tag", "--verify", "0.2.0")
    again = call(repository, "0.2.0")
    assert again.returncode == 1
    assert "the tag 0.2.0 is there already" in again.stderr


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of gpg with one key, me@example.org; its path is short, since gpg's agent listens there."""
    with tempfile.TemporaryDirectory(prefix="gpg") as name:
        monkeypatch.setenv("GNUPGHOME", name)
        make = ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "me@example.org", "ed25519"]
        subprocess.run(make, check=True)
        yield Path(name) / "pubring.kbx"
        subprocess.run(["gpgconf", "--kill", "all"], check=True)


@long("soak-long")
@pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")
def test_a_release_signed_with_gpg_is_one_that_ansible_galaxy_verifies(
    repository: Path, keyring: Path, tmp_path: Path
) -> None:
    unknown = call(repository, "0.2.0", "--gpg", "nobody@example.org")
    assert unknown.returncode == 1
    assert "nothing was released" in unknown.stderr
    assert git(repository, "tag") == ""
    done = call(repository, "0.2.0", "--gpg", "me@example.org")
    assert done.returncode == 0, done.stderr
    git(repository, "tag", "--verify", "0.2.0")
    out = repository / ".cache/release/0.2.0"

    place = tmp_path / "installed"

    def galaxy(*arguments: object) -> int:
        environment = os.environ | {"ANSIBLE_GALAXY_REQUIRED_VALID_SIGNATURE_COUNT": "+all"}
        command = ["ansible-galaxy", "collection", *map(str, arguments), "--offline", "-p", str(place)]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return done.returncode

    verify = ("verify", "labserver.small", "--keyring", keyring, "--signature")
    assert galaxy("install", out / "labserver-small-0.2.0.tar.gz") == 0
    assert galaxy(*verify, (out / "MANIFEST.json.asc").as_uri()) == 0
    other = tmp_path / "other.asc"
    sign = ["gpg", "--batch", "--armor", "--detach-sign", "--output", other, repository / "README.md"]
    subprocess.run(sign, check=True)
    assert galaxy(*verify, other.as_uri()) != 0, "a signature of something else"


def test_what_is_not_committed_stops_it(repository: Path) -> None:
    (repository / "README.md").write_text("# Changed\n")
    done = call(repository, "0.2.0")
    assert done.returncode == 1
    assert "1 files are not committed: README.md" in done.stderr
    assert git(repository, "tag") == ""


@pytest.mark.parametrize(
    ("version", "sections", "said"),
    [
        ("1.2", {}, "not a version"),
        ("0.1.0", {}, "not newer than 0.1.0"),
        ("0.1.1", {"minor_changes": 1}, "needs a higher second number"),
        ("0.1.1", {"breaking_changes": 1}, "need a higher first number"),
        ("0.2.0", {"breaking_changes": 1, "release_summary": 0}, "release_summary"),
    ],
)
def test_versions_are_semantic(version: str, sections: dict[str, int], said: str) -> None:
    (problem, *_others) = release.problems(version, ["0.1.0"], [], {"release_summary": 1} | sections)
    assert said in problem


def test_a_right_version_has_nothing_in_its_way() -> None:
    assert release.problems("0.1.1", ["0.1.0"], [], {"release_summary": 1, "bugfixes": 3}) == []
    assert release.problems("0.2.0", ["0.1.0"], ["0.1.0"], {"release_summary": 1, "breaking_changes": 3}) == []
    assert release.problems("2.0.0", ["1.9.1"], [], {"release_summary": 1, "removed_features": 1}) == []
