"""The gradebook for programs and spreadsheets: JSON, and CSV that no spreadsheet takes for a formula.

It must not know how rows are made.
"""

from __future__ import annotations

import csv
import io
import json

from taskguard.judging.earning import number
from taskguard.reports.gradebook.rows import Gradebook, Row
from taskguard.reports.plain import printable
from taskguard.reports.what_matters import MOST
from taskguard.support.json_values import Json

FORMAT_VERSION = 1
_FORMULA = ("=", "+", "-", "@")
"""How cells begin that a spreadsheet would calculate: https://owasp.org/www-community/attacks/CSV_Injection."""


def as_json(book: Gradebook) -> str:
    """The gradebook as JSON text; the same folders give the same, byte for byte."""
    document: dict[str, Json] = {
        "format_version": FORMAT_VERSION,
        "contract": list(book.demands),
        "counts": dict(sorted(book.counts.items())),
        "checks": [
            {
                "check": column.check,
                "points": column.worth,
                "claim": column.claim,
                "counts": {str(outcome): count for outcome, count in sorted(column.counts.items())},
            }
            for column in book.columns
        ],
        "submissions": [_row(row) for row in book.rows],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _row(row: Row) -> dict[str, Json]:
    return {
        "name": row.name,
        "end": str(row.end),
        "outcome": None if row.outcome is None else str(row.outcome),
        "points": None if row.points is None else row.points.earned,
        "of": None if row.points is None else row.points.of,
        "open": None if row.points is None else row.points.open,
        "look": list(row.why_look),
        "checks": {check: str(verdict.outcome) for check, verdict in row.verdicts.items()},
        "findings": [
            {"checks": list(said.checks), "outcome": str(said.outcome), "text": said.text} for said in row.findings
        ],
        "said": list(row.said),
        "report": row.report,
        "console": row.console,
    }


def as_csv(book: Gradebook) -> str:
    """The gradebook as CSV: a line for each submission; points that it has none of are empty."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\r\n")
    checks = [column.check for column in book.columns]
    lines.writerow(
        [
            "name",
            "result",
            "points",
            "of",
            "open",
            "look",
            *checks,
            *(f"finding {n + 1}" for n in range(MOST)),
            "report",
        ]
    )
    for row in book.rows:
        points = [] if row.points is None else [row.points.earned, row.points.of, row.points.open]
        said = [f"{', '.join(each.checks)}: {each.text}" for each in row.findings]
        if not row.findings and row.outcome is None:
            said = [" ".join([row.reason, *row.said])]
        cells = [
            row.name,
            row.result,
            *(map(number, points) if points else ["", "", ""]),
            " ".join(row.why_look),
            *(str(row.verdicts[check].outcome) if check in row.verdicts else "" for check in checks),
            *[*said, *[""] * MOST][:MOST],
            row.report or "",
        ]
        lines.writerow([cell(each) for each in cells])
    return written.getvalue()


def cell(text: str) -> str:
    """The text as one line that is shown, and never calculated."""
    line = printable(text)
    return f"'{line}" if line.lstrip().startswith(_FORMULA) else line
