#!/usr/bin/python

# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: schedule
short_description: Schedule the regular jobs of a lab server
version_added: 0.1.0
description:
  - Writes one job file for each job below C(/etc/labserver/jobs.d) and lets host cron (or systemd) call the runner
    C(labserver run <job>), which adds lock, timeout, log, status file and alerts.
  - One call takes all jobs of a role. Jobs that the call does not name are left alone.
  - Every cron file is checked for what makes cron skip it without a word (name, final newline, fields, percent sign).
author:
  - The labserver.jupyter authors (@labserver)
extends_documentation_fragment:
  - labserver.jupyter._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Values of a job's environment and the ways of alerts are not shown.
  idempotent:
    support: full
options:
  jobs:
    description: The jobs.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the job, made of lower-case letters, digits and hyphens.
        type: str
        required: true
      state:
        description:
          - V(absent) removes the job and its status; its log stays.
        type: str
        choices: [present, absent]
        default: present
      description:
        description: One line for the status table.
        type: str
        default: ""
      command:
        description: Program and arguments; no shell is involved. Needed unless O(jobs[].state=absent).
        type: list
        elements: str
      container:
        description:
          - Run the command in this running container by C(docker exec).
          - A timeout ends the process in the container too.
        type: str
        default: ""
      environment:
        description: Variables for the command. They are kept in a file that only root reads.
        type: dict
        default: {}
      schedule:
        description:
          - V(hourly), V(twice-daily), V(daily), V(weekly) at a minute derived from O(host) and the job's name, or five
            cron fields.
        type: str
        default: daily
      timeout_seconds:
        description: After so many seconds the job is ended.
        type: int
        default: 3600
      jitter_seconds:
        description: A scheduled run waits for a random time of at most so many seconds.
        type: int
        default: 120
      at_boot:
        description: Run also after the host has started.
        type: bool
        default: false
      catch_up:
        description: Run a job later that was not run when due, for instance because the host was off.
        type: bool
        default: true
      alert:
        description: The mildest level that somebody hears of.
        type: str
        choices: [warning, critical, never]
        default: warning
  alerts:
    description:
      - Who hears of failures, written to C(/etc/labserver/alerts.json). Left alone when not given.
      - Hide the task with C(no_log) when it holds a password.
    type: dict
    suboptions:
      version:
        description: Version of the format.
        type: int
        default: 1
      mail:
        description: Keys C(to) (list), C(from), C(server), C(port), C(starttls), C(username) and C(password).
        type: dict
        default: {}
      webhook:
        description: Keys C(url) and C(headers).
        type: dict
        default: {}
      command:
        description: Program with arguments that gets the alert as JSON on its standard input.
        type: list
        elements: str
        default: []
      heartbeat_url:
        description: Address that is called every hour when the watch over the host has run to its end.
        type: str
        default: ""
      heartbeat_form:
        description:
          - How that address is told of what is critical or could be told to nobody. V(ping) knows no failure.
          - V(healthchecks) appends C(/fail), V(uptime_kuma) says C(status=down).
        type: str
        choices: [ping, healthchecks, uptime_kuma]
        default: ping
      quiet:
        description: Hours in which only what is critical is told, for instance C(22:00-07:00); empty for none.
        type: str
        default: ""
      ports:
        description: TCP ports that are meant to be reached from outside, of which nobody is told.
        type: list
        elements: int
        default: []
      growth_days:
        description: Days for which it is kept how disks and homes fill up.
        type: int
        default: 60
  backend:
    description: What calls the runner.
    type: str
    choices: [cron, systemd]
    default: cron
  host:
    description:
      - Seed of the minute at which jobs run, usually the inventory name, so that hosts do not all start at once.
    type: str
    required: true
requirements:
  - Python 3.11 or newer on the host
seealso:
  - module: ansible.builtin.cron
  - module: labserver.jupyter.host_program
"""

EXAMPLES = r"""
- name: Prune the registry every week
  labserver.jupyter.schedule:
    host: "{{ inventory_hostname }}"
    jobs:
      - name: registry-maintenance
        description: Prune the registry and collect garbage
        command: [/usr/local/sbin/labserver, registry-maintain]
        schedule: weekly
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be done.
  type: list
  elements: dict
  returned: success
  sample: [{what: write, name: /etc/cron.d/labserver-renew, job: renew}]
schedules:
  description: The five cron fields of each job that is present.
  type: dict
  returned: success
  sample: {renew: "17 4,16 * * *"}
"""

from collections.abc import Sequence
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.labserver.jupyter.plugins.module_utils._common import run_lock
from ansible_collections.labserver.jupyter.plugins.module_utils._schedule import model, params, plan

ROOT = Path("/")


def main() -> None:
    module = AnsibleModule(
        argument_spec=params.ARGUMENTS,
        supports_check_mode=True,
    )
    run_lock.working(module.check_mode)
    jobs, host = module.params["jobs"], module.params["host"]
    found = model.problems(jobs)
    if found:
        module.fail_json(msg="; ".join(found), problems=found)
    wanted = plan.desired(jobs, module.params["backend"], host, module.params["alerts"])
    existing = plan.read(ROOT, [path for files in wanted.values() for path in files])
    steps = plan.compare(wanted, existing)

    def run(argv: Sequence[str]) -> tuple[int, str]:
        status, output, errors = module.run_command(list(argv))
        return status, output + errors

    if steps.changed and not module.check_mode:
        try:
            plan.apply(ROOT, steps, run)
        except (OSError, RuntimeError) as error:
            module.fail_json(msg=f"could not schedule the jobs: {error}")
    present = [model.from_mapping(job, host) for job in jobs if job["state"] == "present"]
    module.exit_json(
        changed=steps.changed,
        actions=[{"what": action.what, "name": action.name, "job": action.job} for action in steps.actions],
        schedules={job.name: job.fields for job in present},
        diff=[
            {
                "before_header": f"/{path}",
                "after_header": f"/{path}",
                "before": steps.before[path],
                "after": steps.after[path],
            }
            for path in steps.before
        ],
    )


if __name__ == "__main__":
    main()
