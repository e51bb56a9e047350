# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fstab reader and writer, with libmount itself (``findmnt``) as the judge."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.labserver.jupyter.plugins.module_utils._shares import fstab
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NASTY = {
    "empty": b"",
    "only newlines": b"\n\n\n",
    "no final newline": b"/dev/sda1 / ext4 defaults 0 1",
    "windows line ends": b"/dev/sda1 / ext4 defaults 0 1\r\n# c\r\n//nas/x /x cifs ro\r\n",
    "comment after blanks": b" \t # //nas/data /mnt/data cifs\n\t\n   \n",
    "sharp in the source": b"//nas/a#b /mnt/a cifs ro 0 0\n",
    "sharp as an option": b"//nas/a /mnt/a cifs # 0 0\n",
    "words after the sixth field": b"//nas/a /mnt/a cifs ro 0 0 # by hand\n",
    "comment as the fifth field": b"//nas/a /mnt/a cifs ro # by hand\n",
    "three fields": b"//nas/a /mnt/a cifs\n",
    "two fields": b"//nas/a /mnt/a\n",
    "one field": b"garbage\n",
    "four and five fields": b"//nas/a /a cifs ro\n//nas/b /b cifs ro 0\n",
    "tabs everywhere": b"\t//nas/a\t\t/mnt/a\tcifs\tro\t0\t0\t\n",
    "escapes": b"//nas/a\\040b /mnt/lab\\040books\\011x cifs ro 0 0\n",
    "escaped backslash": b"//nas/a\\134040b /mnt/a\\ cifs ro\n",
    "not quite an escape": b"//nas/a\\08b /mnt/\\x20 cifs ro\n//nas/b\\4 /b\\04 cifs ro\n",
    "latin-1": b"//nas/\xfcbung /mnt/\xfcbung cifs ro 0 0 # \xe4\n",
    "utf-8": "//nas/\u00fcbung\u20ac /mnt/\u00fc cifs ro 0 0\n".encode(),
    "other white space": b"//nas/a\x0bb /mnt/\xc2\xa0a cifs ro 0 0\n//nas/a\x0c/b /x\x1c cifs ro\n",
    "duplicates": b"//nas/a /mnt/a cifs ro\n//nas/b /mnt/a/ cifs rw\n//nas/c //mnt//a cifs rw\n",
    "numbers": b"a /a t o 00 +1\nb /b t o -1\nc /c t o 1x 0\nd /d t o 0 0x\n",
    "tags": b"UUID=1-2 / ext4 errors=remount-ro 0 1\nLABEL=a\\040b /b ext4 defaults\n",
    "swap": b"/swapfile none swap sw 0 0\n/dev/sda5 swap swap defaults\n",
    "double commas": b"//nas/a /a cifs ro,,uid=0, 0 0\n",
    "carriage return within": b"//nas/a\r /a cifs ro\n",
}


def judged(tmp_path: Path, content: bytes) -> list[tuple[object, ...]]:
    """What libmount reads from the file."""
    if not shutil.which("findmnt"):
        pytest.skip("findmnt (util-linux) is not installed")
    file = tmp_path / "fstab"
    file.write_bytes(content)
    columns = "SOURCE,TARGET,FSTYPE,OPTIONS,FREQ,PASSNO"
    done = subprocess.run(
        ["findmnt", "--tab-file", str(file), "--list", "--json", "-o", columns], capture_output=True, check=False
    )
    if not done.stdout.strip():
        return []
    rows = json.loads(done.stdout.decode("utf-8", "surrogateescape"))["filesystems"]
    return [
        (row["source"], row["target"], row["fstype"], row["options"] or "", row["freq"], row["passno"]) for row in rows
    ]


def ours(content: bytes) -> list[tuple[object, ...]]:
    lines = fstab.parse(fstab.decode(content))
    entries = [line.entry for line in lines if line.entry and not line.complaint]
    return [(e.source, e.target, e.fstype, e.options, e.freq, e.passno) for e in entries]


def tag_free(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return [row[1:] if str(row[0]).startswith(("UUID", "LABEL", "/dev/disk")) else row for row in rows]


@pytest.mark.parametrize("content", NASTY.values(), ids=NASTY.keys())
def test_nasty_files_come_back_byte_for_byte(content: bytes) -> None:
    assert fstab.encode(fstab.render(fstab.parse(fstab.decode(content)))) == content


# findmnt writes bytes that are not UTF-8, and control characters, in a notation of its own.
READABLE = [name for name in NASTY if name not in ("latin-1", "other white space", "carriage return within")]


@pytest.mark.parametrize("name", READABLE)
def test_nasty_files_are_read_as_libmount_reads_them(tmp_path: Path, name: str) -> None:
    assert tag_free(ours(NASTY[name])) == tag_free(judged(tmp_path, NASTY[name]))


@given(st.binary(max_size=300))
def test_any_bytes_come_back(content: bytes) -> None:
    assert fstab.encode(fstab.render(fstab.parse(fstab.decode(content)))) == content


field = st.text("/ab#\\ \t\n,=\u00e40147'\"", min_size=1, max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=field, path=field, option=field)
def test_libmount_reads_back_what_was_written(tmp_path: Path, source: str, path: str, option: str) -> None:
    option = option.replace('"', "").replace(",", "") or "x"
    entry = fstab.Entry(f"//nas/{source}", f"/mnt/{path}", "cifs", f"rw,x={option}")
    raw = fstab.encode(fstab.line_of(entry).raw)
    assert ours(raw) == [(entry.source, entry.target, "cifs", entry.options, 0, 0)]
    assert judged(tmp_path, raw) == ours(raw)


lines = st.lists(
    st.one_of(
        st.sampled_from([line for content in NASTY.values() for line in content.split(b"\n")]),
        st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"")),
    ),
    max_size=8,
)


@settings(max_examples=100, deadline=None)
@given(lines, st.booleans())
def test_foreign_lines_stay_and_a_second_edit_changes_nothing(parts: list[bytes], final_newline: bool) -> None:
    text = fstab.decode(b"\n".join(parts) + (b"\n" if final_newline else b""))
    wanted = {
        "a": fstab.Entry("//nas/a#b c", "/mnt/a", "cifs", "ro,vers=3.1.1"),
        "b": fstab.Entry("//nas/b", "/srv/b\\c", "cifs", "rw"),
    }

    def owner(entry: fstab.Entry) -> str | None:
        return {"/mnt/a": "a", "/srv/b\\c": "b", "/srv/gone": "gone"}.get(fstab.normal_path(entry.target))

    after, _dropped = fstab.edit(text, wanted, owner)
    foreign = [line.raw.removesuffix("\n") for line in fstab.parse(text) if not (line.entry and owner(line.entry))]
    kept = [line.raw.removesuffix("\n") for line in fstab.parse(after) if not (line.entry and owner(line.entry))]
    assert kept == foreign
    owned = [line.entry for line in fstab.parse(after) if line.entry and owner(line.entry)]
    assert len(owned) == 2 and all(entry.same_as(wanted[owner(entry) or ""]) for entry in owned if entry)
    again, dropped = fstab.edit(after, wanted, owner)
    assert (again, dropped) == (after, {})


def by_target(entry: fstab.Entry) -> str | None:
    return "a" if fstab.normal_path(entry.target) == "/mnt/lab" else None


WANTED = {"a": fstab.Entry("//nas/a#b", "/mnt/lab", "cifs", "ro,uid=1")}


@pytest.mark.parametrize(
    "line",
    [
        "//nas/a#b /mnt/lab cifs ro,uid=1 0 0\n",  # '#' in the source (posix#743: a duplicate with every run)
        "//nas/a#b /mnt/lab/ cifs ro,uid=1 0 0\n",  # a trailing slash (ansible#43855: a second entry)
        "//nas/a#b /mnt/lab cifs uid=1,ro 0 0\n",  # other order of options (a change, then a remount)
        "//nas/a#b /mnt/lab cifs ro,uid=1\n",  # four fields (changed: int 0 is not '0')
        "//nas/a#b /mnt/lab cifs ro,uid=1 0\n",  # five fields
        "\t//nas/a#b\t/mnt/lab\tcifs ro,uid=1 0 0 trailing words\n",
    ],
)
def test_a_line_that_means_the_same_is_left_alone(line: str) -> None:
    assert fstab.edit(line, WANTED, by_target) == (line, {})


@pytest.mark.parametrize(
    "line", ["//nas/x /mnt/lab cifs\n", "//nas/x /mnt/lab cifs ro\n", "//nas/x /mnt/lab cifs ro 0\n"]
)
def test_a_short_line_is_removed(line: str) -> None:
    text, dropped = fstab.edit(f"# keep\n{line}", {}, by_target)
    assert text == "# keep\n" and [entry.source for entry in dropped["a"]] == ["//nas/x"]


def test_a_line_that_only_libc_understands_is_replaced_too() -> None:
    text, _dropped = fstab.edit("//nas/a#b /mnt/lab cifs ro,uid=1 # by hand\n", WANTED, by_target)
    assert text == "//nas/a#b /mnt/lab cifs ro,uid=1 0 0\n"


def test_a_tab_in_the_source_is_escaped() -> None:
    assert fstab.line_of(fstab.Entry("//nas/a\tb", "/x", "cifs", "ro")).raw == "//nas/a\\011b /x cifs ro 0 0\n"


def test_an_escape_that_was_given_is_not_escaped_twice_when_read_back() -> None:
    assert fstab.parse("//nas/a\\040b /x cifs ro\n")[0].entry == fstab.Entry("//nas/a b", "/x", "cifs", "ro")


def test_what_no_line_can_hold_is_refused() -> None:
    for bad in ("", "#x", "a\0b", "a\rb"):
        with pytest.raises(ValueError, match="cannot be a field"):
            fstab.line_of(fstab.Entry(bad, "/x", "cifs", "ro"))


def test_a_missing_final_newline_is_added_only_where_a_line_follows() -> None:
    assert fstab.edit("# end", {}, by_target)[0] == "# end"
    assert fstab.edit("# end", WANTED, by_target)[0] == "# end\n//nas/a#b /mnt/lab cifs ro,uid=1 0 0\n"


def test_only_spaces_and_tabs_part_fields() -> None:
    """As libmount's isblank(): other white space belongs to the field, also at the ends of a line."""
    entry = fstab.parse_line("\x0b//nas/a\u00a0b /x cifs ro\x0c\n").entry
    assert entry == fstab.Entry("\x0b//nas/a\u00a0b", "/x", "cifs", "ro\x0c")
