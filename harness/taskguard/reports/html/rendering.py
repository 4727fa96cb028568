"""A page as one HTML file that needs nothing else: no network, no script, its style inside, and a policy that says so.

It must not know what a page says.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from taskguard.history.wording import times
from taskguard.reports import nemesis
from taskguard.reports.html import rates
from taskguard.reports.html.page import Page
from taskguard.reports.html.tasks import task_name
from taskguard.reports.html.visible import entries, shown
from taskguard.reports.plain import printable
from taskguard.support.this_command import runnable

MOST_FINDINGS = 10
"""How many findings of a verdict are listed."""

_STYLE = "report.css"


def render(page: Page) -> str:
    """Return the page as HTML."""
    template, style = load()
    return template.render(
        page=page,
        style=Markup(style),  # noqa: S704  # it is ours, and has nothing of the run
        style_digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        most_findings=MOST_FINDINGS,
        rate_axis=rates.AXIS,
        rate_headings=rates.HEADINGS,
        nemesis_headings=nemesis.HEADINGS,
    )


@lru_cache(maxsize=1)
def load() -> tuple[Template, str]:
    """The page's template, compiled, which takes longer than to render a page, and its style."""
    environment = Environment(
        loader=PackageLoader("taskguard.reports.html"),
        autoescape=True,
        # Whatever a template shows is visible, even where nobody thought of it.
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "entries": entries,
        "runnable": runnable,
        "shown": shown,
        "task_name": task_name,
        "times": times,
    }
    style, _, _ = environment.loader.get_source(environment, _STYLE) if environment.loader else ("", None, None)
    for name in environment.list_templates(["jinja"]):
        environment.get_template(name)  # the page's parts would be compiled when it is rendered
    return environment.get_template("report.html.jinja"), "\n".join(
        line.strip() for line in style.splitlines() if line.strip()
    )


def _finalize(value: Any) -> Any:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
