# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules between the inputs of the role ``cocalc`` that an argument spec cannot express."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from .model import EMAIL, is_loopback

CERTIFICATE = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")  # as the role certificates has it


def problems(inputs: Mapping[str, Any]) -> list[str]:
    """Return every problem in the role's variables."""
    if inputs.get("cocalc_state", "present") == "absent":
        return []
    return [*address_problems(inputs), *people_problems(inputs), *tls_problems(inputs), *limit_problems(inputs)]


def address_problems(inputs: Mapping[str, Any]) -> list[str]:
    found = []
    for name in ("cocalc_bind_address", "cocalc_ssh_address"):
        address = str(inputs.get(name) or "")
        try:
            ipaddress.ip_address(address)
        except ValueError:
            if address or name == "cocalc_bind_address":
                found.append(f'{name}: "{address}" is not an IP address; for example 127.0.0.1 or 0.0.0.0')
    ports: dict[int, str] = {}
    used = ["cocalc_port", "cocalc_http_port", *(["cocalc_ssh_port"] if inputs.get("cocalc_ssh_address") else [])]
    for name in used:
        port = int(inputs.get(name) or 0)
        if port == 0 and name == "cocalc_http_port":
            continue
        if not 1 <= port <= 65535:
            found.append(f"{name}: {port} is not a port; give a number from 1 to 65535")
        elif port in ports:
            found.append(f"{name}: {port} is also {ports[port]}; give each its own")
        ports.setdefault(port, name)
    return found


def people_problems(inputs: Mapping[str, Any]) -> list[str]:
    found = [
        f'cocalc_admins[{index}]: "{email}" is not an e-mail address'
        for index, email in enumerate(inputs.get("cocalc_admins") or [])
        if not EMAIL.fullmatch(str(email))
    ]
    outside = [str(inputs.get(name) or "") for name in ("cocalc_bind_address", "cocalc_ssh_address")]
    if any(address and not is_loopback(address) for address in outside) and not inputs.get("cocalc_admins"):
        found.append(
            "cocalc_admins: empty, but other machines are to reach the server; name at least one person who "
            "administers it"
        )
    token = str(inputs.get("cocalc_registration_token") or "")
    if token and not re.fullmatch(r"[A-Za-z0-9_.-]{8,128}", token):
        found.append(
            "cocalc_registration_token: give 8 to 128 letters, digits, _ . or -, or nothing to have one generated"
        )
    return found


def tls_problems(inputs: Mapping[str, Any]) -> list[str]:
    found = []
    certificate, key = bool(inputs.get("cocalc_certificate_file")), bool(inputs.get("cocalc_key_file"))
    if certificate != key:
        found.append("cocalc_certificate_file and cocalc_key_file: give both or none")
    letsencrypt = inputs.get("cocalc_letsencrypt") or {}
    named = str(inputs.get("cocalc_certificate") or "")
    if named and not CERTIFICATE.fullmatch(named):
        found.append(f'cocalc_certificate: "{named}" is not a name; give that of an entry of certificates_list')
    if named and (certificate or letsencrypt):
        found.append("cocalc_certificate: not together with cocalc_certificate_file or cocalc_letsencrypt; choose one")
    if named and inputs.get("cocalc_variant") == "legacy":
        found.append(
            "cocalc_certificate: a legacy image wants certificate and key in one file, which is written by this role "
            f"alone; set cocalc_certificate_file: /etc/labserver/tls/{named}/cert.pem and cocalc_key_file: "
            f"/etc/labserver/tls/{named}/key.pem instead, and run the role after a renewal"
        )
    if letsencrypt and not (letsencrypt.get("domain") and EMAIL.fullmatch(str(letsencrypt.get("email", "")))):
        found.append(
            "cocalc_letsencrypt: needs domain and email, like {domain: cocalc.example.org, email: me@example.org}"
        )
    unknown = sorted(set(letsencrypt) - {"domain", "email", "test"})
    if unknown:
        found.append(f"cocalc_letsencrypt: unknown key {unknown[0]}; known are domain, email, test")
    if letsencrypt and certificate:
        found.append("cocalc_letsencrypt: not together with cocalc_certificate_file; both write the same certificate")
    if inputs.get("cocalc_tls") == "proxy":
        if certificate or letsencrypt or named or inputs.get("cocalc_http_port"):
            found.append(
                "cocalc_tls: proxy is plain HTTP on cocalc_port; no certificate, letsencrypt or cocalc_http_port then"
            )
        if not is_loopback(str(inputs.get("cocalc_bind_address", ""))):
            found.append(
                "cocalc_bind_address: has to be 127.0.0.1 with cocalc_tls: proxy, or passwords cross the net in clear"
            )
    return found


def limit_problems(inputs: Mapping[str, Any]) -> list[str]:
    found = []
    least = {
        "cocalc_memory_bytes": 256 * 1024 * 1024,
        "cocalc_processes": 64,
        "cocalc_dumps_kept": 1,
        "cocalc_health_seconds": 1,
    }
    for name, value in least.items():
        if name in inputs and int(inputs[name]) < value:
            found.append(f"{name}: {inputs[name]} is too little; give at least {value}")
    if float(inputs.get("cocalc_cpus", 1)) <= 0:
        found.append(f"cocalc_cpus: {inputs['cocalc_cpus']} is not a share of a processor; give more than 0")
    return found
