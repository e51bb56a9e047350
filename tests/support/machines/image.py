# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root image of a guest: made once, in .cache/machines/root-<guest>-<hash>.img, named by all that goes into it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from . import engine, kernel
from .places import CACHE, HANDED, KEY, KIND
from .process import sh
from .recipes import PREPARE, RECIPE, USER_MODE

HOST_PACKAGES = [
    *(["qemu-system-x86"] if RECIPE.emulated else ["user-mode-linux"]),
    "samba",
    "smbclient",
    "cifs-utils",
    "nfs-ganesha",
    "nfs-ganesha-vfs",
    "e2fsprogs",
    "mmdebstrap",
    "openssh-client",
    "iproute2",
    "util-linux",
]


def install_missing() -> None:
    """Install the Debian packages that the machines need and that are missing here."""
    library = kernel.needs_library() and not RECIPE.emulated
    wanted = [*HOST_PACKAGES, *(["gcc", "libc6-dev"] if library else [])]
    query = ["dpkg-query", "-W", "-f", "${Package} ${Status}\n", *wanted]
    state = sh(*query, check=False, capture_output=True).stdout
    missing = [name for name in wanted if f"{name} install ok installed" not in state]
    if missing:
        print("machines: installing", *missing)
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        sh("apt-get", "update", "-qq")
        sh("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, env=env, stdout=subprocess.DEVNULL)


def archives(suite: str) -> list[str]:
    """Return lines for sources.list: a suite of Debian from where this machine's packages come."""
    form = "$(ORIGIN) $(CODENAME) $(REPO_URI)"
    known = sh("apt-get", "indextargets", "--format", form, "Created-By: Packages", capture_output=True).stdout
    rows = [line.split() for line in known.splitlines()]
    found = {row[1]: row[2] for row in rows if len(row) == 3 and row[0] == "Debian"}
    own = codename()
    keyring = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    return [
        f"deb {keyring} {found[own + part]} {suite}{part} main" for part in ("", "-security") if own + part in found
    ]


def codename() -> str:
    """Return the suite of this machine."""
    return sh("sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME", capture_output=True).stdout.strip()


def handed() -> list[Path]:
    """Return the archives of images that the guest gets; raises SystemExit when there are none."""
    if not RECIPE.handed:
        return []
    found = sorted(HANDED.glob("*.tar"))
    if not found:
        raise SystemExit(
            f"machines: no images in {HANDED}; `molecule test -s default` builds them and leaves them there"
        )
    return found


def script() -> str:
    """Return the script that makes a lab's host of the packages."""
    return PREPARE + ("" if RECIPE.emulated else USER_MODE) + RECIPE.prepare


def place() -> Path:
    """Return where the root image is or will be."""
    version = sh("dpkg-query", "-W", HOST_PACKAGES[0], capture_output=True).stdout
    public = KEY.with_suffix(".pub").read_text()
    parts = [version, RECIPE.suite or codename(), script(), " ".join(RECIPE.packages), public, RECIPE.disk]
    parts += [path.name for path in handed()] + [engine.SCRIPT]
    content = hashlib.sha256("\0".join(parts).encode() + RECIPE.fstab).hexdigest()[:12]
    return CACHE / f"root-{KIND}-{content}.img"


def build() -> Path:
    """Return the root image; it is built only when something that goes into it has changed."""
    suite, images = RECIPE.suite or codename(), handed()
    CACHE.mkdir(parents=True, exist_ok=True)
    if not KEY.exists():
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "labserver-shares", "-f", KEY)
    result = place()
    if result.exists():
        return result
    print(f"machines: building {result.name} (once, some minutes)")
    tree, files = CACHE / f"tree-{KIND}", CACHE / f"files-{KIND}"
    shutil.rmtree(tree, ignore_errors=True)
    files.mkdir(exist_ok=True)
    (files / "fstab").write_bytes(RECIPE.fstab)
    (files / "prepare").write_text(script())
    (files / "sources.list").write_text("\n".join(archives(suite)) + "\n")
    env = {**os.environ, "KEY": str(KEY), "FILES": str(files)}
    Path("/usr/local/share/ca-certificates").mkdir(parents=True, exist_ok=True)
    # setsid: mmdebstrap kills its whole process group when it fails
    sh(
        "setsid", "-w", "mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(RECIPE.packages)}",
        "--aptopt=Acquire::Languages \"none\"", "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--skip=cleanup/apt/lists",
        "--customize-hook=copy-in /usr/local/share/ca-certificates /usr/local/share/",
        '--customize-hook=chroot "$1" update-ca-certificates >/dev/null 2>&1',
        f'--customize-hook=sh {files}/prepare "$1"',
        suite, tree, files / "sources.list", env=env,
    )  # fmt: skip
    if images:
        engine.load(tree, images)
    if RECIPE.emulated:  # what a boot loader would find
        shutil.copy(next(tree.glob("boot/vmlinuz-*")), result.with_suffix(".vmlinuz"))
        shutil.copy(next(tree.glob("boot/initrd.img-*")), result.with_suffix(".initrd"))
    part = result.with_suffix(".part")
    sh("truncate", "-s", RECIPE.disk, part)
    sh("mkfs.ext4", "-q", "-F", "-d", tree, part)
    shutil.rmtree(tree)
    for old in CACHE.glob(f"root-{KIND}-*"):
        if old.stem != result.stem:
            old.unlink()
    part.rename(result)
    return result
