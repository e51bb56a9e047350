# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a first inventory from ten answers: asked for on the terminal, in a YAML file, or one by one.

    python tools/new_lab.py inventory/mylab
    python tools/new_lab.py inventory/mylab --answers answers.yml
    python tools/new_lab.py inventory/mylab --answer server=atlas --answer address=192.0.2.11 ...

No server is contacted, and a folder that is there already is not touched.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import typing as t
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
# Makes the checkout importable as the collection.
import collection  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.labserver.jupyter.plugins.module_utils._accounts import names

ROOT = Path(__file__).resolve().parents[1]
HOST = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
DOMAIN = re.compile(rf"{HOST.pattern}(\.{HOST.pattern})+")
SHARE = re.compile(r"//[^/\s]+/\S.*")
MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
Answers = Mapping[str, str]


@dataclass(frozen=True)
class Question:
    """One question: the key of its answer, the words, an answer for an empty line, and what is wrong with an answer."""

    key: str
    words: str
    example: str
    default: str | None
    wrong: Callable[[str], str]


def _fits(pattern: re.Pattern[str], remedy: str) -> Callable[[str], str]:
    return lambda answer: "" if pattern.fullmatch(answer) else f"{answer!r} {remedy}"


def _of_group(answer: str) -> str:
    return names.group_name_problem(answer) or ""


def people(answer: str) -> list[dict[str, str]]:
    """Return the people of ``mira Mira Maier; jonas Jonas Jensen``."""
    found = []
    for one in answer.split(";"):
        login, _blank, full_name = one.strip().partition(" ")
        found.append({"name": login} | ({"full_name": full_name.strip()} if full_name.strip() else {}))
    return found


def _of_people(answer: str) -> str:
    logins = [person["name"] for person in people(answer)]
    wrong = [problem for login in logins if (problem := names.login_name_problem(login))]
    twice = sorted({login for login in logins if logins.count(login) > 1})
    return "; ".join([*wrong, *(f"{login} is there twice" for login in twice)])


TEXT = re.compile(r"\S.*")
QUESTIONS = (
    Question("lab", "Name of the lab, as people see it", "Laboratory for Surfaces", None, _fits(TEXT, "is empty")),
    Question("contact", "Whom people ask, and where", "Mira Maier, room 2.14", "", _fits(re.compile(".*"), "")),
    Question(
        "server", "Short name of the server", "atlas", None,
        _fits(HOST, "is not a name of a host: lower-case letters, digits and - in the middle, for example atlas"),
    ),
    Question(
        "address", "Address or full name under which this machine reaches it by SSH", "192.0.2.11", None,
        _fits(re.compile(r"[A-Za-z0-9.:_-]+"), "is not an address or a name, for example 192.0.2.11"),
    ),
    Question(
        "ssh_user", "Your account on it, with your SSH key and the right to use sudo", "admin", "root",
        _fits(names.SYSTEM_NAME, "is not a name of an account, for example admin"),
    ),
    Question(
        "domain", "Domain of the lab's servers", "lab.example.org", None,
        _fits(DOMAIN, "is not a domain, for example lab.example.org"),
    ),
    Question(
        "mail", "E-mail address for public certificates; empty: certificates of the lab's own authority", "", "",
        lambda answer: "" if not answer or MAIL.fullmatch(answer) else f"{answer!r} is not an e-mail address",
    ),
    Question("group", "Name of the first group of people", "leem", None, _of_group),
    Question(
        "people", "People: login name and full name, the next one after a semicolon; the first is administrator",
        "mira Mira Maier; jonas Jonas Jensen", None, _of_people,
    ),
    Question(
        "nas", "A share of a NAS that this group may read; empty: none", "", "",
        lambda answer: "" if not answer or SHARE.fullmatch(answer) else f"{answer!r} is not like //nas/data",
    ),
)  # fmt: skip


def problems(answers: Answers) -> list[str]:
    """Return everything that is wrong with the answers, each with its key."""
    keys = [question.key for question in QUESTIONS]
    found = [f"{key}: there is no such question; there are {', '.join(keys)}" for key in answers if key not in keys]
    for question in QUESTIONS:
        answer = answers.get(question.key, question.default)
        if answer is None:
            found.append(f"{question.key}: is missing ({question.words}; for example {question.example})")
        elif wrong := question.wrong(answer):
            found.append(f"{question.key}: {wrong}")
    return found


def files(answers: Answers, schemas: str) -> dict[str, str]:
    """Return the files of the inventory: path -> text. ``schemas`` is the folder of the schemas, seen from there."""
    its = {question.key: answers.get(question.key, question.default) or "" for question in QUESTIONS}
    return {
        "hosts.yml": _yaml(
            f"{schemas}/hosts.json",
            "The servers of the lab.",
            ("", {"all": {
                "children": {"labservers": {
                    "hosts": {its["server"]: {"ansible_host": its["address"]}},
                    "vars": {"ansible_user": its["ssh_user"]},
                }},
            }}),
        ),
        "group_vars/all/lab.yml": _yaml(f"../../{schemas}/variables.json", HEAD, *_variables(its)),
        ".gitignore": "one-time-passwords/\n",
    }  # fmt: skip


HEAD = """What all servers of this lab have in common. Every input of every role is in roles/<role>/README.md;
in VS Code the extensions for YAML and Ansible complete and check them while you type."""


def _variables(its: Answers) -> list[tuple[str, dict[str, t.Any]]]:
    group, everybody = its["group"], people(its["people"])
    users = [
        {**person, "groups": [group], **({"admin": True} if index == 0 else {})}
        for index, person in enumerate(everybody)
    ]
    name = f"{its['server']}.{its['domain']}"
    parts: list[tuple[str, dict[str, t.Any]]] = [
        ("People. Numbers are remembered in accounts-ids.txt: keep that file.", {"accounts_groups": [{"name": group}]}),
        ("", {"accounts_users": users}),
        ("What the pages say.", {"hub_lab_name": its["lab"], "hub_lab_contact": its["contact"]}),
    ]
    if its["mail"]:
        acme = {"name": "server", "names": [name], "source": "acme", "acme": {"email": its["mail"]}}
        parts.append(
            (f"A public certificate: {name} has to lead to the server, and its port 80 has to be reached from outside.",
             {"certificates_list": [acme]})
        )  # fmt: skip
    own = {
        "certificates_ca_keeper": its["server"],
        "certificates_ca_domains": [its["domain"]],
        "certificates_default_names": ["{{ inventory_hostname }}." + its["domain"]],
    }
    parts.append(("The lab's own authority; its root is imported into the browsers once.", own))
    if its["nas"]:
        share = {"name": "data", "source": its["nas"], "credentials": "nas", "access": {group: "ro"}}
        parts += [
            (f"The NAS. Its password: ansible-vault create {VAULT}, with a line `vault_nas_password: ...`.",
             {"shares_credentials": {"nas": {"username": "labserver", "password": "{{ vault_nas_password }}"}}}),
            ("", {"shares_list": [share]}),
        ]  # fmt: skip
    return parts


VAULT = "group_vars/all/vault.yml"


def _yaml(schema: str, head: str, *parts: tuple[str, dict[str, t.Any]]) -> str:
    lines = ["---", f"# yaml-language-server: $schema={schema}", *(f"# {line}" for line in head.splitlines())]
    for comment, values in parts:
        lines += [""] * bool(comment) + [f"# {comment}"] * bool(comment)
        lines.append(yaml.dump(values, Dumper=Indented, sort_keys=False, allow_unicode=True, width=120).rstrip())
    return "\n".join(lines) + "\n"


class Indented(yaml.SafeDumper):
    """Writes entries of lists two blanks further in than their key, as this project does."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - PyYAML's own name
        super().increase_indent(flow, indentless=False)


def ask(known: Answers, read: Callable[[str], str] = input) -> dict[str, str]:
    """Ask for what is not known yet, each question until its answer is right."""
    found = dict(known)
    for number, question in enumerate(QUESTIONS, 1):
        while question.key not in found:
            hint = (
                f" [{question.default}]"
                if question.default
                else f" (such as {question.example})" * bool(question.example)
            )
            answer = read(f"{number:2} {question.words}{hint}: ").strip() or question.default
            wrong = "an answer is needed" if answer is None else question.wrong(answer)
            if wrong:
                print(f"   {wrong}")
            else:
                found[question.key] = t.cast(str, answer)
    return found


def given(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the answers of the file and of the command line; raises ValueError."""
    found: dict[str, str] = {}
    if arguments.answers:
        document = yaml.safe_load(Path(arguments.answers).read_text(encoding="utf-8")) or {}
        if not isinstance(document, dict):
            raise ValueError(f"{arguments.answers} has no answers; give lines such as `server: atlas`")
        found |= {str(key): "" if value is None else str(value) for key, value in document.items()}
    for one in arguments.answer:
        key, equals, value = one.partition("=")
        if not equals:
            raise ValueError(f"--answer {one}: give KEY=VALUE, such as server=atlas")
        found[key] = value
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the new inventory, such as inventory/mylab")
    parser.add_argument("--answers", metavar="FILE", help="YAML file with the answers, by the keys that --answer takes")
    parser.add_argument(
        "--answer", action="append", default=[], metavar="KEY=VALUE", help=", ".join(one.key for one in QUESTIONS)
    )
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    if folder.exists():
        print(f"new-lab: {folder} is there already; nothing was changed. Name another folder.", file=sys.stderr)
        return 2
    try:
        answers = given(arguments)
        if not answers or sys.stdin.isatty():
            answers = ask(answers)
        wrong = problems(answers)
    except (EOFError, KeyboardInterrupt):
        print("\nnew-lab: ended before the last answer; nothing was written.", file=sys.stderr)
        return 2
    except (OSError, ValueError, yaml.YAMLError) as error:
        wrong = [str(error)]
    if wrong:
        print("new-lab: nothing was written. Mend these answers:", *wrong, sep="\n  ", file=sys.stderr)
        return 2
    schemas = os.path.relpath(ROOT / "inventory" / "schema", folder)
    for name, text in files(answers, schemas).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")
    print(next_steps(folder, bool(answers.get("nas")), f"{answers.get('ssh_user') or 'root'}@{answers['address']}"))
    return 0


def next_steps(folder: Path, nas: bool, server: str) -> str:
    """Return what to do with the new inventory; ``server`` is what ssh is called with."""
    vault = f"  ansible-vault create {folder}/{VAULT}      # with a line: vault_nas_password: ...\n" * nas
    also = " --ask-vault-pass" * nas
    return f"""
Next:
{vault}  ansible-playbook -i {folder} playbooks/validate.yml{also}      # checks it; no server is contacted
  ssh -t {server} sudo true      # once by hand: your machine learns the server's key
  ansible-playbook -i {folder} playbooks/validate.yml -e hosts_too=true{also}      # can the server become one?
  ansible-playbook -i {folder} playbooks/site.yml --check --diff{also}
  ansible-playbook -i {folder} playbooks/site.yml{also}"""


if __name__ == "__main__":
    sys.exit(main())
