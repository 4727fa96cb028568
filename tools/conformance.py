"""Tries the documented behaviours on each engine there is, and writes the tables of docs/engines.md: `make conformance`.

Names of columns as arguments choose some of them. A column that is not tried, or whose engine cannot be started (Docker's without a
daemon), stays as it was measured last.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskguard.conformance.behaviour import Behaviour, Outcome, Result
from taskguard.conformance.catalogue import ALL
from taskguard.conformance.running import try_all
from taskguard.conformance.table import in_short
from taskguard.errors import TaskGuardError
from taskguard.targets.base import Endpoint, Target
from taskguard.targets.localstack import LocalStack
from taskguard.targets.names import TargetName
from taskguard.targets.registry import TargetOptions, make

from tests.places import PLACES, PROJECT

PAGE = PROJECT / "docs" / "engines.md"
BEGIN, END = "<!-- conformance: begin, written by `make conformance` -->", "<!-- conformance: end -->"
NOT_RUN = "not run"
_SCALE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One engine: its versions, and the outcome of each behaviour by its id."""

    versions: str = NOT_RUN
    outcomes: Mapping[str, str]

    def count(self, outcome: Outcome) -> int:
        """How many came out so."""
        return Counter(self.outcomes.values())[outcome]


def _of(name: TargetName, scale: float = 1.0) -> Callable[[Path], Target[Any]]:
    return lambda folder: make(name, TargetOptions(folder=folder, cache=PLACES.cache, clock_scale=scale))


ENGINES: dict[str, Callable[[Path], Target[Any]]] = {
    "TaskGuard's engine": _of(TargetName.LOCALSTACK, _SCALE),
    "LocalStack as it comes": lambda folder: LocalStack(folder, cache=PLACES.cache, recording=False, as_it_comes=True),
    "LocalStack in Docker": _of(TargetName.DOCKER),
    "MiniStack": _of(TargetName.MINISTACK),
}


def main(asked: Sequence[str] = ()) -> int:
    """Measure the columns that are asked for, or all, and write the page."""
    if unknown := set(asked) - set(ENGINES):
        print(f"no column is called {', '.join(unknown)}; there are: {', '.join(ENGINES)}", file=sys.stderr)
        return 2
    for name, engine in ENGINES.items():
        if asked and name not in asked:
            continue
        try:
            measured = _measured(engine)
        except TaskGuardError as error:
            print(f"{name}: not run. {error}", file=sys.stderr)
            continue
        # Read as late as possible: other columns may be measured meanwhile.
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(written(page, ALL, read(page) | {name: measured}), encoding="utf-8")
    return 0


def _measured(engine: Callable[[Path], Target[Any]]) -> Column:
    with tempfile.TemporaryDirectory(prefix="taskguard-conformance-") as folder, engine(Path(folder)) as target:
        endpoint = target.start()
        results = try_all(ALL, endpoint, _tell)
    print(f"{versions_of(endpoint)}: {in_short(results)}")
    return Column(versions=versions_of(endpoint), outcomes={each.id: str(each.outcome) for each in results})


def _tell(result: Result) -> None:
    if result.outcome is not Outcome.RIGHT:
        print(f"  {result.id}: {result.outcome}: {result.seen}", flush=True)


def versions_of(endpoint: Endpoint) -> str:
    """The engine's own, and by whose clock it ran."""
    scale = f", clock scale {endpoint.clock.scale:g}" if endpoint.clock.scale != 1 else ""
    return ", ".join(f"{name} {version}" for name, version in endpoint.versions if name != "image id") + scale


def read(page: str) -> dict[str, Column]:
    """The columns that the page has."""
    tables = [_cells(text) for text in _between(page).strip().split("\n\n") if text.startswith("|")]
    if len(tables) != 2:
        return {}
    engines, behaviours = tables
    versions = {row[0]: row[1] for row in engines[2:]}
    heading, ids = behaviours[0], [_id(row[0]) for row in behaviours[2:]]
    return {
        name: Column(
            versions=versions.get(name, NOT_RUN),
            outcomes=dict(zip(ids, (row[number] for row in behaviours[2:]), strict=True)),
        )
        for number, name in enumerate(heading)
        if number
    }


def written(page: str, behaviours: Sequence[Behaviour], columns: Mapping[str, Column]) -> str:
    """The page with these columns, in the order of the engines."""
    shown = {name: columns.get(name, Column(outcomes={})) for name in ENGINES}
    engines = [["engine", "version", *map(str, Outcome)]]
    engines += [
        [name, each.versions, *(str(each.count(outcome)) for outcome in Outcome)] for name, each in shown.items()
    ]
    rows = [["behaviour", *shown]]
    rows += [
        [
            f"[{one.id}]({one.page}): {one.documented}".replace("|", "\\|"),
            *(each.outcomes.get(one.id, NOT_RUN) for each in shown.values()),
        ]
        for one in behaviours
    ]
    tables = f"\n\n{_markdown(engines)}\n\n{_markdown(rows)}\n\n"
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + tables + END + rest.partition(END)[2]


def _between(page: str) -> str:
    return page.partition(BEGIN)[2].partition(END)[0]


def _cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()]


def _id(cell: str) -> str:
    return cell.partition("[")[2].partition("]")[0]


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    heading, *others = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([heading, "|" + " --- |" * len(rows[0]), *others])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
