# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A course from its first assignment to the grades, as three people: alice teaches, bob and cleo hand in."""

from __future__ import annotations

import csv
import json
import subprocess
from typing import Any

import pytest
from stack import Stack

pytestmark = pytest.mark.image("teaching")
MOUNT = "/mnt/course"


def cell(kind: str, source: str, identity: str, **grade: Any) -> dict[str, Any]:
    """Return a cell as nbgrader's page for making assignments writes it."""
    marks = {"schema_version": 3, "grade": False, "solution": False, "locked": False, "task": False, **grade}
    metadata = {"nbgrader": {"grade_id": identity, **marks}} if grade else {}
    more = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": identity, "metadata": metadata, "source": source, **more}


SOURCE = {
    "cells": [
        cell("markdown", "Write a function that doubles.", "words"),
        cell(
            "code",
            "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION",
            "double",
            solution=True,
        ),
        cell("code", "assert double(21) == 42", "test", grade=True, locked=True, points=5),
    ],
    "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def refused(stack: Stack, name: str, command: str) -> bool:
    """Tell whether somebody's command in their server fails because of rights."""
    done = subprocess.run(
        ["docker", "exec", f"soak-jupyter-{name}", "bash", "-c", command], capture_output=True, text=True, check=False
    )
    return done.returncode != 0 and "ermission denied" in done.stderr


def write_answer(stack: Stack, name: str, body: str) -> None:
    """Write somebody's answer into the notebook that they fetched."""
    path = "~/phys101/first/problem.ipynb"
    notebook = json.loads(stack.inside(name, f"cat {path}"))
    (blank,) = [one for one in notebook["cells"] if one["metadata"].get("nbgrader", {}).get("grade_id") == "double"]
    assert "2 * x" not in "".join(blank["source"]), "the solution was handed out"
    blank["source"] = f"def double(x):\n    return {body}"
    here = stack.folder / "home" / f"jupyter-{name}" / "answer.json"
    here.write_text(json.dumps(notebook))
    stack.inside(name, f"cat ~/answer.json > {path}")


def test_a_course_with_two_students(stack: Stack) -> None:
    course = "phys101"
    with stack.server("alice", "teaching"), stack.server("bob", "teaching") as bob:
        # alice makes two courses in the folder that only teachers write.
        assert refused(stack, "bob", f"mkdir {MOUNT}/mine")
        for name in (course, "chem2"):
            stack.inside("alice", f"lab-course create {name} {MOUNT}")
        assert stack.inside("bob", "lab-course list").split()[::2] == ["chem2", course]
        (stack.folder / "home" / "jupyter-alice" / "problem.json").write_text(json.dumps(SOURCE))
        stack.inside("alice", f"mkdir -p ~/courses/{course}/source/first && cd ~/courses/{course}"
                     " && cat ~/problem.json > source/first/problem.ipynb"
                     " && nbgrader generate_assignment first && nbgrader release_assignment first")  # fmt: skip

        # bob finds it in JupyterLab's list of assignments, as the page asks for it, and fetches it there.
        listed = bob.api("GET", f"/user/bob/assignments?course_id={course}").json()
        assert [(one["assignment_id"], one["status"]) for one in listed["value"]] == [("first", "released")]
        done = bob.api("POST", "/user/bob/assignments/fetch", data={"course_id": course, "assignment_id": "first"})
        assert done.json()["success"], done.text
        with stack.server("cleo", "teaching"):
            stack.inside("cleo", f"cd && nbgrader fetch_assignment --course {course} first")
            for name, body in (("bob", "x + x"), ("cleo", "x + 2")):
                write_answer(stack, name, body)
            done = bob.api("POST", "/user/bob/assignments/submit", data={"course_id": course, "assignment_id": "first"})
            assert done.json()["success"], done.text
            stack.inside("cleo", f"cd && nbgrader submit --course {course} first")

            # Nobody but the teacher sees what was handed in, or changes what was handed out.
            assert refused(stack, "cleo", f"ls {MOUNT}/nbgrader/{course}/inbound")
            assert refused(stack, "cleo", f"rm -r {MOUNT}/nbgrader/{course}/inbound")
            assert refused(stack, "cleo", f"touch {MOUNT}/nbgrader/{course}/outbound/first/problem.ipynb")
            assert refused(stack, "cleo", f"mv {MOUNT}/nbgrader {MOUNT}/away")

            stack.inside("alice", f"cd ~/courses/{course} && nbgrader collect first && nbgrader autograde first"
                         " && nbgrader generate_feedback first && nbgrader release_feedback first")  # fmt: skip
            stack.inside("alice", f"cd ~/courses/{course} && nbgrader export --to grades.csv")
            grades = (stack.folder / "home" / "jupyter-alice" / "courses" / course / "grades.csv").read_text()
            rows = list(csv.DictReader(grades.splitlines()))
            assert {one["student_id"]: float(one["score"]) for one in rows} == {"jupyter-bob": 5.0, "jupyter-cleo": 0.0}
            done = bob.api(
                "POST", "/user/bob/assignments/fetch_feedback", data={"course_id": course, "assignment_id": "first"}
            )
            assert done.json()["success"], done.text
            page = stack.inside("bob", f"cat ~/{course}/first/feedback/*/problem.html")
            assert "Score: 5.0 / 5.0" in page
