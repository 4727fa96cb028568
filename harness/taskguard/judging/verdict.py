"""Verdicts: what a check answers, and how it came to it.

Three outcomes, as in Jepsen: a property holds, is violated, or cannot be judged for want of evidence; and a fourth, that nothing is
claimed. This module must not know any property.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from taskguard.support.json_values import Json


class Outcome(StrEnum):
    """How a check came out. *Not applicable* means that nothing is claimed: the contract does not ask for it, or the stack has no such
    part. It never follows from missing evidence."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not applicable"


NOT_EXERCISED = "not exercised"
"""What a pass is called whose claim speaks of what did not happen in the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a check found wrong, could not judge, or advises.

    `task_id` is None when it concerns no task or all of them. `message` is a sentence that a stranger understands.
    `events` are the indexes, in the history, of the events that show it.
    """

    task_id: str | None
    message: str
    events: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer of one check about one history.

    `claim` is the property as a sentence; `expected` and `observed` say what it asks for and what was there. Neither
    they nor `figures` hold measured times, so that two runs of one seed give the same; measured times are in
    `measured` and in the findings. All findings are kept: whoever shows them chooses how many. It was `exercised` when
    something was seen of what the claim speaks of; else it holds of nothing.
    """

    check: str
    outcome: Outcome
    claim: str
    expected: str
    observed: str
    findings: tuple[Finding, ...] = ()
    figures: Mapping[str, Json] = field(default_factory=dict)
    measured: Mapping[str, Json] = field(default_factory=dict)
    exercised: bool = True

    @property
    def is_hollow(self) -> bool:
        """Whether it passed of nothing."""
        return self.outcome is Outcome.PASS and not self.exercised

    @property
    def in_words(self) -> str:
        """The outcome; of a pass of nothing, that it is one."""
        return f"{self.outcome} ({NOT_EXERCISED})" if self.is_hollow else str(self.outcome)
