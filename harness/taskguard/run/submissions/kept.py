"""What is kept of a submission in its folder: how its run ended, and beside it what was said, and the run itself.

A gradebook is made from such folders, wherever they were made. This must not know how a grade is judged.
"""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Self

from taskguard.errors import HistoryError
from taskguard.support.folders import naming
from taskguard.support.typed import Refused, Strict, typed, untyped

SUBMISSION_FILE = "submission.json"
CONSOLE_FILE = "console.txt"
RUN_FOLDER = "run"
FORMAT_VERSION = 1


class End(StrEnum):
    """How it ended with a submission. Only what is graded has points; of all else a person is to look at the reason."""

    GRADED = "graded"
    NOT_BUILT = "not built"
    NOT_UNDERSTOOD = "not understood"
    NO_WAY_IN = "no way in"
    TIMED_OUT = "timed out"
    ENDED_EARLY = "ended early"
    NO_SERVICE = "no service"
    NOT_TRIED = "not tried"
    NOT_RUN = "not run"


REASONS = {
    End.GRADED: "It was graded.",
    End.NOT_BUILT: "It could not be built and deployed.",
    End.NOT_UNDERSTOOD: "It was deployed, and which of its parts is which cannot be told for certain.",
    End.NO_WAY_IN: "It was deployed, and no task could be handed in.",
    End.TIMED_OUT: "It had not ended at its deadline, so it was stopped.",
    End.ENDED_EARLY: "Its run broke off before its tasks had settled.",
    End.NO_SERVICE: "There is no service in its folder.",
    End.NOT_TRIED: "It was not run.",
    End.NOT_RUN: "It could not be run, for a reason that is not the submission's.",
}
"""What is said of each, before the words that were seen."""

OF_ERRORS = {
    "DeploymentError": End.NOT_BUILT,
    "ConfigurationError": End.NOT_BUILT,
    "DiscoveryError": End.NOT_UNDERSTOOD,
    "IngressError": End.NO_WAY_IN,
    "SubmissionError": End.NO_WAY_IN,
    "RunEndedEarly": End.ENDED_EARLY,
}
"""By the error that ended a run (:mod:`taskguard.errors`); what is not here is no fault of the submission's."""


class Kept(Strict, frozen=True, kw_only=True):
    """How a submission ended. The ``digest`` is of all that decided it; ``said`` are the lines that tell why it was not graded, and name
    no place of the machine that it ran on."""

    name: str
    end: End
    digest: str = ""
    said: tuple[str, ...] = ()
    format_version: int = FORMAT_VERSION

    def write(self, folder: Path) -> None:
        """Write it into the submission's folder, whole or not at all."""
        file = folder / SUBMISSION_FILE
        unfinished = file.with_suffix(".unfinished")
        text = json.dumps(untyped(self), indent=2) + "\n"
        with naming(file):
            unfinished.write_text(text, encoding="utf-8", errors="backslashreplace")
            unfinished.replace(file)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """What lies in a submission's folder.

        Raises:
            HistoryError: the file cannot be read, or is of another format.
        """
        file = folder / SUBMISSION_FILE
        try:
            return typed(cls, json.loads(file.read_text(encoding="utf-8")))
        except OSError as error:
            raise HistoryError(f"Reading {file}: {error.strerror or error}. Grade the submission again.") from error
        except (ValueError, RecursionError, Refused) as error:
            raise HistoryError(f"Reading {file}: {error}. Grade the submission again.") from None


def is_there(folder: Path) -> bool:
    """Whether this is a submission's folder."""
    return (folder / SUBMISSION_FILE).is_file()
