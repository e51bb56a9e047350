# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which room writes and which rooms read each exchange file. ``test_table.py`` compares this with the code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Exchange:
    """One kind of exchange file.

    ``mark`` is a regular expression that finds the file's name in a text of the code. ``writers`` and ``readers`` are
    packages (``_shares``, ``labhub/exchange``), modules (``modules/shares``) or roles (``roles/hub``), each named only
    if the file's name stands in its own code. ``told`` are readers that are handed the path (by the role, or by
    another package), and ``names`` says of whoever names the file and neither writes nor reads it, why.
    """

    path: str
    mark: str
    test: str
    schema: str
    writers: frozenset[str]
    readers: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def namers(self) -> frozenset[str]:
        """Everybody in whose code the name of the file stands."""
        return self.writers | self.readers | frozenset(self.names)

    @property
    def reading(self) -> frozenset[str]:
        """Everybody who reads the file."""
        return self.readers | self.told


def _set(*names: str) -> frozenset[str]:
    return frozenset(names)


COMPARED = {"_status": "leaves it out of what it compares with the last run of site.yml, since programs write it"}
FOLDERS = {"_common": "knows which folders are whose, so that no input claims one of them"}

TABLE = (
    Exchange(
        "/etc/labserver/public/roster.json", r"\broster\.json", "test_roster_json.py", "roster",
        writers=_set("_accounts"),
        readers=_set(
            "labhub/exchange", "labhub/login", "_shares", "_backup", "_builds", "_hub", "_usage",
            "modules/hub_passwords",
        ),
        names={
            **COMPARED,
            "_program": "completes the names of people",
            "labhub": "its wiring tells the check of logins where it is, and where its last valid content is saved",
        },
    ),
    Exchange(
        "/etc/labserver/public/shares.json", r"\bshares\.json", "test_shares_json.py", "shares",
        writers=_set("_shares"),
        readers=_set("labhub/exchange", "modules/hub_preflight", "_status"),
        names={"_hub": "says in a message which file cannot be read; the module has the path"},
    ),
    Exchange(
        "/etc/labserver/public/shares-status.json", r"\bshares-status\.json", "test_shares_status_json.py",
        "shares-status",
        writers=_set("_shares"),
        readers=_set("labhub/exchange", "_status"),
    ),
    Exchange(
        "/var/lib/labserver/catalogue/images.json", r"\bimages\.json", "test_images_json.py", "images",
        writers=_set("_catalogue", "roles/hub"),
        readers=_set("labhub/exchange", "_registry", "_status", "_hub", "_builds"),
        told=_set("_catalogue"),
        names={"roles/registry": "tells the weekly job where it is"},
    ),
    Exchange(
        "/etc/labserver/images/named.json", r"images/named\.json", "test_named_json.py", "named",
        writers=_set("roles/images"),
        readers=_set("_registry"),
        names={"roles/registry": "tells the weekly job where it is"},
    ),
    Exchange(
        "/srv/labserver/hub/state/choices.json", r"\bchoices\.json", "test_choices_json.py", "choices",
        writers=_set("labhub/servers"),
        readers=_set("_registry"),
        told=_set("labhub/servers"),
        names={"roles/registry": "tells the weekly job where it is"},
    ),
    Exchange(
        "/etc/labserver/services.d/<role>.json", r"\bservices\.d\b", "test_services_d.py", "services.d",
        writers=_set("_proxy", "_registry", "roles/hub", "roles/cocalc", "roles/compose_app"),
        readers=_set("_status"),
        names={
            "roles/registry": "removes it",
            "_adopt": "removes it when the host goes back to its old hub",
            "_host": "tells which parts the host has by which files there are",
        },
    ),
    Exchange(
        "/etc/labserver/public/announcements.json", r"\bannouncements\.json", "test_announcements_json.py",
        "announcements",
        writers=_set("roles/hub"),
        readers=_set("labhub/exchange"),
    ),
    Exchange(
        "/etc/labserver/public/lab.json", r"\blab\.json", "test_lab_json.py", "lab",
        writers=_set("roles/hub"),
        readers=_set("labhub/exchange"),
        names={"_hub": "copies it for the canary of a new hub"},
    ),
    Exchange(
        "/etc/labserver/public/maintenance.json", r"(public/|^)maintenance\.json", "test_maintenance_json.py",
        "maintenance",
        writers=_set("_hub", "modules/hub_change"),
        readers=_set("labhub/exchange", "_status"),
        names={
            "_adopt": "ends a change of the hub, whose record names it",
            "_registry": "another file of that name, the settings of the weekly job",
        },
    ),
    Exchange(
        "/etc/labserver/public/retirement.json", r"\bretirement\.json", "test_retirement_json.py", "retirement",
        writers=_set("_retire"),
        readers=_set("labhub/exchange"),
        names=COMPARED,
    ),
    Exchange(
        "/etc/labserver/public/fullness.json", r"\bfullness\.json", "test_fullness_json.py", "fullness",
        writers=_set("_hub"),
        readers=_set("labhub/exchange"),
        names=COMPARED,
    ),
    Exchange(
        "/etc/labserver/public/reboot.json", r"\breboot\.json", "test_reboot_json.py", "reboot",
        writers=_set("_updates"),
        readers=_set("labhub/exchange"),
        names=COMPARED,
    ),
    Exchange(
        "/etc/labserver/hub/usage.json", r"\busage\.json", "test_usage_json.py", "usage",
        writers=_set("_usage"),
        readers=_set("labhub/exchange"),
        names={**COMPARED, "_hub": "tells the canary of a new hub to look elsewhere, where there is none"},
    ),
    Exchange(
        "/etc/labserver/hub/published.json", r"\bpublished\.json", "test_published_json.py", "published",
        writers=_set("_builds"),
        readers=_set("labhub/exchange"),
        names={"_hub": "tells the canary of a new hub to look elsewhere, where there is none"},
    ),
    Exchange(
        "/srv/labserver/hub/state/builds.json", r"\bbuilds\.json", "test_builds_json.py", "builds",
        writers=_set("labhub/builds"),
        told=_set("_builds"),
        names={"roles/hub": "tells the job where it is"},
    ),
    Exchange(
        "/etc/labserver/hub/status.json", r"hub/status\.json", "test_status_json.py", "status",
        writers=_set("_status"),
        readers=_set("labhub/exchange"),
    ),
    Exchange(
        "/etc/labserver/hub/hub.json", r"\bhub\.json", "test_hub_json.py", "hub",
        writers=_set("_hub", "modules/hub_change", "roles/hub"),
        readers=_set("labhub/exchange"),
        names={
            "labhub/login": "says in a message where a wrong setting stands",
            "_adopt": "another file of that name, in services.d",
            "_registry": "looks whether this host has a hub, which then has to say what people chose",
            "roles/registry": "tells the weekly job where it is",
        },
    ),
    Exchange(
        "/etc/labserver/certificates.d/<room>.json", r"\bcertificates\.d\b", "test_certificates_d.py",
        "certificates.d",
        writers=_set("_proxy", "roles/cocalc"),
        readers=_set("_certificates"),
        names=FOLDERS,
    ),
    Exchange(
        "/etc/labserver/certificates.json", r"etc/labserver/certificates\.json", "test_certificates_json.py",
        "certificates-config",
        writers=_set("_certificates"),
        told=_set("_certificates"),
        names={"roles/certificates": "removes it"},
    ),
    Exchange(
        "/var/lib/labserver/certificates.json", r"var/lib/labserver/certificates\.json", "test_certificates_json.py",
        "certificates",
        writers=_set("_certificates"),
        told=_set("_certificates", "_status"),
        names={"roles/certificates": "removes it"},
    ),
    Exchange(
        "/etc/labserver/jobs.d/<job>.json", r"\bjobs\.d\b", "test_jobs_d.py", "jobs.d",
        writers=_set("_schedule"),
        told=_set("_schedule", "_status"),
        names={
            **FOLDERS,
            "_host": "tells the controller which files there are, by their hashes",
            "_status": "takes the right to read them from everybody else",
            "_doctor": "asks whether there is a job of that name",
            "_hub": "asks whether there is a job that makes backups",
            "_program": "completes the names of jobs",
            "_retire": "looks whether a job is left",
        },
    ),
    Exchange(
        "/var/lib/labserver/jobs/<job>.json", r"\blib/labserver/jobs\b", "test_jobs_json.py", "jobs",
        writers=_set("_schedule"),
        readers=_set("_doctor"),
        told=_set("_schedule", "_status"),
        names={"_host": "tells the controller which files there are"},
    ),
    Exchange(
        "/etc/labserver/backup.d/<room>.json", r"\bbackup\.d\b", "test_backup_d.py", "backup.d",
        writers=_set("roles/cocalc", "roles/compose_app"),
        readers=_set("_backup"),
        names=FOLDERS,
    ),
    Exchange(
        "/etc/labserver/registry/in-use.d/<host>.json", r"\bin-use\.d\b", "test_in_use_d.py", "in-use.d",
        writers=_set("modules/registry_in_use"),
        told=_set("_registry"),
        names={**COMPARED, "roles/registry": "tells the weekly job where it is"},
    ),
    Exchange(
        "/etc/labserver/hub/password-store.json", r"\bpassword-store\.json", "test_password_store_json.py",
        "password-store",
        writers=_set("_adopt", "modules/hub_passwords", "roles/hub"),
        readers=_set("labhub/exchange", "labhub/login"),
        told=_set("_hub"),
        names={**COMPARED, "_hub": "the canary of a new hub has a store, and this beside it, of its own"},
    ),
    Exchange(
        "/var/lib/labserver/backup/runs.json", r"/runs\.json", "test_runs_json.py", "runs",
        writers=_set("_backup"),
        told=_set("_backup", "_status"),
    ),
    Exchange(
        "/var/lib/labserver/registry/outlook.json", r"registry/outlook\.json", "test_outlook_json.py", "outlook",
        writers=_set("_registry"),
        told=_set("_status"),
    ),
    Exchange(
        "/var/lib/labserver/status/disks.json", r"\bstatus/disks\.json", "test_disks_json.py", "disks",
        writers=_set("_status"),
        readers=_set("_doctor"),
        told=_set("_status"),
    ),
    Exchange(
        "/var/lib/labserver/status/failures.json", r"\bstatus/failures\.json", "test_failures_json.py", "failures",
        writers=_set("_schedule"),
        told=_set("_schedule", "_status"),
    ),
)  # fmt: skip
