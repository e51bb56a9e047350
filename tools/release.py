# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a release: checks, writes the notes and the version, builds, signs, tags.

    python tools/release.py VERSION [--dry-run] [--key FILE] [--gpg KEY]

All of it happens in a copy of the repository, so that what fails leaves nothing behind. Without --dry-run the
commit and its tag are then taken over, and the files lie in ``.cache/release/VERSION``: the artifact, its sha256
and, with a key of ssh, the signature of that (``ssh-keygen -Y verify -n file``). With a key of gpg also the signature
that Galaxy keeps beside the collection (``MANIFEST.json.asc``, for ``ansible-galaxy collection verify --keyring FILE
--signature FILE``), and the tag is signed with it. Nothing is uploaded or pushed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import typing as t
from collections.abc import Collection, Mapping
from hashlib import sha256
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
BREAKING = ("breaking_changes", "removed_features")
NEW = ("major_changes", "minor_changes", "deprecated_features")
Version = tuple[int, int, int]


def parsed(text: str) -> Version:
    """Return a semantic version; raises ValueError."""
    found = SEMVER.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a version of three numbers, such as 1.2.0")
    return t.cast(Version, tuple(int(part) for part in found.groups()))


def problems(version: str, released: Collection[str], tags: Collection[str], sections: Mapping[str, int]) -> list[str]:
    """Return what stands in the way. ``sections`` says how many lines the fragments have in each section."""
    try:
        new = parsed(version)
    except ValueError as error:
        return [str(error)]
    found = [f"the tag {version} is there already; versions are never given twice"] if version in tags else []
    last = max((parsed(one) for one in released), default=(0, 0, 0))
    if new <= last:
        found.append(
            f"{version} is not newer than {'.'.join(map(str, last))}, the last one in changelogs/changelog.yaml"
        )
    elif last != (0, 0, 0):
        # Before 1.0.0 the second number says that something breaks, as semantic versions have it.
        kept = new[0] == last[0] and (last[0] > 0 or new[1] == last[1])
        breaking = [name for name in BREAKING if sections.get(name)]
        if kept and breaking:
            found.append(f"the fragments have {' and '.join(breaking)}, which need a higher first number (0.x: second)")
        if new[:2] == last[:2] and any(sections.get(name) for name in NEW):
            found.append("the fragments have more than faults removed, which needs a higher second number")
    if not sections.get("release_summary"):
        found.append("no fragment has a release_summary; write one in changelogs/fragments/, such as release.yml")
    return found


def fragments(folder: Path) -> dict[str, int]:
    """Return how many lines the changelog's fragments have in each section."""
    found: dict[str, int] = {}
    for path in sorted(folder.glob("*.yml")):
        for section, lines in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
            found[section] = found.get(section, 0) + (1 if isinstance(lines, str) else len(lines))
    return found


def run(command: list[str], cwd: Path) -> str:
    """Run a command in a copy, as if there were no checkout; raises SystemExit with what it said."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"release: {' '.join(command)} failed; nothing was released\n{done.stdout}{done.stderr}")
    return done.stdout


def sign_manifest(artifact: Path, gpg: str) -> None:
    """Write beside an artifact what ``ansible-galaxy`` verifies: gpg's signature of the manifest inside of it."""
    with tempfile.TemporaryDirectory() as name, tarfile.open(artifact) as archive:
        manifest = Path(name) / "MANIFEST.json"
        found = archive.extractfile("MANIFEST.json")
        if found is None:
            raise SystemExit(f"release: {artifact.name} has no MANIFEST.json; nothing was released")
        manifest.write_bytes(found.read())
        signature = artifact.with_name("MANIFEST.json.asc")
        sign = ["gpg", "--batch", "--armor", "--detach-sign", "--local-user", gpg]
        run([*sign, "--output", str(signature), str(manifest)], artifact.parent)


def release(copy: Path, version: str, out: Path, key: str, gpg: str) -> None:
    """Make commit, tag and files in a copy of the repository. With both keys gpg signs the tag."""
    for name, pattern in (("galaxy.yml", r"^version: .*$"), ("pyproject.toml", r'^version = ".*"$')):
        path, new = copy / name, f"version: {version}" if name == "galaxy.yml" else f'version = "{version}"'
        text, count = re.subn(pattern, new, path.read_text(encoding="utf-8"), count=1, flags=re.MULTILINE)
        if not count:
            raise SystemExit(f"release: {name} has no line with a version")
        path.write_text(text, encoding="utf-8")
    run(["antsibull-changelog", "release", "--version", version], copy)
    run(["git", "add", "--all"], copy)
    run(["git", "commit", "--quiet", "--message", f"Release {version}"], copy)
    run(["ansible-galaxy", "collection", "build", "--output-path", str(out)], copy)
    (artifact,) = out.glob("*.tar.gz")
    sums = out / f"{artifact.name}.sha256"
    sums.write_text(f"{sha256(artifact.read_bytes()).hexdigest()}  {artifact.name}\n")
    signed: list[str] = []
    if key:
        signed = ["-c", "gpg.format=ssh", "-c", f"user.signingkey={key}"]
        run(["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", key, str(sums)], copy)
    if gpg:
        signed = ["-c", "gpg.format=openpgp", "-c", f"user.signingkey={gpg}"]
        sign_manifest(artifact, gpg)
    run(["git", *signed, "tag", "--sign" if signed else "--annotate", "--message", f"Release {version}", version], copy)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", help="for example 0.2.0")
    parser.add_argument("--dry-run", action="store_true", help="make everything in the copy, and take nothing over")
    parser.add_argument("--key", default="", help="private key of ssh that signs the tag and the checksum")
    parser.add_argument("--gpg", default="", help="key of gpg (its fingerprint or address) that signs tag and manifest")
    parser.add_argument("--repository", type=Path, default=ROOT, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    root, version = arguments.repository.resolve(), arguments.version
    log = yaml.safe_load((root / "changelogs" / "changelog.yaml").read_text(encoding="utf-8"))
    wrong = problems(
        version, log.get("releases") or {}, run(["git", "tag"], root).split(), fragments(root / "changelogs/fragments")
    )
    changed = run(["git", "status", "--porcelain"], root).splitlines()
    if changed and not arguments.dry_run:
        wrong.append(f"{len(changed)} files are not committed: {', '.join(line[3:] for line in changed[:5])}")
    if wrong:
        print("release: nothing was done. Mend this first:", *wrong, sep="\n  ", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name:
        copy, out = Path(name) / "copy", Path(name) / "out"
        run(["git", "clone", "--quiet", str(root), str(copy)], root)
        for setting in ("user.name", "user.email"):
            value = subprocess.run(["git", "config", setting], cwd=root, capture_output=True, text=True, check=False)
            run(["git", "config", setting, value.stdout.strip() or "release@localhost"], copy)
        key = str(Path(arguments.key).resolve()) if arguments.key else ""
        release(copy, version, out, key, arguments.gpg)
        print(run(["git", "show", "--stat", "--format=%s", "HEAD"], copy).strip())
        print(*(f"made {path.name}" for path in sorted(out.iterdir())), sep="\n")
        if arguments.dry_run:
            print("release: a dry run; nothing was kept")
            return 0
        run(["git", "pull", "--quiet", "--ff-only", "--tags", str(copy), "HEAD"], root)
        kept = root / ".cache" / "release" / version
        shutil.copytree(out, kept, dirs_exist_ok=True)
    print(f"release: {version} is committed and tagged; its files are in {kept}")
    print(f"To publish: git push --follow-tags, and ansible-galaxy collection publish {kept}/*.tar.gz")
    return 0


if __name__ == "__main__":
    sys.exit(main())
