"""What a service is expected to be graded: its `expected.toml`, read strictly, and how a grade differs from it.

Whatever is not named there passes. Of a check that fails it is said by which patterns its findings are to be known; each finding is
to match one of them, and each pattern a finding. Causes are known by patterns, too; whose file names none has none. So it is with what the engine did not make of the stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from taskguard.judging.checks import CHECKS
from taskguard.judging.grading import Grade
from taskguard.judging.verdict import Outcome, Verdict
from taskguard.support.typed import Strict, typed_toml

from tests.change import Change

OF_FIFO_QUEUES = ("order",)
"""The checks that speak of FIFO queues alone."""

OF_AN_API = ("refusals", "idempotency")
"""Those that speak of what a contract asks of the way in."""


class Expected(Strict, frozen=True, kw_only=True):
    """The file. `about` says in a sentence what is particular about the service; `of` names another one of which this one
    differs in the files in its folder and by `changes` alone. With `below` it is in that folder of the files. It is `fifo` when its work queue is, and its
    contract asks something of its `api` when that is said; with `redrive` its dead letters are put back once.
    What of it was `set_aside` at its deploy is known by patterns, one for each sentence. What a check is to have `told` is known by patterns, whatever its outcome: of what it observed, or of a finding. With `not_yet` the
    grade is not as it is said to be, for the reason that it gives."""

    about: str
    outcome: Outcome
    of: str | None = None
    below: str = ""
    changes: tuple[Change, ...] = ()
    tasks: int = 30
    fifo: bool = False
    api: bool = False
    redrive: bool = False
    fails: Mapping[str, tuple[str, ...]] = {}
    unknown: tuple[str, ...] = ()
    not_applicable: tuple[str, ...] = ()
    told: Mapping[str, tuple[str, ...]] = {}
    causes: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()
    not_yet: str | None = None

    def __post_init__(self) -> None:
        named = [*self.fails, *self.unknown, *self.not_applicable]
        if strange := {*named, *self.told} - {str(name) for name in CHECKS}:
            raise ValueError(f"there is no check {', '.join(sorted(strange))}")
        if len(named) != len(set(named)):
            raise ValueError("a check has one outcome")
        if not all(self.fails.values()):
            raise ValueError("of a check that fails, say what it finds")

    @classmethod
    def read(cls, folder: Path) -> Expected:
        """What is said in this folder."""
        return typed_toml(cls, (folder / "expected.toml").read_text(encoding="utf-8"))

    def outcome_of(self, check: str) -> Outcome:
        """How this check is to come out."""
        for outcome, names in (
            (Outcome.FAIL, self.fails),
            (Outcome.UNKNOWN, self.unknown),
            (Outcome.NOT_APPLICABLE, self.not_applicable),
        ):
            if check in names:
                return outcome
        is_asked = {**dict.fromkeys(OF_FIFO_QUEUES, self.fifo), **dict.fromkeys(OF_AN_API, self.api)}
        return Outcome.PASS if is_asked.get(check, True) else Outcome.NOT_APPLICABLE

    def differences(self, grade: Grade) -> Iterator[str]:
        """Each thing in which the grade is another one, as a sentence."""
        if grade.outcome is not self.outcome:
            yield f"the grade is {grade.outcome}, expected {self.outcome}"
        for verdict in grade.verdicts:
            expected, found = self.outcome_of(verdict.check), _findings(verdict)
            if verdict.outcome is not expected:
                yield f"{verdict.check}: {verdict.outcome}, expected {expected}. {verdict.observed}. {found[:3]}"
            elif expected is Outcome.FAIL:
                patterns = self.fails[verdict.check]
                yield from (
                    f"{verdict.check}: no finding has {pattern!r}: {found[:3]}"
                    for pattern in patterns
                    if not any(re.search(pattern, each) for each in found)
                )
                yield from (
                    f"{verdict.check}: unexpected: {each}"
                    for each in found
                    if not any(re.search(pattern, each) for pattern in patterns)
                )
            said = [verdict.observed, *found]
            yield from (
                f"{verdict.check}: nothing told has {pattern!r}: {said[:3]}"
                for pattern in self.told.get(verdict.check, ())
                if not any(re.search(pattern, each) for each in said)
            )
        causes = ["\n".join([each.in_words, *each.lines, each.effect_in_words]) for each in grade.causes]
        yield from unmatched(self.causes, causes, "cause")


def unmatched(patterns: Iterable[str], sentences: Iterable[str], what: str) -> Iterator[str]:
    """Each pattern that no sentence matches, and each sentence that matches none."""
    patterns, sentences = tuple(patterns), tuple(sentences)
    for pattern in patterns:
        if not any(re.search(pattern, each) for each in sentences):
            yield f"no {what} has {pattern!r}: {sentences}"
    for each in sentences:
        if not any(re.search(pattern, each) for pattern in patterns):
            yield f"unexpected {what}: {each}"


def _findings(verdict: Verdict) -> list[str]:
    return [finding.message for finding in verdict.findings]
