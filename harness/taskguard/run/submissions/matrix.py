"""Submissions as the jobs of somebody else's machines: each job grades one, and a last one collects what they made.

It must not know how a submission is graded.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum

from taskguard.errors import ConfigurationError
from taskguard.run.submissions.listed import Submission

MOST_JOBS = 256
"""https://docs.github.com/en/actions/reference/limits: a matrix makes at most so many."""


class Matrix(StrEnum):
    """For whom submissions are listed: for a workflow of GitHub Actions, or a line each, for any shell."""

    GITHUB = "github"
    LINES = "lines"


def matrix_of(submissions: Sequence[Submission], kind: Matrix) -> str:
    """The submissions by their places, which are harmless in a shell and in a file's name.

    Raises:
        ConfigurationError: there are more than such a matrix may have.
    """
    places = [each.place for each in submissions]
    if kind is Matrix.LINES:
        return "\n".join(places)
    if len(places) > MOST_JOBS:
        raise ConfigurationError(
            f"Making a matrix of {len(places)} submissions: GitHub makes at most {MOST_JOBS} jobs of one. List them in several CSV files."
        )
    return json.dumps({"submission": places}, separators=(",", ":"))
