# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One-time passwords as a page to be printed and cut: one slip a person, with nothing on it about anybody else."""

from __future__ import annotations

import html

from ..module_utils._hub.passwords import Line, parse_lines

# A slip is never torn between two sheets. The page loads nothing: it is opened as a file, also without a network.
STYLE = """
@page { size: A4; margin: 12mm }
body { margin: 0 auto; max-width: 186mm; font: 11pt/1.4 sans-serif; color: #000 }
main { display: grid; grid-template-columns: 1fr 1fr }
section { break-inside: avoid; box-sizing: border-box; min-height: 50mm; padding: 6mm; outline: 1px dashed #777 }
h1 { margin: 0 0 2mm; font-size: 13pt; overflow-wrap: anywhere }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0 4mm; margin: 0 }
dd { margin: 0; overflow-wrap: anywhere }
code { font: 12pt monospace; white-space: nowrap }
p { margin: 2mm 0 0; font-size: 9pt }
header { padding: 4mm 0; font-size: 10pt }
@media print { header { display: none } }
"""
PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>One-time passwords of {server}</title><style>{style}</style></head>
<body>
<header>One-time passwords of {server} that were not used yet ({count}). Print, cut along the dashed lines, hand out,
and shred what is left over. This line is not printed.</header>
<main>
{slips}
</main>
</body>
</html>
"""
SLIP = """<section>
<h1>{who}</h1>
<dl>
<dt>Address</dt><dd>{address}</dd>
<dt>Name</dt><dd><code>{name}</code></dd>
<dt>Password</dt><dd><code>{password}</code></dd>
</dl>
<p>The password is for your first login, on which you choose your own. Made on {made}.</p>
</section>"""


def page(text: str, server: str, address: str = "") -> str:
    """Return the HTML page for the content of a file of one-time passwords.

    ``server`` names the lab server; ``address`` is what people type into their browser (empty: the server's name).
    """
    lines = sorted(parse_lines(text), key=lambda line: ((line.full_name or line.name).casefold(), line.name))
    return PAGE.format(
        server=html.escape(server),
        style=STYLE,
        count=len(lines),
        slips="\n".join(_slip(line, address or server) for line in lines),
    )


def _slip(line: Line, address: str) -> str:
    fields = {
        "who": line.full_name or line.name,
        "address": address,
        "name": line.name,
        "password": line.password,
        "made": line.made[:10],
    }
    return SLIP.format(**{key: html.escape(value) for key, value in fields.items()})
