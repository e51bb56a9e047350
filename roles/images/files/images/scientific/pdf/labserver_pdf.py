# Copyright (c) 2026, The labserver.jupyter authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Notebooks as PDF without LaTeX (0.7 GB) and without a browser (0.8 GB): HTML that WeasyPrint sets in pages.

WeasyPrint runs no JavaScript, so formulas are drawn before, by ziamath. What it cannot draw is shown as it was written.
"""

from __future__ import annotations

import base64
import copy
import html
import re
from pathlib import Path
from typing import Any

import weasyprint
import ziamath
from nbconvert.exporters.html import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter
from traitlets import default
from traitlets.config import Config

try:
    from jinja2 import pass_context
except ImportError:  # older
    from jinja2 import contextfilter as pass_context

STYLE = Path(__file__).with_suffix(".css")
FORMULA_SIZE = 13.5  # as high as the text of the style sheet
PIXELS_PER_POINT = 96 / 72
FETCH_SECONDS = 5
# An image says more on paper than the HTML of something that moves.
FIRST_CHOICES = ["image/svg+xml", "image/png", "image/jpeg", "text/html", "text/markdown", "text/latex", "text/plain"]


def formula(latex: str, *, inline: bool) -> str:
    """Return an HTML image of a formula, or the formula as it was written when it cannot be drawn."""
    try:
        drawn = ziamath.Latex(latex.strip(), size=FORMULA_SIZE, inline=inline)
        image, below = base64.b64encode(drawn.svg().encode()).decode(), drawn.getyofst()
    except Exception:  # whatever a person wrote: it must not keep the notebook from becoming a PDF
        return f'<code class="formula">{html.escape(latex)}</code>'
    style = f' style="vertical-align: {below:.2f}px"' if inline else ""
    picture = f'<img class="formula" alt="{html.escape(latex)}" src="data:image/svg+xml;base64,{image}"{style}>'
    return picture if inline else f'<div class="formula">{picture}</div>'


def bare(latex: str) -> tuple[str, bool]:
    """Return the formula within the signs around it, and whether it stands in a line of text."""
    for pattern, inline in (
        (r"\$\$(.*)\$\$", False),
        (r"\\\[(.*)\\\]", False),
        (r"\$(.*)\$", True),
        (r"\\\((.*)\\\)", True),
    ):
        found = re.fullmatch(pattern, latex.strip(), re.DOTALL)
        if found:
            return found[1].removeprefix(r"\displaystyle"), inline and r"\displaystyle" not in found[1]
    return latex, False


class Renderer(IPythonRenderer):  # type: ignore[misc]
    """The notebook's Markdown with its formulas drawn."""

    def block_math(self, body: str) -> str:
        return formula(body, inline=False)

    def inline_math(self, body: str) -> str:
        return formula(body, inline=True)

    def latex_environment(self, name: str, body: str) -> str:
        return formula(f"\\begin{{{name}}}{body}\\end{{{name}}}", inline=False)


class PDFExporter(HTMLExporter):  # type: ignore[misc]
    """What JupyterLab's menu and ``jupyter nbconvert --to pdf`` use."""

    export_from_notebook = "PDF"
    output_mimetype = "application/pdf"

    @default("file_extension")
    def _file_extension_default(self) -> str:
        return ".pdf"

    @default("template_extension")
    def _template_extension_default(self) -> str:
        return ".html.j2"

    @default("template_name")
    def _template_name_default(self) -> str:
        return "labserver"

    @default("exclude_anchor_links")
    def _exclude_anchor_links_default(self) -> bool:
        return True

    @property
    def default_config(self) -> Config:
        config = super().default_config.copy()
        config.merge(Config({"NbConvertBase": {"display_data_priority": FIRST_CHOICES}}))
        return config

    @pass_context  # type: ignore[untyped-decorator,unused-ignore]
    def markdown2html(self, context: Any, source: str) -> str:
        """Return Markdown as HTML; the images that are attached to a cell come with it."""
        renderer = Renderer(
            escape=False,
            attachments=context.get("cell", {}).get("attachments", {}),
            path=context.get("resources", {}).get("metadata", {}).get("path", ""),
            exclude_anchor_links=True,
        )
        return str(MarkdownWithMath(renderer=renderer).render(source))

    def from_notebook_node(
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **kw: Any
    ) -> tuple[bytes, dict[str, Any]]:
        """Return the PDF and what nbconvert hands on."""
        nb = copy.deepcopy(nb)
        for cell in nb.cells:
            for output in cell.get("outputs", []):
                data = output.get("data", {})
                if "text/latex" in data and not {"image/svg+xml", "image/png", "text/html"} & set(data):
                    latex, inline = bare("".join(data["text/latex"]))
                    data["text/html"] = formula(latex, inline=inline)
        body, resources = super().from_notebook_node(nb, resources, **kw)
        metadata = resources.get("metadata", {})
        title = html.escape(nb.metadata.get("title") or metadata.get("name") or "Notebook")
        page = f'<html lang="{self.language_code}"><head><title>{title}</title></head><body>{body}</body></html>'
        colours = HtmlFormatter(style="default").get_style_defs(".highlight")
        document = weasyprint.HTML(
            string=page,
            base_url=f"{metadata['path']}/" if metadata.get("path") else None,
            url_fetcher=weasyprint.urls.URLFetcher(timeout=FETCH_SECONDS),
        )
        return document.write_pdf(stylesheets=[weasyprint.CSS(string=colours), weasyprint.CSS(STYLE)]), resources
