# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of an image that does not build."""

from __future__ import annotations

from ansible_collections.labserver.jupyter.plugins.filter.build_failures import build_failures

# As community.docker 5.0 and Docker 20.10 say it.
SAID = (
    "Error building labserver/mine/1:0123456789ab - code: 100, message: The command "
    "'/bin/sh -c apt-get install -y nothing' returned a non-zero code: 100, "
    "logs: ['Step 1/3 : ARG BASE', 'Step 2/3 : FROM ${BASE}', ' ---> dbd7e6b63c23', "
    "'Step 3/3 : RUN apt-get install -y nothing', ' ---> Running in 6a5', 'Reading package lists...', "
    "'\\x1b[91mE: Unable to \\x1b[0m', '\\x1b[91mlocate package\\x1b[0m', '\\x1b[91m nothing', "
    "'\\x1b[0m', 'Removing intermediate container 6a5']"
)


def result(name: str, **more: object) -> dict[str, object]:
    return {"item": {"name": name, "context": "/lab/images/mine", "base": more.pop("base", "")}, **more}


def test_the_instruction_and_the_end_of_the_output_are_told() -> None:
    text = build_failures([result("labserver/good"), result("labserver/mine/1", failed=True, msg=SAID)])
    assert text.splitlines()[:3] == [
        "The image labserver/mine/1 does not build; its Dockerfile is in /lab/images/mine.",
        "  It stopped at Step 3/3 : RUN apt-get install -y nothing",
        "  Docker says: The command '/bin/sh -c apt-get install -y nothing' returned a non-zero code: 100",
    ]
    assert "    Reading package lists...\n" in text and text.endswith("    E: Unable to locate package nothing")
    assert "Step 1/3" not in text and "logs: [" not in text


def test_what_is_built_on_a_failed_image_is_not_told() -> None:
    above = result("labserver/above/1", base="labserver/mine/1", failed=True, msg="pull access denied")
    top = result("labserver/top/1", base="labserver/above/1", failed=True, msg="pull access denied")
    text = build_failures([result("labserver/mine/1", failed=True, msg=SAID), above, top])
    assert "labserver/above" not in text and "labserver/top" not in text


def test_other_words_are_told_as_they_are() -> None:
    assert "  Docker says: no space left" in build_failures([result("x", failed=True, msg="no space left")])
