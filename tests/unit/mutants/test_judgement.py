"""When a variant counts as rejected: by its own check, for its own reason, and by no other's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from taskguard.judging.grading import Grade
from taskguard.judging.verdict import Finding, Outcome, Verdict

from tests.mutants.judgement import faults, row
from tests.mutants.table import Row, VariantTable, as_markdown, row_as_property
from tests.mutants.variants import FromLogs, Variant

VARIANT = Variant(
    name="waits-long", sentence="waits | long", changes=(), caught_by=("backoff", "record"), message=r"waited \d+ s"
)
WAITED = "task t waited 9 s"


def graded(**outcomes: str) -> Grade:
    """A grade of these outcomes; what did not pass found that the task had waited."""
    return Grade(
        verdicts=tuple(
            Verdict(
                check=check,
                outcome=Outcome(outcome),
                claim="",
                expected="",
                observed="as observed",
                findings=() if outcome == "pass" else (Finding(task_id="t", message=WAITED),),
            )
            for check, outcome in outcomes.items()
        ),
        fates=(),
    )


GOOD = graded(backoff="fail", record="fail", redrive="pass")


def found(seen: Grade = GOOD, from_logs: Grade = GOOD, variant: Variant = VARIANT) -> list[str]:
    return list(faults(variant, seen, from_logs))


def test_rejected_by_its_check_alone_or_with_those_that_may() -> None:
    assert found() == []
    assert found(graded(backoff="fail", record="pass", redrive="unknown")) == []


def test_not_rejected_by_its_own_check() -> None:
    for outcome in ("pass", "unknown"):
        (fault,) = found(graded(backoff=outcome, record="fail", redrive="pass"))
        assert fault == f"backoff, which is meant for it, says {outcome}: as observed"


def test_rejected_for_another_reason() -> None:
    (fault,) = found(variant=replace(VARIANT, message="never came back"))
    assert fault == f"backoff fails without a finding like 'never came back'; it found '{WAITED}'"


def test_another_check_accuses_it_as_well() -> None:
    (fault,) = found(graded(backoff="fail", record="pass", redrive="fail"))
    assert fault == f"seen from outside, redrive fails too, which is not meant for it: {WAITED}"
    (fault,) = found(from_logs=graded(backoff="fail", record="pass", redrive="fail"))
    assert fault.startswith("from its logs alone, redrive fails too")


def test_passed_from_its_logs_is_right_only_where_they_do_not_tell() -> None:
    passed = graded(backoff="pass", record="pass", redrive="pass")
    assert found(from_logs=passed, variant=replace(VARIANT, from_logs=FromLogs.NOT_TOLD)) == []
    for expected in (FromLogs.REJECTED, FromLogs.UNKNOWN):
        (fault,) = found(from_logs=passed, variant=replace(VARIANT, from_logs=expected))
        assert fault == f"from its logs alone, backoff says pass; it was to be {expected}"


def test_unknown_from_its_logs_is_right_where_it_was_announced() -> None:
    unknown = graded(backoff="unknown", record="unknown", redrive="unknown")
    assert found(from_logs=unknown, variant=replace(VARIANT, from_logs=FromLogs.UNKNOWN)) == []
    assert found(from_logs=unknown) == ["from its logs alone, backoff says unknown; it was to be rejected"]


def test_a_row_has_the_finding_that_the_variant_is_meant_for() -> None:
    (backoff, *others) = GOOD.verdicts
    two = replace(backoff, findings=(Finding(task_id="u", message="something else"), *backoff.findings))
    seen = replace(GOOD, verdicts=(two, *others))
    assert row(VARIANT, seen, GOOD) == Row(
        name="waits-long",
        sentence="waits | long",
        check="backoff",
        outcome="fail",
        message=WAITED,
        from_logs="fail",
    )


def test_the_table_is_sorted_and_keeps_its_columns() -> None:
    made = row(VARIANT, GOOD, GOOD)
    lines = as_markdown([made, replace(made, name="a", message="two\nlines")]).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:4]] == ["| a", "| waits-long"]
    assert lines[2] == r"| a | waits \| long | `backoff` | fail | two lines | fail |"


def test_rows_come_with_reports_from_whatever_process() -> None:
    table, made = VariantTable(), row(VARIANT, GOOD, GOOD)
    for when in ("setup", "call", "teardown"):
        table.pytest_runtest_logreport(
            pytest.TestReport("id", ("f", 0, "id"), {}, "passed", None, when, user_properties=[row_as_property(made)])
        )
    assert table.rows == [made]
