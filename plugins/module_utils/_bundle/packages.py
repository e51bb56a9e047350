# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Debian packages in a bundle: a flat repository, and the settings with which apt knows this one source alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .._common import files, paths
from . import archive
from .model import PACKAGES, BundleError

Run = Callable[[Sequence[str]], tuple[int, str, str]]
APT = ("apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300")
FIELD = re.compile(r"^(Package|Version|Architecture): (.+)$", re.MULTILINE)


def download(names: Sequence[str], folder: Path, scratch: Path, run: Run) -> Mapping[str, str]:
    """Download packages and everything that they depend on below ``folder`` and return their versions by name.

    apt is told that nothing is installed (an empty status), so the result does not depend on this host, and is enough
    for a host that has only a part of what this one has. Lists are fetched first. Raises BundleError in apt's words.
    """
    folder.mkdir()
    if not names:
        return {}
    incoming = scratch / "archives"
    (incoming / "partial").mkdir(parents=True)
    files.create(scratch / "status", b"")
    _status, _out, complaints = run([*APT, "update"])
    command = [*APT, "-o", f"Dir::State::status={scratch / 'status'}", "-o", f"Dir::Cache::archives={incoming}"]
    command += ["-o", "APT::Sandbox::User=root", "--download-only", "--no-install-recommends", "install", *names]
    status, _out, said = run(command)
    if status != 0:
        raise BundleError(f"apt cannot download {', '.join(names)}: {_errors(said) or _errors(complaints)}")
    versions: dict[str, str] = {}
    stanzas: dict[str, str] = {}
    for path in incoming.glob("*.deb"):
        status, control, said = run(["dpkg-deb", "--field", str(path)])
        fields = dict(FIELD.findall(control))
        if status != 0 or set(fields) != {"Package", "Version", "Architecture"}:
            raise BundleError(f"{path.name} is no Debian package: {said.strip()}")
        # The colon of an epoch is nothing for the name of a file in an address.
        name = f"{fields['Package']}_{fields['Version'].replace(':', '+')}_{fields['Architecture']}.deb"
        target = folder / name
        path.replace(target)
        target.chmod(0o644)
        part = archive.checksum(target)
        stanzas[name] = f"{control.strip()}\nFilename: ./{name}\nSize: {part.size}\nSHA256: {part.sha256}\n"
        versions[fields["Package"]] = fields["Version"]
    index(folder, [stanzas[name] for name in sorted(stanzas)])
    return dict(sorted(versions.items()))


def index(folder: Path, stanzas: Sequence[str]) -> None:
    """Write the lists of a flat repository (https://wiki.debian.org/DebianRepository/Format)."""
    listed = "\n".join(stanzas).encode()
    digest = hashlib.sha256(listed).hexdigest()
    # The time of a list has no meaning here, since there is no other one; without one apt complains.
    release = (
        "Origin: labserver\nLabel: labserver\nSuite: bundle\nDate: Thu, 01 Jan 1970 00:00:00 UTC\n"
        f"SHA256:\n {digest} {len(listed)} Packages\n"
    )
    files.create(folder / "Packages", listed, 0o644)
    files.create(folder / "Release", release.encode(), 0o644)


def settings(bundle: str = paths.BUNDLE) -> dict[str, str]:
    """Return the files of an unpacked bundle that lead apt to it alone (apt.conf(5), APT_CONFIG).

    What it holds was compared with a signed manifest, so the repository needs no signature of its own. The host's own
    sources, lists and caches stay as they are.
    """
    return {
        "apt.conf": (
            f'Dir::Etc::sourcelist "{bundle}/sources.list";\n'
            'Dir::Etc::sourceparts "/dev/null";\n'
            f'Dir::State::lists "{bundle}/lists";\n'
            'Dir::Cache::pkgcache "";\n'
            'Dir::Cache::srcpkgcache "";\n'
            'APT::Sandbox::User "root";\n'
        ),
        "sources.list": f"deb [trusted=yes] file:{bundle}/{PACKAGES} ./\n",
    }


def _errors(said: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith(("E:", "W:", "Err:"))]
    return "; ".join(lines[:4])
