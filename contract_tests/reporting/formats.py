"""Every way to print a report, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from contract_tests.reporting import github, html, json, junit, markdown, sarif, text
from contract_tests.reporting.report import Report

Renderer = Callable[[Report], str]

ON_STDOUT: Mapping[str, Renderer] = {
    "text": text.render,
    "markdown": markdown.render,
    "github": github.render,
    "sarif": sarif.render,
    "json": json.render,
}
"""Those that a terminal or a job reads; the first one is the default."""
IN_FILES: Mapping[str, Renderer] = {"junit": junit.render, "html": html.render, "json": json.render}
"""Those that an option of their name writes to a file."""
