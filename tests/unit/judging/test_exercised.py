"""A pass of nothing: each check says whether it saw what it judges, and whatever shows a verdict says so too."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace
from rich.console import Console
from taskguard.contract.contract import Failures
from taskguard.contract.draws import Draws
from taskguard.contract.terms import Terms
from taskguard.history import Event, History, SavedRun
from taskguard.judging.checks import CHECKS
from taskguard.judging.comparing import Graded, compare
from taskguard.judging.grading import grade
from taskguard.judging.guarantees import GUARANTEES
from taskguard.judging.verdict import Outcome, Verdict
from taskguard.reports.as_json import as_json
from taskguard.reports.as_junit import JUNIT_FILE, write_junit
from taskguard.reports.console import print_grade
from taskguard.reports.html.page import page_of
from taskguard.reports.html.rendering import render

from tests.terms import our_terms
from tests.unit.judging.batches import in_batches, whole
from tests.unit.judging.building import DEAD, EXPECTED, FIRST_TRY, SECOND_TRY, judge, missing, probed, run
from tests.unit.judging.test_saved_runs import MANIFEST

NOTHING_FAILED = run(FIRST_TRY, FIRST_TRY)
ALL = whole(FIRST_TRY, DEAD, SECOND_TRY)
HOLLOW = ("later_failure_rate", "independence")
"""What chance gave no occasion for: no right pipeline could help it."""
WANTED = ("refusals", "idempotency", "backoff", "partial_batches", "redrive", "dead_letter_log")
"""What the run has to exercise."""


def hollow(events: list[Event], terms: Terms = EXPECTED) -> list[str]:
    return [verdict.check for verdict in grade(History(events), terms).verdicts if verdict.is_hollow]


def test_a_run_that_has_everything_exercises_every_check() -> None:
    graded = grade(History(ALL), EXPECTED)
    assert graded.outcome is Outcome.PASS
    assert [verdict.check for verdict in graded.verdicts if not verdict.exercised] == []


def test_a_run_in_which_nothing_failed_exercises_no_check_of_failures() -> None:
    graded = grade(History(NOTHING_FAILED), EXPECTED)
    assert (graded.outcome, graded.exit_code) == (Outcome.UNKNOWN, 2)
    assert tuple(hollow(NOTHING_FAILED)) == HOLLOW
    unknown = {verdict.check: verdict for verdict in graded.verdicts if verdict.outcome is Outcome.UNKNOWN}
    assert set(unknown) == {*WANTED}
    for verdict in unknown.values():
        [finding] = verdict.findings
        assert not verdict.exercised
        assert finding.message.startswith("not exercised: ")
        assert ". To exercise it, " in finding.message


def test_what_was_not_exercised_and_is_unknown_for_another_reason_too_gives_that_reason_alone() -> None:
    verdict = judge("backoff", [*NOTHING_FAILED, missing("AttemptFailed")])
    assert (verdict.outcome, verdict.exercised) == (Outcome.UNKNOWN, False)
    assert [finding.message for finding in verdict.findings] == ["evidence missing from the recorder: a damaged line"]


@pytest.mark.parametrize(
    ("events", "exercised"),
    [
        (run(FIRST_TRY, SECOND_TRY), False),
        (in_batches(NOTHING_FAILED, 2), False),
        (in_batches(run(FIRST_TRY, SECOND_TRY), 2), True),
    ],
)
def test_neighbours_want_a_batch_of_several_with_a_failure_in_it(events: list[Event], exercised: bool) -> None:
    verdict = judge("partial_batches", events)
    outcome = Outcome.PASS if exercised else Outcome.UNKNOWN
    assert (verdict.outcome, verdict.exercised) == (outcome, exercised)


@pytest.mark.parametrize(("fate", "exercised"), [(SECOND_TRY, False), (DEAD, True)])
@pytest.mark.parametrize("check", ["redrive", "dead_letter_log"])
def test_deaths_want_a_task_that_died(check: str, fate: object, exercised: bool) -> None:
    verdict = judge(check, run(FIRST_TRY, fate))  # type: ignore[arg-type]
    outcome = Outcome.PASS if exercised else Outcome.UNKNOWN
    assert (verdict.outcome, verdict.exercised) == (outcome, exercised)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_where_nothing_is_left_to_chance_no_dependence_can_show(rate: float) -> None:
    assert "independence" in hollow(NOTHING_FAILED, our_terms(rate=rate))


def test_only_a_pass_is_hollow() -> None:
    verdict = judge("backoff", [*NOTHING_FAILED, missing("AttemptFailed")])
    assert (verdict.outcome, verdict.is_hollow, verdict.in_words) == (Outcome.UNKNOWN, False, "unknown")


@pytest.mark.parametrize(
    ("guarantee", "exercised"),
    [("charges", DEAD), ("dead_letters_logged", DEAD), ("never_early", SECOND_TRY), ("one_completion", SECOND_TRY)],
)
def test_so_it_is_with_guarantees(guarantee: str, exercised: object) -> None:
    def verdict(events: list[Event]) -> Verdict:
        return GUARANTEES[guarantee](History(events), EXPECTED)

    assert verdict(run(FIRST_TRY, exercised)).exercised  # type: ignore[arg-type]
    never = run(DEAD) if guarantee == "one_completion" else NOTHING_FAILED
    assert not verdict(never).exercised


def test_the_console_says_it_of_each_check() -> None:
    file, history = io.StringIO(), History(NOTHING_FAILED)
    print_grade(Console(file=file, width=80), grade(history, EXPECTED), history)
    text = file.getvalue()
    rows = [line.split()[3] for line in text.splitlines() if line.startswith("pass (not exercised)")]
    assert tuple(rows) == HOLLOW
    assert text.count("not exercised: ") == len(WANTED)
    assert f"UNKNOWN: {', '.join(WANTED)} (6 of 16 checks)" in " ".join(text.split())


def test_json_says_it_of_each_check() -> None:
    history = History(NOTHING_FAILED)
    checks = as_json(grade(history, EXPECTED), history, EXPECTED)["checks"]
    assert isinstance(checks, list)
    assert {each["check"]: each["exercised"] for each in checks} == {
        check: check not in (*HOLLOW, *WANTED) for check in CHECKS
    }


def test_junit_has_them_as_skipped_and_what_is_wanted_as_errors(tmp_path: Path) -> None:
    history = History(NOTHING_FAILED)
    write_junit(tmp_path, grade(history, EXPECTED), history, "localstack")
    [suite] = ET.parse(tmp_path / JUNIT_FILE).getroot()  # noqa: S314  # written a line ago
    skipped = {case.get("name"): case.find("skipped") for case in suite.iter("testcase")}
    # That of FIFO queues is not applicable.
    assert {name for name, found in skipped.items() if found is not None} == {*HOLLOW, "order"}
    assert suite.get("skipped") == str(len(HOLLOW) + 1)
    later = skipped["later_failure_rate"]
    assert later is not None
    assert later.get("message") == "not exercised: vacuous: no first attempt failed"
    assert tuple(case.get("name") for case in suite.iter("testcase") if case.find("error") is not None) == WANTED


def test_the_report_says_it_of_each_verdict_and_at_its_head() -> None:
    history = History(NOTHING_FAILED)
    page = page_of(grade(history, EXPECTED), history, MANIFEST)
    assert page.headline == "6 of 15 checks could not be judged, 1 not applicable"
    assert [verdict.check for verdict in page.verdicts if verdict.is_hollow] == list(HOLLOW)
    assert {each.check for each in page.verdicts if each.outcome is Outcome.UNKNOWN} == {*WANTED}
    text = render(page)
    assert text.count("not exercised: ") == len(WANTED)
    assert text.count("pass (not exercised)") == text.count('<details class="verdict pass hollow"') == len(HOLLOW)


def test_the_headline_of_a_run_that_passed_says_how_many_passed_of_nothing() -> None:
    # Where every attempt fails nothing is left to chance.
    events, terms = whole(DEAD, DEAD), our_terms(rate=1.0)
    history = History(events)
    graded = grade(history, terms)
    assert graded.outcome is Outcome.PASS, [each for each in graded.verdicts if each.outcome is not Outcome.PASS]
    assert hollow(events, terms) == ["independence"]
    assert (
        page_of(graded, history, MANIFEST).headline == "All 15 checks passed, 1 of them not exercised, 1 not applicable"
    )


def test_a_comparison_tells_a_pass_of_nothing_from_one_that_saw_something() -> None:
    def graded(events: list[Event]) -> Graded:
        history = History(events)
        return Graded(SavedRun(history=history, manifest=MANIFEST), grade(history, EXPECTED))

    apart = probed(run(FIRST_TRY, DEAD, SECOND_TRY))
    [difference] = compare(graded(ALL), graded(apart)).verdicts
    assert (difference.name, difference.one, difference.other) == ("partial_batches", "pass", "unknown")
    one, other = graded(whole(FIRST_TRY, SECOND_TRY)), graded(whole(FIRST_TRY, FIRST_TRY))
    differences = {each.name: (each.one, each.other) for each in compare(one, other).verdicts}
    assert differences["later_failure_rate"] == ("pass", "pass (not exercised)")
    assert differences["backoff"] == ("pass", "unknown")


def how(check: str, events: list[Event], terms: Terms) -> str:
    """What is said of how to exercise a check."""
    [finding] = judge(check, events, terms).findings
    return finding.message.partition("To exercise it, ")[2]


FAILING = ("backoff", "partial_batches", "redrive", "dead_letter_log")
DEMANDED = our_terms()
"""No seed, and failures at a rate of 0.3."""
NEVER = replace(DEMANDED, contract=replace(DEMANDED.contract, failures=None), draws=Draws())
"""No seed, and a service of which nobody says that it simulates failures."""
IN_BATCHES = in_batches(NOTHING_FAILED, 2)


@pytest.mark.parametrize("check", FAILING)
def test_with_a_seed_another_one_may_exercise_it(check: str) -> None:
    assert "another seed" in how(check, NOTHING_FAILED, EXPECTED)


@pytest.mark.parametrize("check", FAILING)
def test_without_a_seed_no_other_seed_is_asked_for(check: str) -> None:
    for terms in (DEMANDED, NEVER):
        for events in (NOTHING_FAILED, IN_BATCHES):
            assert "seed" not in how(check, events, terms)


@pytest.mark.parametrize(
    ("check", "number", "what"),
    [
        # 0.7 ** 20 is less than 0.001, and so is (1 - 0.3 ** 3) ** 253.
        ("backoff", 20, "some attempt has to fail"),
        ("partial_batches", 20, "a batch of several has to have a failure in it"),
        ("redrive", 253, "some task has to die"),
        ("dead_letter_log", 253, "some task has to die"),
    ],
)
def test_what_a_rate_gave_no_occasion_for_wants_so_many_tasks(check: str, number: int, what: str) -> None:
    assert how(check, IN_BATCHES, DEMANDED) == f"grade with --tasks {number} or more: {what}"
    enough = in_batches(run(*[FIRST_TRY] * number), 2)
    assert how(check, enough, DEMANDED).startswith("deploy the service so that it fails by itself")


@pytest.mark.parametrize("check", FAILING)
def test_what_never_fails_by_itself_is_to_be_deployed_so_that_it_does(check: str) -> None:
    said = how(check, IN_BATCHES, NEVER)
    assert said.startswith("deploy the service so that it fails by itself, since none of it did: ")
    assert said.endswith(
        'in taskguard.toml, as environment or parameters below [service], such as environment = { FAILURE_RATE = "0.3" }'
    )


def test_of_failures_per_task_nobody_knows_how_many_tasks_have_a_death() -> None:
    per_task = replace(DEMANDED, contract=replace(DEMANDED.contract, failures=Failures(rate=0.3, per="task")))
    assert how("backoff", IN_BATCHES, per_task).startswith("grade with --tasks 20 or more")
    assert how("redrive", IN_BATCHES, per_task).startswith("deploy the service so that")


def test_where_no_batch_had_several_messages_some_tasks_have_to_wait() -> None:
    wanted = "a batch of several has to have a failure in it"
    for terms in (DEMANDED, NEVER):
        said = how("partial_batches", NOTHING_FAILED, terms)
        assert said == f"grade with a target that lets tasks wait (localstack), and with --tasks 20 or more: {wanted}"
        said = how("partial_batches", run(*[FIRST_TRY] * 20), terms)
        assert said == f"grade with a target that lets tasks wait (localstack): {wanted}"
