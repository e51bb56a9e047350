# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the inputs of this collection's roles on the controller; see M(labserver.jupyter.validate_inputs)."""

from __future__ import annotations

import contextlib
import importlib
import typing as t
from collections.abc import Collection, Mapping
from pathlib import Path

import yaml
from ansible import constants, context
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.labserver.jupyter.plugins.module_utils._common import folders
from ansible_collections.labserver.jupyter.plugins.plugin_utils import (
    _deprecated,
    _inputs,
    _lab,
    _places,
    _together,
    _yaml_source,
)

# LibYAML's reads ten times as fast, and each host's check reads all roles.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ROLES = Path(__file__).resolve().parents[2] / "roles"
CORES = "ansible_collections.labserver.jupyter.plugins.module_utils"
try:  # ansible-core 2.19 replaces variables only in texts that are marked as trusted
    from ansible.template import trust_as_template
except ImportError:  # older: in every text

    def trust_as_template(value: str) -> str:  # type: ignore[misc,unused-ignore]
        return value


# Variables that Ansible itself defines for every host.
MAGIC = frozenset(
    {"environment", "groups", "group_names", "hostvars", "inventory_dir", "inventory_file", "inventory_hostname"}
    | {"inventory_hostname_short", "omit", "play_hosts", "playbook_dir", "role_name", "role_names", "vars"}
)


def load(path: Path) -> dict[str, t.Any]:
    """Return the YAML mapping in ``path``, empty when there is no such file."""
    return dict(yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER) or {}) if path.exists() else {}  # noqa: S506


def trusted(value: t.Any) -> t.Any:
    """Return the value, texts in it marked as written by this collection."""
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, list):
        return [trusted(item) for item in value]
    if isinstance(value, dict):
        return {key: trusted(item) for key, item in value.items()}
    return value


def options_of(role: str) -> dict[str, t.Any]:
    """Return the options of the role's main entry point."""
    specs = load(ROLES / role / "meta" / "argument_specs.yml").get("argument_specs", {})
    return dict(specs.get("main", {}).get("options", {}))


def rules_of(role: str) -> t.Callable[[dict[str, t.Any]], list[str]] | None:
    """Return the role's own check of rules between its fields, if it has one."""
    if not (ROLES.parent / "plugins" / "module_utils" / f"_{role}" / "input.py").exists():
        return None
    return t.cast(t.Callable[[dict[str, t.Any]], list[str]], importlib.import_module(f"{CORES}._{role}.input").problems)


class ActionModule(ActionBase):
    """Runs on the controller alone: no connection to the host is made."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        everything = sorted(path.parent.parent.name for path in ROLES.glob("*/meta/argument_specs.yml"))
        roles = self._task.args.get("roles") or everything
        specs = {role: options_of(role) for role in roles}
        texts = self._texts(variables)
        in_files = _yaml_source.problems(texts, {name for options in specs.values() for name in options})
        problems = _inputs.unknown_variables(set(variables) - MAGIC, specs)
        going = _deprecated.warnings(set(variables), {name for options in specs.values() for name in options})
        if going:
            result["warnings"] = going
        everything_given: dict[str, t.Any] = {}
        for role, options in specs.items():
            values, found = self._values(role, options, variables)
            everything_given |= values
            problems += found + self._broken_rules(role, values, bool(found))
        problems = list(dict.fromkeys(problems))  # a shared input is one of several roles
        problems += folders.problems(everything_given, self._listed_folders(everything_given))
        problems += self._together(everything_given, variables, roles)
        host, groups = str(variables.get("inventory_hostname", "")), variables.get("group_names") or []
        problems = in_files + (_places.with_places(problems, texts, host, groups) if problems else [])
        whole = self._whole(self._task.args.get("lab") or [], variables, texts)
        if problems or whole:
            parts = [f"the inputs of {host}"] * bool(problems) + ["what the servers of the lab say"] * bool(whole)
            problems += whole
            lines = "\n".join(f"  {number}. {text}" for number, text in enumerate(problems, 1))
            count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
            where = " and in ".join(parts)
            result.update(
                failed=True,
                problems=problems,
                msg=f"{count} in {where}; nothing was touched. Mend them in the inventory:\n{lines}",
            )
        else:
            result.update(changed=False, problems=[], msg=f"the inputs of {len(roles)} roles are good")
        return result

    def _texts(self, variables: Mapping[str, t.Any]) -> dict[str, str]:
        """Return the texts of the inventory's files; what YAML and people make wrong in them, Ansible does not tell."""
        sources = [str(source) for source in context.CLIARGS.get("inventory") or constants.DEFAULT_HOST_LIST]
        places = [str(variables[name]) for name in ("playbook_dir",) if variables.get(name)]
        texts: dict[str, str] = {}
        for path in _yaml_source.files(sources, places):
            with contextlib.suppress(AnsibleError, OSError, UnicodeDecodeError):  # Ansible says so itself
                # A file that is encrypted as a whole is decrypted to a temporary one, which goes with the process.
                texts[str(path)] = Path(self._loader.get_real_file(str(path))).read_text(encoding="utf-8")
        self._loader.cleanup_all_tmp_files()
        return texts

    def _whole(self, hosts: Collection[str], variables: Mapping[str, t.Any], labels: Collection[str]) -> list[str]:
        """Return what does not fit together among the servers of the lab. ``labels`` are the inventory's files."""
        lab: dict[str, dict[str, t.Any]] = {}
        specs = {role: options_of(role) for role in _lab.ROLES}
        for host in hosts:
            its = {**variables["hostvars"].raw_get(host), "hostvars": variables["hostvars"]}
            lab[host] = {}
            for role, options in specs.items():
                lab[host] |= self._values(role, options, its)[0]
        groups = variables.get("groups") or {}
        if not lab:
            return []
        return _places.strangers(labels, {*groups.get("all", []), *lab}, groups) + _lab.problems(_lab.Lab(lab, groups))

    def _values(
        self, role: str, options: Mapping[str, t.Any], variables: dict[str, t.Any]
    ) -> tuple[dict[str, t.Any], list[str]]:
        """Return a role's inputs with those that are wrong at their defaults, and what is wrong."""
        given, found = self._given(options, variables)
        # One by one: a value that is wrong must not make the others look wrong, too.
        mistakes = {
            name: _inputs.check_spec({name: given[name]} if name in given else {}, {name: option})
            for name, option in options.items()
            if name in given or name not in variables
        }
        found += [problem for some in mistakes.values() for problem in some]
        good = {name: value for name, value in given.items() if not mistakes[name]}
        shared, problems = self._shared(options, variables)
        return self._defaults(role, good, variables) | good | shared, found + problems

    def _shared(
        self, options: Mapping[str, t.Any], variables: Mapping[str, t.Any]
    ) -> tuple[dict[str, t.Any], list[str]]:
        """Return options whose shared input is set, with nothing in the place of what is wrong, and the problems."""
        stand: dict[str, t.Any] = {}
        problems: list[str] = []
        for name, option in options.items():
            shared = _inputs.shared_by(name, option)
            if shared and name not in variables and shared in variables:
                value, found = self._given([shared], variables)
                found += _inputs.check_spec(value, {shared: option})
                stand[name] = value[shared] if shared in value and not found else _inputs.nothing(option)
                problems += found
        return stand, problems

    def _given(self, options: t.Iterable[str], variables: Mapping[str, t.Any]) -> tuple[dict[str, t.Any], list[str]]:
        """Return the inputs that are set, with the variables in them replaced, and those that cannot be told."""
        given: dict[str, t.Any] = {}
        problems: list[str] = []
        templar = self._templar.copy_with_new_env(available_variables=variables)
        for name in options:
            try:
                if name in variables:
                    given[name] = templar.template(variables[name])
            except AnsibleError as error:
                problems.append(f"{name}: its value cannot be told: {error}")
        return given, problems

    def _together(self, known: Mapping[str, t.Any], variables: dict[str, t.Any], roles: t.Collection[str]) -> list[str]:
        """Return what inputs of several roles say against each other, also when one role alone is asked about."""
        values = dict(known)
        for role in set(_together.ROLES) - set(roles):
            given, _problems = self._given(options_of(role), variables)
            values |= self._defaults(role, given, variables) | given
        groups, host = variables.get("groups") or {}, variables.get("inventory_hostname")
        elsewhere = {role for role, group in _lab.GROUPS.items() if host not in groups.get(group, [host])}
        return _together.problems(values, variables, set(roles) - elsewhere)

    @staticmethod
    def _listed_folders(values: Mapping[str, t.Any]) -> dict[str, tuple[str, str]]:
        """Return the folders of groups: where they stand -> role and path."""
        shared = values.get("accounts_shared_folders") or []
        return {
            f"accounts_shared_folders[{index}]": ("accounts", str(item["path"]))
            for index, item in enumerate(shared if isinstance(shared, list) else [])
            if isinstance(item, Mapping) and item.get("path")
        }

    @staticmethod
    def _broken_rules(role: str, values: dict[str, t.Any], types_are_wrong: bool) -> list[str]:
        """Return what the role's own rules say. They assume right types, so with wrong ones they may fail to judge."""
        rules = rules_of(role)
        if rules is None:
            return []
        try:
            return rules(values)
        except (AttributeError, KeyError, LookupError, TypeError, ValueError):
            if types_are_wrong:
                return []
            raise

    def _defaults(self, role: str, given: dict[str, t.Any], variables: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the role's defaults with the variables in them replaced; one that needs a running role is left out."""
        raw = {name: trusted(value) for name, value in load(ROLES / role / "defaults" / "main.yml").items()}
        templar = self._templar.copy_with_new_env(available_variables={**raw, **variables, **given})
        values = {}
        for name, value in raw.items():
            if name not in given:
                with contextlib.suppress(AnsibleError):
                    values[name] = templar.template(value)
        return values
