# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Members of the archive of a home, in the PAX form of tar that GNU tar restores.

Written and compared here and not by GNU tar, which ends with a segmentation fault on some thousand nested folders and
cannot name what lies deeper than PATH_MAX.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from .._common import tree

BLOCK = 512
CHUNK = 1 << 20
FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
ENCODING = ("utf-8", "surrogateescape")
ACLS = {"system.posix_acl_access": "SCHILY.acl.access", "system.posix_acl_default": "SCHILY.acl.default"}
TAGS = {0x01: "user:", 0x02: "user", 0x04: "group:", 0x08: "group", 0x10: "mask:", 0x20: "other:"}
KINDS = {
    stat.S_IFREG: tarfile.REGTYPE,
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
}


class TarError(Exception):
    """The archive cannot be read, or does not hold what the home holds."""


@dataclass(frozen=True)
class Member:
    """Everything about an entry but the content of a file. ``size`` is that of a file in bytes.

    ``segments`` are the parts of a file that hold data (offset, length), None for a file without holes.
    """

    path: str
    kind: bytes
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    size: int = 0
    link: str = ""
    device: tuple[int, int] = (0, 0)
    segments: tuple[tuple[int, int], ...] | None = None
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def stored(self) -> int:
        """Bytes of the file that the archive holds."""
        return self.size if self.segments is None else sum(length for _offset, length in self.segments)


def members(home: Path) -> Iterator[tuple[Member, int]]:
    """Yield what is to be archived of a home, itself first, each file with an open descriptor (else -1); OSError.

    Sockets are left out, and so is what other file systems hold: of a mount point only the folder is kept.
    """
    top = os.open(home, tree.FLAGS)
    try:
        status = os.fstat(top)
        yield _member(home.name, f"/proc/self/fd/{top}", status, follow=True), -1
    finally:
        os.close(top)
    seen: dict[tuple[int, int], str] = {}
    for entry in tree.walk(home):
        path = f"{home.name}/{entry.path}"
        kind = stat.S_IFMT(entry.status.st_mode)
        if kind not in KINDS:
            continue
        identity = (entry.status.st_dev, entry.status.st_ino)
        first = seen.setdefault(identity, path) if entry.status.st_nlink > 1 and not entry.is_folder else path
        if first != path:
            yield Member(path, tarfile.LNKTYPE, 0, 0, 0, 0, link=first), -1
        elif kind == stat.S_IFREG:
            descriptor = os.open(entry.name, FLAGS, dir_fd=entry.folder)
            try:
                yield _member(path, entry.place, os.fstat(descriptor), descriptor), descriptor
            finally:
                os.close(descriptor)
        else:
            link = os.readlink(entry.name, dir_fd=entry.folder) if kind == stat.S_IFLNK else ""
            yield _member(path, entry.place, entry.status, link=link), -1


def _member(
    path: str, place: str, status: os.stat_result, descriptor: int = -1, link: str = "", follow: bool = False
) -> Member:
    kind = KINDS[stat.S_IFMT(status.st_mode)]
    numbered = kind in (tarfile.CHRTYPE, tarfile.BLKTYPE)
    device = (os.major(status.st_rdev), os.minor(status.st_rdev)) if numbered else (0, 0)
    file = kind == tarfile.REGTYPE
    holes = file and status.st_blocks * BLOCK < status.st_size
    return Member(
        path,
        kind,
        stat.S_IMODE(status.st_mode),
        status.st_uid,
        status.st_gid,
        status.st_mtime_ns,
        size=status.st_size if file else 0,
        link=link,
        device=device,
        segments=_segments(descriptor, status.st_size) if holes else None,
        attributes=_attributes(place, follow),
    )


def _segments(descriptor: int, size: int) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    at = 0
    while at < size:
        try:
            begin = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                break
            raise  # a disk that fails must not look like a hole: the home may be deleted next
        end = os.lseek(descriptor, begin, os.SEEK_HOLE)
        found.append((begin, min(end, size) - begin))
        at = end
    if not found or sum(found[-1]) < size:
        found.append((size, 0))  # tells GNU tar of the hole at the end
    return tuple(found)


def _attributes(place: str, follow: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        names = os.listxattr(place, follow_symlinks=follow)
    except OSError as error:
        if error.errno == errno.ENOTSUP:  # a file system without them
            return {}
        raise
    for name in sorted(names):
        value = os.getxattr(place, name, follow_symlinks=follow)
        if name in ACLS:
            found[ACLS[name]] = acl_text(value)
        else:
            found[f"SCHILY.xattr.{name}"] = value.decode(*ENCODING)
    return found


def acl_text(value: bytes) -> str:
    """Return a POSIX ACL (acl(5), the kernel's form) as text with numbers for names, as tar keeps it."""
    lines = []
    for tag, bits, number in struct.iter_unpack("<HHI", value[4:]):
        who = TAGS.get(tag, "other:")
        name = f"{who}:{number}:" if tag in (0x02, 0x08) else f"{who}:"
        lines.append(name + "".join(letter if bits & bit else "-" for letter, bit in (("r", 4), ("w", 2), ("x", 1))))
    return "\n".join(lines) + "\n"


def header(member: Member) -> bytes:
    """Return the member's header, with that of its extended attributes before it."""
    info = tarfile.TarInfo(member.path)
    info.type, info.mode, info.uid, info.gid = member.kind, member.mode, member.uid, member.gid
    info.linkname, info.size = member.link, member.stored
    info.devmajor, info.devminor = member.device
    info.mtime = max(0, member.mtime_ns // 10**9)
    info.pax_headers = {"mtime": _decimal(member.mtime_ns), **member.attributes}
    if member.segments is not None:
        info.size += len(_map(member.segments))
        info.name = "GNUSparseFile.0/file"  # the real one stands in the extended header
        info.pax_headers |= {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.name": member.path,
            "GNU.sparse.realsize": str(member.size),
        }
    return info.tobuf(tarfile.PAX_FORMAT, *ENCODING)


def _decimal(nanoseconds: int) -> str:
    sign, value = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    return f"{sign}{value // 10**9}.{value % 10**9:09d}"


def _map(segments: tuple[tuple[int, int], ...]) -> bytes:
    numbers = [len(segments), *(number for segment in segments for number in segment)]
    text = "".join(f"{number}\n" for number in numbers).encode()
    return text + b"\0" * (-len(text) % BLOCK)


def write(home: Path, out: IO[bytes]) -> tuple[int, int]:
    """Write a home as a tar file; returns the number of members and the bytes of content. Raises OSError."""
    count = size = 0
    for member, descriptor in members(home):
        out.write(header(member))
        if descriptor >= 0:
            if member.segments is not None:
                out.write(_map(member.segments))
            for piece in _pieces(member, descriptor):
                out.write(piece)
            out.write(b"\0" * (-member.stored % BLOCK))
        count, size = count + 1, size + member.stored
    out.write(b"\0" * (2 * BLOCK))
    return count, size


def _pieces(member: Member, descriptor: int) -> Iterator[bytes]:
    for offset, length in ((0, member.size),) if member.segments is None else member.segments:
        at = offset
        while at < offset + length:
            piece = os.pread(descriptor, min(CHUNK, offset + length - at), at)
            if not piece:
                raise TarError(f"{member.path[:200]} became shorter while it was read")
            yield piece
            at += len(piece)


def compare(home: Path, packed: IO[bytes]) -> int:
    """Compare a tar file with the home, byte by byte; returns the number of members. Raises TarError, OSError."""
    count = 0
    for member, descriptor in members(home):
        if _read(packed, len(wanted := header(member))) != wanted:
            raise TarError(f"{member.path[:200]} is not what the archive has in its place")
        if descriptor >= 0:
            if member.segments is not None and _read(packed, len(_map(member.segments))) != _map(member.segments):
                raise TarError(f"{member.path[:200]}: the archive has its data in other places")
            for piece in _pieces(member, descriptor):
                if _read(packed, len(piece)) != piece:
                    raise TarError(f"{member.path[:200]}: the content differs from that of the archive")
            _read(packed, -member.stored % BLOCK)
        count += 1
    if _read(packed, 2 * BLOCK) != b"\0" * (2 * BLOCK) or packed.read(1):
        raise TarError("the archive holds more than the home")
    return count


def _read(packed: IO[bytes], length: int) -> bytes:
    content = b""
    while len(content) < length and (piece := packed.read(length - len(content))):
        content += piece
    return content
