"""A page as one HTML file that needs nothing else: no network, no script, its style inside, and a policy that says so.

It must not know what a page says.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from typing import Any

from jinja2 import BaseLoader, Environment, PackageLoader, StrictUndefined, Template
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

_HERE = "taskguard.reports.html"
_STYLES = ("base.css", "report.css")


def render(page: Page) -> str:
    """Return the page as HTML."""
    template, style = load()
    return template.render(
        page=page,
        style=Markup(style),  # noqa: S704  # it is ours, and has nothing of the run
        style_digest=digest_of(style),
        most_findings=MOST_FINDINGS,
        rate_axis=rates.AXIS,
        rate_headings=rates.HEADINGS,
        nemesis_headings=nemesis.HEADINGS,
    )


@lru_cache(maxsize=1)
def load() -> tuple[Template, str]:
    """The page's template, compiled, which takes longer than to render a page, and its style."""
    environment = environment_of(PackageLoader(_HERE))
    environment.filters |= {"entries": entries, "runnable": runnable, "task_name": task_name}
    for name in environment.list_templates(["jinja"]):
        environment.get_template(name)  # the page's parts would be compiled when it is rendered
    return environment.get_template("report.html.jinja"), style_of(environment, *_STYLES)


def environment_of(loader: BaseLoader) -> Environment:
    """How templates are rendered: whatever one shows is escaped, and visible even where nobody thought of it."""
    environment = Environment(
        loader=loader,
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {"shown": shown, "times": times}
    return environment


def style_of(environment: Environment, *names: str) -> str:
    """The style that these files make, without the blanks that are for who reads them."""
    assert environment.loader is not None  # noqa: S101  # it was given one
    texts = (environment.loader.get_source(environment, name)[0] for name in names)
    return "\n".join(line.strip() for text in texts for line in text.splitlines() if line.strip())


def digest_of(style: str) -> str:
    """By which a page's policy knows its own style."""
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


def _finalize(value: Any) -> Any:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
