"""What a program that asked for JSON is told of a run that could not be made, or not to its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from taskguard.errors import TaskGuardError
from taskguard.reports.as_json import FORMAT_VERSION


@contextmanager
def telling_programs(folder: Path, *, json_: bool) -> Iterator[None]:
    """Print a document on the standard output if one of our errors ends what is done here; ``folder`` is the run's."""
    try:
        yield
    except TaskGuardError as error:
        if json_:
            document = {
                "format_version": FORMAT_VERSION,
                "outcome": None,
                "exit_code": int(error.exit_code),
                "error": type(error).__name__,
                "reason": str(error),
                "times": {"folder": str(folder)},
            }
            typer.echo(json.dumps(document, indent=2))
        raise
