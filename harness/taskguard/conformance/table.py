"""Results as rows, for people and for programs. It must not know where they are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from taskguard.conformance.behaviour import Behaviour, Outcome, Result
from taskguard.errors import ExitCode
from taskguard.support.json_values import Json
from taskguard.targets.base import Endpoint

FORMAT_VERSION = 2
"""Of what `--json` writes; rises whenever a field changes its meaning or goes."""


def exit_code(results: Sequence[Result]) -> int:
    """1 when a behaviour is wrong, else 2 when one could not be tried, else 0."""
    found = {each.outcome for each in results}
    if Outcome.WRONG in found:
        return ExitCode.FAILED
    return ExitCode.UNKNOWN if Outcome.NOT_TRIED in found else ExitCode.PASSED


def in_short(results: Sequence[Result]) -> str:
    """How many there are of each outcome, those that there are."""
    counts = Counter(each.outcome for each in results)
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome])


def rows(results: Sequence[Result]) -> list[tuple[str, str, str]]:
    """Id, outcome, and what was seen."""
    return [(each.id, str(each.outcome), each.seen) for each in results]


def as_json(behaviours: Sequence[Behaviour], results: Sequence[Result], endpoint: Endpoint) -> dict[str, Json]:
    """All that is known of each behaviour, and of the engine."""
    return {
        "format_version": FORMAT_VERSION,
        "target": endpoint.target,
        "versions": dict(endpoint.versions),
        "clock_scale": endpoint.clock.scale,
        "exit_code": exit_code(results),
        "behaviours": [
            {
                "id": one.id,
                "outcome": str(result.outcome),
                "seen": result.seen,
                "documented": one.documented,
                "page": one.page,
            }
            for one, result in zip(behaviours, results, strict=True)
        ],
    }
