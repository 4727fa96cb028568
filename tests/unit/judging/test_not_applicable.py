"""What nothing asks for, or the stack has no part for, is not applicable; what is asked for and was not seen is unknown."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from rich.console import Console
from taskguard.contract.contract import Attempts, Contract, DeadLetter, Failures, Weight
from taskguard.contract.dialect import TASKGUARD, Dialect
from taskguard.contract.files import built_in
from taskguard.contract.terms import Terms
from taskguard.contract.waiting import Waiting
from taskguard.history import (
    ConfigurationObserved,
    DeadLetterLogged,
    Event,
    History,
    QueueDepth,
    RecordChanged,
    RecordObserved,
)
from taskguard.judging.checks import CHECKS
from taskguard.judging.comparing import Graded, compare
from taskguard.judging.grading import Grade, grade
from taskguard.judging.guarantees import GUARANTEES
from taskguard.judging.verdict import Outcome, Verdict
from taskguard.reports.as_json import as_json
from taskguard.reports.as_junit import as_junit
from taskguard.reports.console import print_grade
from taskguard.reports.html.page import page_of
from taskguard.reports.html.rendering import render

from tests.terms import demanding, four_values, our_terms
from tests.unit.judging.batches import whole
from tests.unit.judging.building import (
    CONFIGURATION,
    DEAD,
    EXPECTED,
    FIRST_TRY,
    SECOND_TRY,
    judge,
    missing,
    queue_settings,
    without,
)
from tests.unit.judging.reporting import manifest_of

EVENTS = whole(FIRST_TRY, SECOND_TRY, DEAD)
_, MONITOR = CONFIGURATION.consumers
WITHOUT_A_TABLE = replace(CONFIGURATION, table=False, store_encrypted=None)
WITHOUT_A_MONITOR = replace(CONFIGURATION, consumers=CONFIGURATION.consumers[:1], dead_letter_consumer=False)
WITHOUT_A_DEAD_LETTER_QUEUE = replace(
    CONFIGURATION,
    queues=(queue_settings("work"),),
    consumers=CONFIGURATION.consumers[:1],
    dead_letter_queue=False,
    dead_letter_consumer=False,
)


def on(configuration: ConfigurationObserved, *gone: type[Event], events: Iterable[Event] = EVENTS) -> list[Event]:
    """A run on a stack that is set up so."""
    return [*without(events, CONFIGURATION, *gone), configuration]


def asking(**demands: Any) -> Terms:
    return msgspec.structs.replace(EXPECTED, contract=demanding(**demands))


def of(checks: Grade, outcome: Outcome) -> list[str]:
    return [verdict.check for verdict in checks.verdicts if verdict.outcome is outcome]


def verdict(outcome: Outcome, check: str = "a check") -> Verdict:
    return Verdict(check=check, outcome=outcome, claim="It holds.", expected="so", observed="as is")


@pytest.mark.parametrize(
    ("check", "terms", "why"),
    [
        ("first_failure_rate", asking(failures=None), "the contract asks for no simulated failures"),
        ("later_failure_rate", asking(failures=None), "the contract asks for no simulated failures"),
        ("independence", asking(failures=None), "the contract asks for no simulated failures"),
        (
            "later_failure_rate",
            asking(failures=Failures(rate=0.3, per="task")),
            "the contract says how many tasks fail, and nothing of their later attempts",
        ),
        ("backoff", asking(waiting=Waiting()), "the contract asks for no waits"),
        (
            "redrive",
            asking(attempts=Attempts(), waiting=Waiting()),
            "neither the contract nor the stack says after how many receives a message dies",
        ),
        ("dead_letter_log", asking(dead_letter=DeadLetter()), "the contract asks for no log of dead letters"),
    ],
)
def test_what_the_contract_does_not_ask_for_is_not_applicable(check: str, terms: Terms, why: str) -> None:
    found = judge(check, EVENTS, terms)
    assert (found.outcome, found.observed, found.expected, found.findings) == (
        Outcome.NOT_APPLICABLE,
        why,
        "nothing",
        (),
    )
    assert found.claim == judge(check, EVENTS).claim


@pytest.mark.parametrize(
    ("check", "configuration", "why"),
    [
        ("record", WITHOUT_A_TABLE, "the stack has no table"),
        ("transitions", WITHOUT_A_TABLE, "the stack has no table"),
        ("dead_letter_log", WITHOUT_A_MONITOR, "the dead-letter queue has no consumer"),
        ("dead_letter_log", WITHOUT_A_DEAD_LETTER_QUEUE, "the stack has no dead-letter queue"),
    ],
)
def test_what_the_stack_has_no_part_for_is_not_applicable(
    check: str, configuration: ConfigurationObserved, why: str
) -> None:
    found = judge(check, on(configuration, RecordObserved, RecordChanged, DeadLetterLogged))
    assert (found.outcome, found.observed) == (Outcome.NOT_APPLICABLE, why)


@pytest.mark.parametrize("check", ["record", "transitions", "dead_letter_log"])
@pytest.mark.parametrize("told", [None, True])
def test_what_was_not_seen_is_never_not_applicable(check: str, told: bool | None) -> None:
    # Neither that nothing was seen nor that nobody looked for the part says that there is none.
    observed = replace(CONFIGURATION, table=told, dead_letter_queue=told, dead_letter_consumer=told)
    for events in (
        without(EVENTS, ConfigurationObserved, RecordObserved, RecordChanged, DeadLetterLogged),
        [*on(observed, RecordObserved, RecordChanged, DeadLetterLogged), missing("DeadLetterLogged")],
    ):
        assert judge(check, [*events, missing("DeadLetterLogged")]).outcome is Outcome.UNKNOWN


def test_a_stack_that_lacks_what_the_contract_needs_fails_all_the_same() -> None:
    for configuration in (WITHOUT_A_MONITOR, WITHOUT_A_DEAD_LETTER_QUEUE):
        graded = grade(History(on(configuration, DeadLetterLogged)), EXPECTED)
        assert "dead_letter_log" in of(graded, Outcome.NOT_APPLICABLE)
        assert "configuration" in of(graded, Outcome.FAIL)


def test_a_service_of_which_no_word_is_known_is_judged_by_its_messages_alone() -> None:
    terms = Terms(contract=built_in("as-deployed"), dialect=Dialect())
    graded = grade(History(without(EVENTS, RecordObserved, RecordChanged, DeadLetterLogged)), terms)
    assert of(graded, Outcome.NOT_APPLICABLE) == [
        "refusals",
        "idempotency",
        "first_failure_rate",
        "later_failure_rate",
        "independence",
        "order",
        "dead_letter_log",
        "record",
        "transitions",
    ]
    assert set(of(graded, Outcome.PASS)) == {*CHECKS} - {*of(graded, Outcome.NOT_APPLICABLE)}
    assert graded.outcome is Outcome.PASS


def test_a_dead_letter_queue_that_nothing_consumes_need_not_be_empty() -> None:
    full = [
        replace(event, visible=1) if isinstance(event, QueueDepth) and event.queue == "dead-letter" else event
        for event in on(WITHOUT_A_MONITOR)
    ]
    assert judge("settlement", full).outcome is Outcome.PASS
    assert judge("settlement", [*without(full, WITHOUT_A_MONITOR), CONFIGURATION]).outcome is Outcome.UNKNOWN


def test_a_log_in_words_that_nobody_knows_is_unknown() -> None:
    unknown = msgspec.structs.replace(EXPECTED, dialect=msgspec.structs.replace(TASKGUARD, log=None))
    assert judge("dead_letter_log", EVENTS, unknown).outcome is Outcome.UNKNOWN
    assert TASKGUARD.log is not None
    words = msgspec.structs.replace(TASKGUARD.log, error=None)
    partly = msgspec.structs.replace(EXPECTED, dialect=msgspec.structs.replace(TASKGUARD, log=words))
    found = judge("dead_letter_log", EVENTS, partly)
    assert (found.outcome, found.findings[0].message) == (
        Outcome.UNKNOWN,
        "what the service's log calls error of a dead task is not known",
    )


@pytest.mark.parametrize(
    ("guarantee", "outcome"),
    [
        ("settles_once", Outcome.UNKNOWN),
        ("one_completion", Outcome.UNKNOWN),
        ("nothing_stuck", Outcome.PASS),
        ("charges", Outcome.PASS),
        ("never_early", Outcome.PASS),
    ],
)
def test_a_guarantee_that_is_told_by_records_is_unknown_without_any(guarantee: str, outcome: Outcome) -> None:
    events = on(WITHOUT_A_TABLE, RecordObserved, RecordChanged)
    assert GUARANTEES[guarantee](History(events), EXPECTED).outcome is outcome


def test_guarantees_that_nothing_asks_for_are_not_applicable() -> None:
    bare = Terms(contract=Contract(), dialect=TASKGUARD)
    for guarantee in ("charges", "dead_letters_logged"):
        assert GUARANTEES[guarantee](History(EVENTS), bare).outcome is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("outcomes", "expected", "exit_code"),
    [
        ("PASS NOT_APPLICABLE", "PASS", 0),
        ("NOT_APPLICABLE FAIL PASS", "FAIL", 1),
        ("NOT_APPLICABLE FAIL UNKNOWN", "FAIL", 1),
        ("PASS UNKNOWN NOT_APPLICABLE", "UNKNOWN", 2),
        ("NOT_APPLICABLE", "UNKNOWN", 2),
        ("", "UNKNOWN", 2),
    ],
)
def test_what_is_not_applicable_decides_nothing_and_no_grade_passes_by_it_alone(
    outcomes: str, expected: str, exit_code: int
) -> None:
    graded = Grade(verdicts=tuple(verdict(Outcome[each]) for each in outcomes.split()), fates=())
    assert (graded.outcome, graded.exit_code) == (Outcome[expected], exit_code)


def reported() -> tuple[Grade, History, Terms]:
    terms = asking(failures=None)
    history = History(EVENTS)
    return grade(history, terms), history, terms


def test_json_has_the_outcome_and_the_reason() -> None:
    document = json.loads(json.dumps(as_json(*reported())))
    found = {check["check"]: check for check in document["checks"]}["independence"]
    assert (found["outcome"], found["observed"]) == ("not applicable", "the contract asks for no simulated failures")
    assert "not applicable" in Path("docs/grade.schema.json").read_text()


def test_junit_skips_it_with_the_reason() -> None:
    graded, history, _ = reported()
    suite = as_junit(graded, history, "localstack").getroot()[0]
    skipped = suite.findall("testcase[@name='independence']/skipped")
    assert [each.get("message") for each in skipped] == ["not applicable: the contract asks for no simulated failures"]
    assert (suite.get("skipped"), suite.get("errors"), suite.get("failures")) == ("4", "0", "0")


def test_the_console_and_the_page_name_it_and_find_nothing_wrong() -> None:
    graded, history, terms = reported()
    console = Console(width=200, record=True)
    print_grade(console, graded, history)
    text = console.export_text()
    assert "not applicable" in text
    assert "independence: not applicable." not in text
    html = render(page_of(graded, history, manifest_of(terms)))
    assert 'class="verdict not-applicable" id="check-independence">' in html
    assert 'href="#badge-not-applicable"' in html
    assert "All 12 checks passed, 4 not applicable" in html


def test_advice_is_told_by_console_junit_and_page_though_the_check_passed() -> None:
    settings = msgspec.structs.replace(EXPECTED.contract.settings, tls=Weight.ADVICE)
    terms = asking(settings=settings)
    open_queue = replace(CONFIGURATION, queues=(replace(CONFIGURATION.queues[0], unencrypted_refused=False),))
    history = History(on(replace(open_queue, queues=(*open_queue.queues, CONFIGURATION.queues[1]))))
    graded = grade(history, terms)
    assert graded.outcome is Outcome.PASS
    console = Console(width=200, record=True)
    print_grade(console, graded, history)
    advice = "advised otherwise: the work queue does not refuse unencrypted transport"
    assert advice in console.export_text()
    case = as_junit(graded, history, "here").getroot()[0].find("testcase[@name='configuration']/system-out")
    assert case is not None
    assert advice in (case.text or "")
    assert advice in render(page_of(graded, history, manifest_of(terms)))


def test_a_comparison_tells_a_check_that_is_applicable_in_one_run_alone() -> None:
    graded, history, terms = reported()
    one = Graded(run=_saved(history, terms), grade=graded)
    other = Graded(run=_saved(history, our_terms("a seed")), grade=grade(history, EXPECTED))
    found = {difference.name: (difference.one, difference.other) for difference in compare(one, other).verdicts}
    assert found["independence"] == ("not applicable", "pass")


def _saved(history: History, terms: Terms) -> Any:
    from taskguard.history import SavedRun

    return SavedRun(history=history, manifest=msgspec.structs.replace(manifest_of(), **four_values(terms)))


@pytest.mark.parametrize("check", ["refusals", "idempotency"])
def test_what_is_asked_of_an_api_is_not_applicable_where_tasks_are_sent_to_the_queue(check: str) -> None:
    events = [replace(each, api=False) if isinstance(each, ConfigurationObserved) else each for each in EVENTS]
    verdict = judge(check, events)
    assert (verdict.outcome, verdict.observed) == (
        Outcome.NOT_APPLICABLE,
        "tasks are sent to the work queue itself, by no API",
    )
    # Where that was not read, there may be one.
    assert judge(check, without(EVENTS, ConfigurationObserved)).outcome is not Outcome.NOT_APPLICABLE
