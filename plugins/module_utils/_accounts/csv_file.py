# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""People from a CSV file, as spreadsheets write it."""

from __future__ import annotations

import csv
import difflib
import io
import re
from typing import Any

COLUMNS = ("name", "full_name", "groups", "admin", "uid", "state", "expires", "shell", "ssh_key", "quota")
LIMIT_COLUMNS = ("cpu", "memory", "gpus", "images", "pids", "servers")
WORDS = {"yes": True, "true": True, "1": True, "x": True, "no": False, "false": False, "0": False}

SEPARATOR = re.compile(r"sep=([,;\t|])")

Entry = tuple[str, dict[str, Any]]


def read(text: str, label: str) -> tuple[list[Entry], list[str]]:
    """Return the entries of a CSV text, each with where it stands, and the problems of the file itself.

    The first line names the columns; before it, Excel's ``sep=;`` may tell the separator. Comma, semicolon and tab all
    separate. Empty cells say nothing. Several groups or images in one cell are separated by spaces.
    """
    text = text.lstrip("\ufeff")
    lines = text.splitlines(keepends=True)
    first = lines[0] if text.strip() else ""
    told = SEPARATOR.fullmatch(first.strip().strip('"'))  # Excel's own first line
    if told:
        first = lines[1] if len(lines) > 1 else ""
    separator = told[1] if told else max(",;\t", key=first.count)
    skipped = 1 if told else 0
    reader = csv.reader(io.StringIO("".join(lines[skipped:]), newline=""), delimiter=separator, strict=True)
    entries: list[Entry] = []
    problems: list[str] = []
    try:
        columns = [column.strip().lower().replace(" ", "_") for column in next(reader, [])]
        if "name" not in columns:
            return [], [
                f"{label}: no column is called name; the first line must name the columns: {', '.join(COLUMNS)}"
            ]
        for column in columns:
            if column not in (*COLUMNS, *LIMIT_COLUMNS):
                near = difflib.get_close_matches(column, [*COLUMNS, *LIMIT_COLUMNS], 1)
                hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join((*COLUMNS, *LIMIT_COLUMNS))}"
                problems.append(f'{label}: unknown column "{column}"{hint}')
        doubled = sorted({column for column in columns if columns.count(column) > 1})
        problems += [f'{label}: column "{column}" is there twice; keep one of them' for column in doubled]
        if problems:
            return [], problems
        for row in reader:
            where = f"{label} line {reader.line_num + skipped}"
            if not any(cell.strip() for cell in row):
                continue
            if len(row) > len(columns):
                problems.append(
                    f"{where}: {len(row)} cells, but {len(columns)} columns; quote a cell that holds a separator"
                )
                continue
            entries.append((where, _entry(dict(zip(columns, (cell.strip() for cell in row), strict=False)))))
    except csv.Error as error:
        problems.append(f"{label} line {reader.line_num + skipped}: {error}; save the file again as CSV (UTF-8)")
    return entries, problems


def _entry(row: dict[str, str]) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    for column, cell in row.items():
        if not cell:
            continue
        if column == "groups":
            entry["groups"] = cell.split()
        elif column == "images":
            limits["images"] = cell.split()
        elif column in LIMIT_COLUMNS:
            limits[column] = cell
        elif column == "admin":
            entry["admin"] = WORDS.get(cell.lower(), cell)
        elif column == "ssh_key":
            entry["ssh_keys"] = [cell]
        else:
            entry[column] = cell
    if "name" not in entry:
        entry["name"] = ""
    if limits:
        entry["limits"] = limits
    return entry
