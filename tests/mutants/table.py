"""The table of a session's variants: who was caught by which check, with what words.

Rows come with the tests' reports, so that it works under pytest-xdist too. `.taskguard/mutants.md` keeps the last one, and
`.taskguard/mutants-in-real-time.md` that of sessions whose clock is the machine's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pytest

from tests.places import STATE

PROPERTY = "variant"
"""The name under which a test's report has its row, as JSON."""

_HEADINGS = ("variant", "what is wrong with it", "check", "verdict", "its finding", "from logs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table: what the meant check said of a variant, its finding, and what it said when it had only logs."""

    name: str
    sentence: str
    check: str
    outcome: str
    message: str
    from_logs: str


class VariantTable:
    """Collects the rows, as a pytest plugin of the session's first process, and writes them to the file ``name``."""

    def __init__(self, name: str = "mutants.md") -> None:
        self.rows: list[Row] = []
        self._name = name

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            found = (value for name, value in report.user_properties if name == PROPERTY)
            self.rows.extend(Row(**json.loads(str(value))) for value in found)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.rows:
            return
        path = STATE / self._name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_markdown(self.rows), encoding="utf-8")
        terminalreporter.section("broken pipelines")
        for row in self.rows:
            terminalreporter.line(f"{row.name:<34} {row.check} {row.outcome}, from logs {row.from_logs}: {row.message}")
        rejected = sum(row.outcome == "fail" for row in self.rows)
        terminalreporter.line(
            f"{rejected} of {len(self.rows)} rejected by the check that is meant for them; see {path}"
        )


def row_as_property(row: Row) -> tuple[str, str]:
    """What a test hands on with its report."""
    return PROPERTY, json.dumps(asdict(row))


def as_markdown(rows: Sequence[Row]) -> str:
    """The table, by the variants' names."""
    lines = [_line(_HEADINGS), _line(["---"] * len(_HEADINGS))]
    lines += [
        _line([row.name, row.sentence, f"`{row.check}`", row.outcome, row.message, row.from_logs])
        for row in sorted(rows, key=lambda row: row.name)
    ]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"
