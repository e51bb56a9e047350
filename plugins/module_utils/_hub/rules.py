# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The packet filter's rules that keep people's servers apart: as they have to be, and compared with the kernel's.

Everything is in the form that ``iptables-save`` prints, with the kernel's old tables and with nftables alike, so that
wanted and present rules are compared as texts.

- People's servers reach the hub's API and nothing else in the hub's network: neither each other nor the proxy.
- They reach no metadata service of a cloud.
- Of the host itself they reach the ports that are meant for them.
- The SSH front, where there is one, reaches the hub's API and the SSH servers in people's containers for files, and
  nothing else.

Docker's own rules of the network let nobody reach anybody (``enable_icc`` is false), so without these rules there is no
way at all; after a flush, which takes Docker's rules too, every way is open. That is why the rules are looked at again
and again. Docker with its backend for nftables ignores what an iptables chain accepts, and takes a mark instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FORWARD, HOST, MARKS = "LABSERVER-HUB", "LABSERVER-HUB-HOST", "LABSERVER-HUB"
USER = "DOCKER-USER"
"""Docker's chain for rules of others, which it puts before its own and leaves alone."""
ANSWERS = "-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN"
METADATA = (
    "-d 169.254.0.0/16 -j DROP",  # AWS, Azure, Google, OpenStack and most others
    "-d 100.100.100.200/32 -j DROP",  # Alibaba
    "-d 192.0.0.192/32 -j DROP",  # Oracle
    "-d 168.63.129.16/32 -p tcp -m tcp --dport 80 -j DROP",  # Azure; its port 53 is the name server there
    "-d 168.63.129.16/32 -p tcp -m tcp --dport 32526 -j DROP",
)
DNS = 53
BOX_PORT = 2222
"""Of the SSH server in people's containers for files."""


@dataclass(frozen=True)
class Desired:
    """Who is who in the hub's network. ``mark``: what Docker's backend for nftables lets pass; empty without it."""

    subnet: str
    people: str
    hub: str
    proxy: str
    api_port: int
    host_ports: tuple[int, ...]
    mark: str = ""
    front: str = ""
    """The SSH front; empty without one."""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Desired:
        """Return what the file ``network.json`` says; raises KeyError, TypeError or ValueError for another file."""
        return cls(
            subnet=str(document["subnet"]),
            people=str(document["people"]),
            hub=str(document["hub"]),
            proxy=str(document["proxy"]),
            api_port=int(document["api_port"]),
            host_ports=tuple(sorted({int(port) for port in document["host_ports"]})),
            mark=str(document.get("mark") or ""),
            front=str(document.get("front") or ""),
        )


@dataclass(frozen=True)
class Plan:
    """What is wrong with the rules in the kernel, in words, and the text for ``iptables-restore`` that mends it."""

    problems: tuple[str, ...]
    restore: str


def allowed(desired: Desired) -> tuple[str, ...]:
    """Return what may pass inside the hub's network, without the verdict."""
    front = (
        f"-s {desired.front}/32 -d {desired.hub}/32 -p tcp -m tcp --dport {desired.api_port}",
        f"-s {desired.front}/32 -d {desired.people} -p tcp -m tcp --dport {BOX_PORT}",
    )
    return (
        f"-s {desired.people} -d {desired.hub}/32 -p tcp -m tcp --dport {desired.api_port}",
        f"-s {desired.hub}/32 -d {desired.subnet}",
        f"-s {desired.proxy}/32 -d {desired.subnet}",
        *(front if desired.front else ()),
    )


def chains(desired: Desired) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the rules by table and chain."""
    to_api, from_hub, from_proxy, *from_front = (f"{match} -j ACCEPT" for match in allowed(desired))
    # The front has strangers at its door: what it does not need it does not reach, the lab's network included.
    no_more = (f"-s {desired.front}/32 -j DROP",) if desired.front else ()
    forward = (
        ANSWERS,
        to_api,
        f"-s {desired.people} -d {desired.subnet} -j DROP",
        *(f"-s {desired.people} {rule}" for rule in METADATA),
        from_hub,
        from_proxy,
        *from_front,
        *no_more,
    )
    dns = (f"-s {desired.subnet} -p udp -m udp --dport {DNS} -j RETURN",) if DNS in desired.host_ports else ()
    host = (
        ANSWERS,
        f"-s {desired.hub}/32 -j RETURN",
        *no_more,
        *dns,
        *(f"-s {desired.subnet} -p tcp -m tcp --dport {port} -j RETURN" for port in desired.host_ports),
        f"-s {desired.subnet} -j DROP",
    )
    found = {"filter": {FORWARD: forward, HOST: host}}
    if desired.mark:
        marks = tuple(f"{match} -j MARK --set-xmark {desired.mark}" for match in allowed(desired))
        found["mangle"] = {MARKS: marks}
    return found


def ways(desired: Desired) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return by table which chain has to lead where with its first rule."""
    found: dict[str, tuple[tuple[str, str], ...]] = {"filter": (("FORWARD", USER), (USER, FORWARD), ("INPUT", HOST))}
    if desired.mark:
        found["mangle"] = (("FORWARD", MARKS),)
    return found


def parse(saved: str) -> dict[str, dict[str, list[str]]]:
    """Return the rules by table and chain from the output of ``iptables-save``, without comments and counters."""
    tables: dict[str, dict[str, list[str]]] = {}
    table: dict[str, list[str]] = {}
    for line in saved.splitlines():
        if line.startswith("*"):
            table = tables.setdefault(line[1:].strip(), {})
        elif line.startswith(":"):
            table.setdefault(line[1:].split(" ", 1)[0], [])
        elif line.startswith("-A "):
            _append, chain, rule = (line + " ").split(" ", 2)
            table.setdefault(chain, []).append(rule.strip())
    return tables


def compare(desired: Desired, saved: str) -> Plan:
    """Compare the wanted rules with the output of ``iptables-save``.

    The text of the plan is carried out at once by the kernel: at no moment are servers less apart than before.
    """
    present = parse(saved)
    problems: list[str] = []
    restore: list[str] = []
    for table, wanted in chains(desired).items():
        now = present.get(table, {})
        # Before the rules that lead there. Docker 26 does not make its chain anew when it restarts with live-restore.
        made = [f":{USER} - [0:0]"] if table == "filter" and USER not in now else []
        mends = [*made, *_contents(wanted, now, problems), *_first_rules(ways(desired)[table], now, problems)]
        if mends:
            restore += [f"*{table}", *mends, "COMMIT"]
    return Plan(tuple(problems), "".join(f"{line}\n" for line in restore))


def _contents(wanted: Mapping[str, Sequence[str]], now: Mapping[str, Sequence[str]], problems: list[str]) -> list[str]:
    found = []
    for chain, rules in wanted.items():
        if list(now.get(chain, ())) == list(rules) and chain in now:
            continue
        problems.append(f"the chain {chain} {'has other rules' if now.get(chain) else 'is empty or missing'}")
        found += [f":{chain} - [0:0]", *(f"-A {chain} {rule}" for rule in rules)]  # naming a chain empties it
    return found


def _first_rules(wanted: Sequence[tuple[str, str]], now: Mapping[str, Sequence[str]], problems: list[str]) -> list[str]:
    found = []
    for chain, target in wanted:
        rules = now.get(chain, ())
        jump = f"-j {target}"
        if rules and rules[0] == jump:
            continue
        problems.append(f"the chain {chain} does not lead to {target} {'first' if jump in rules else 'at all'}")
        found += [f"-D {chain} {jump}"] * list(rules).count(jump)
        found.append(f"-I {chain} 1 {jump}")
    return found


def withdrawal(saved: str) -> str:
    """Return the text for ``iptables-restore`` that takes all rules of the hub away again."""
    restore = []
    for table, now in parse(saved).items():
        ours = [chain for chain in (FORWARD, HOST) if chain in now]
        jumps = [
            f"-D {chain} -j {target}"
            for chain, rules in now.items()
            for target in ours
            for _rule in range(list(rules).count(f"-j {target}"))
        ]
        if ours:
            restore += [f"*{table}", *(f"-F {chain}" for chain in ours), *jumps, *(f"-X {chain}" for chain in ours)]
            restore.append("COMMIT")
    return "".join(f"{line}\n" for line in restore)
