# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that restic could not read: which of them are an alarm, and when."""

from __future__ import annotations

import json
from datetime import date

from ansible_collections.labserver.jupyter.plugins.module_utils._backup import unreadable
from ansible_collections.labserver.jupyter.plugins.module_utils._backup.unreadable import Nights, Trouble

# As restic 0.14 (Debian 12) and 0.18 (Debian 13) write it.
OLD = (
    '{"message_type":"error","error":{"Op":"lstat","Path":"e/f113","Err":2},"during":"archival","item":"/e/f113"}',
    '{"message_type":"error","error":{"Op":"open","Path":"/e/bad","Err":5},"during":"archival","item":"/e/bad"}',
    "/e/nothere does not exist, skipping",
    "Warning: at least one source file could not be read",
)
NEW = (
    '{"message_type":"error","error":{"message":"lstat /e/f113: no such file or directory"},"during":"archival",'
    '"item":"/e/f113"}',
    '{"message_type":"error","error":{"message":"open /e/b: input/output error"},"during":"archival","item":"/e/b"}',
    '{"message_type":"error","error":{"message":"open /e/b: input/output error"},"during":"scan","item":"/e/b"}',
    '{"message_type":"error","error":{"message":"half a li',
)


def test_what_went_away_meanwhile_is_no_trouble() -> None:
    assert unreadable.troubles("\n".join(OLD)) == (Trouble("/e/bad", "EIO"),)
    assert unreadable.troubles("\n".join(NEW)) == (Trouble("/e/b", "open /e/b: input/output error"),)


def test_what_restic_lost_of_its_own_words_is_a_file_without_a_name() -> None:
    assert unreadable.troubles(OLD[-1]) == (unreadable.UNNAMED,)
    assert unreadable.troubles(NEW[2]) == (Trouble("/e/b", "open /e/b: input/output error"),)
    assert unreadable.troubles(OLD[0]) == ()
    before = {"/e/bad": Nights(2, "2026-11-20")}
    (bad,) = unreadable.assumed((unreadable.UNNAMED,), before)
    assert unreadable.count([bad], before, date(2026, 11, 21)) == {"/e/bad": Nights(3, "2026-11-21")}
    assert unreadable.assumed((unreadable.UNNAMED,), {}) == (unreadable.UNNAMED,)


def test_three_nights_running_are_an_alarm() -> None:
    bad, nights = [Trouble("/e/bad", "EIO")], {}
    for day, count in ((20, 1), (20, 1), (21, 2), (22, 3)):
        nights = unreadable.load(json.loads(unreadable.dump(unreadable.count(bad, nights, date(2026, 11, day)))))
        assert nights["/e/bad"].count == count
        assert bool(unreadable.alarms(bad, nights, ["/e"])) == (count == 3)
    assert unreadable.alarms(bad, nights, ["/e"]) == [
        "/e/bad cannot be read for 3 nights running (EIO); mend it, or leave it out with backup_exclude"
    ]
    assert unreadable.count([], nights, date(2026, 11, 23)) == {}


def test_a_source_itself_or_many_files_are_an_alarm_at_once() -> None:
    assert unreadable.alarms([Trouble("/e", "EIO")], {}, ["/e"]) == ["/e cannot be read (EIO)"]
    many = [Trouble(f"/e/{number}", "EACCES") for number in range(100)]
    assert unreadable.alarms(many, {}, ["/e"]) == ["100 files cannot be read, for example /e/0 (EACCES)"]


def test_the_names_of_people_are_shown_in_one_line_without_orders_to_the_terminal() -> None:
    bad = [Trouble("/e/\x1b[2J\n" + "x" * 5000, "EIO")]
    (text,) = unreadable.alarms(bad, {bad[0].path: Nights(3, "2026-11-22")}, [])
    assert len(text) < 400
    assert text.isprintable()
    for damaged in (None, [], {"items": {"x": 1}}):
        assert unreadable.load(damaged) == {}
