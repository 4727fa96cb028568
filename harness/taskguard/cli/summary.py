"""The option by which a command adds what it found to the summary of a CI service's job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from taskguard.cli.panels import SHOWN
from taskguard.cli.stack import unset
from taskguard.errors import TaskGuardError
from taskguard.reports.summary import append, summary_of_failure

SummaryOption = Annotated[
    Path | None,
    unset(
        help='Add a summary to this file, as HTML; in a GitHub workflow it is "$GITHUB_STEP_SUMMARY".',
        rich_help_panel=SHOWN,
    ),
]


@contextmanager
def telling_failures(file: Path | None, service: Path) -> Iterator[None]:
    """Add to the ``file``, where there is one, with which error this was left, if one of ours ended it."""
    try:
        yield
    except TaskGuardError as error:
        if file is not None:
            append(file, summary_of_failure(str(error), name_of(service)))
        raise


def name_of(service: Path) -> str:
    """What a service is called in a summary."""
    return service.resolve().name
