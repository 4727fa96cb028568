"""Runs judged by contracts that are not ours: what the stack itself says, waits that grow, a range of receives, other words."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from taskguard.contract.contract import Attempts, Contract, Failures
from taskguard.contract.dialect import RECORD, TASKGUARD, Dialect, RecordWords
from taskguard.contract.draws import Draws
from taskguard.contract.files import built_in
from taskguard.contract.terms import Terms
from taskguard.contract.waiting import Waiting
from taskguard.history import (
    AttemptSucceeded,
    BackoffRequested,
    ConfigurationObserved,
    DeadLettered,
    Delivered,
    Event,
    History,
    RecordChanged,
    RecordObserved,
)
from taskguard.judging.checks.asked import as_deployed
from taskguard.judging.grading import grade
from taskguard.judging.verdict import Outcome, Verdict

from tests.terms import our_terms
from tests.unit.judging.batches import whole
from tests.unit.judging.building import (
    CONFIGURATION,
    DEAD,
    EXPECTED,
    FIRST_TRY,
    SECOND_TRY,
    THIRD_TRY,
    altered,
    changed,
    judge,
    missing,
    run,
    the,
    with_the_other_outcome,
    without,
)

EVENTS = whole(FIRST_TRY, SECOND_TRY, DEAD)
AS_DEPLOYED = Terms(contract=built_in("as-deployed"), dialect=TASKGUARD)
HIDDEN_SECONDS = 5.0


def demanding(seed: str | None = None, dialect: Dialect = TASKGUARD, **demands: Any) -> Terms:
    """Terms that ask for this and nothing else."""
    return Terms(contract=Contract(**demands), dialect=dialect, draws=Draws(seed=seed))


def with_receives(number: int | None) -> list[Event]:
    work, dead = CONFIGURATION.queues
    return changed(EVENTS, CONFIGURATION, queues=(replace(work, max_receives=number), dead))


def hidden_for(seconds: float, events: list[Event] = EVENTS, *, asked_for: bool = False) -> list[Event]:
    """The run, in which nothing asks for a wait: each message comes back when its queue lets it."""
    work, dead = CONFIGURATION.queues
    kept = changed(events, CONFIGURATION, queues=(replace(work, visibility_timeout_seconds=seconds), dead))
    return kept if asked_for else without(kept, BackoffRequested)


def verdict_of(check: str, events: list[Event], terms: Terms) -> Verdict:
    """As a grade has it: what the contract leaves open is what the stack says."""
    return next(each for each in grade(History(events), terms).verdicts if each.check == check)


def test_our_pipeline_passes_all_that_every_queue_pipeline_owes() -> None:
    graded = grade(History(EVENTS), AS_DEPLOYED)
    assert graded.outcome is Outcome.PASS
    assert {each.check for each in graded.verdicts if each.outcome is Outcome.NOT_APPLICABLE} == {
        "refusals",
        "idempotency",
        "first_failure_rate",
        "later_failure_rate",
        "independence",
        "order",
        "dead_letter_log",
    }


def test_the_number_of_receives_is_what_the_redrive_policy_says() -> None:
    assert as_deployed(AS_DEPLOYED, History(EVENTS)).contract.attempts.most == 3
    right, wrong = (verdict_of("redrive", with_receives(number), AS_DEPLOYED) for number in (3, 2))
    assert (right.outcome, right.expected) == (
        Outcome.PASS,
        "dead-lettered after receives 1, 2, 3, each failed; never delivered again",
    )
    assert wrong.outcome is Outcome.FAIL
    assert wrong.findings[0].message.endswith("was delivered for the 3rd time, 2 are allowed")


def test_a_number_that_was_not_read_is_unknown_and_one_that_is_nowhere_is_not_applicable() -> None:
    unread = [*with_receives(None), missing("ConfigurationObserved")]
    assert verdict_of("redrive", unread, AS_DEPLOYED).outcome is Outcome.UNKNOWN
    assert verdict_of("redrive", without(EVENTS, ConfigurationObserved), AS_DEPLOYED).outcome is Outcome.UNKNOWN
    never = without(with_receives(0), DeadLettered)
    assert verdict_of("redrive", never, AS_DEPLOYED).outcome is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(("deployed", "most"), [(2, 2), (3, 3), (4, (2, 3)), (None, (2, 3))])
def test_of_a_range_the_number_that_is_deployed_counts_if_it_is_one_of_them(
    deployed: int | None, most: int | tuple[int, int]
) -> None:
    terms = demanding(attempts=Attempts(most=(2, 3)))
    assert as_deployed(terms, History(with_receives(deployed))).contract.attempts.most == most


def test_a_message_may_die_after_any_number_in_the_range() -> None:
    terms = demanding(attempts=Attempts(most=(2, 4)))
    found = judge("redrive", EVENTS, terms)
    assert (found.outcome, found.expected.split(",")[0]) == (Outcome.PASS, "dead-lettered after 2 to 4 receives")
    assert judge("redrive", EVENTS, demanding(attempts=Attempts(most=(4, 5)))).outcome is Outcome.FAIL
    assert judge("redrive", EVENTS, demanding(attempts=Attempts(most=(1, 2)))).outcome is Outcome.FAIL


def test_a_wait_that_was_asked_for_must_be_kept_whichever_it_is() -> None:
    terms = demanding(waiting=Waiting(constant="as-deployed"))
    request = the(EVENTS, BackoffRequested)
    assert judge("backoff", changed(EVENTS, request, delay_seconds=4.5), terms).outcome is Outcome.PASS
    broken = judge("backoff", changed(EVENTS, request, delay_seconds=7.0), terms)
    assert broken.outcome is Outcome.FAIL
    assert broken.findings[0].message.endswith("s too early")


def test_where_no_wait_is_demanded_it_is_said_how_long_the_queue_hides_what_nobody_asked_for() -> None:
    terms = demanding(waiting=Waiting(constant=0))
    found = judge("backoff", hidden_for(HIDDEN_SECONDS), terms)
    assert found.outcome is Outcome.FAIL
    words = f"asked for nothing, so its queue hides the message for {HIDDEN_SECONDS:g} s, expected 0 s"
    assert words in found.findings[0].message
    assert terms.contract.waiting.in_words() == "none: a message comes again at once after each failed attempt"


def test_a_wait_that_nobody_asked_for_is_the_queues_own_and_no_fault() -> None:
    terms = demanding(waiting=Waiting(constant="as-deployed"))
    assert judge("backoff", hidden_for(HIDDEN_SECONDS), terms).outcome is Outcome.PASS
    early = judge("backoff", hidden_for(90.0), terms)
    assert early.outcome is Outcome.UNKNOWN
    assert "its queue hides a message for 90 s; no request was seen that explains it" in early.findings[0].message
    unread = judge("backoff", without(EVENTS, BackoffRequested, ConfigurationObserved), terms)
    assert unread.findings[0].message.endswith("and how long its queue hides a message was not read")


def test_the_queues_own_timeout_is_a_wait_as_good_as_any_that_is_asked_for() -> None:
    terms = demanding(waiting=Waiting(constant=HIDDEN_SECONDS))
    events = run(FIRST_TRY, SECOND_TRY)
    assert judge("backoff", hidden_for(HIDDEN_SECONDS, events), terms).outcome is Outcome.PASS
    found = judge("backoff", hidden_for(90.0, events), terms)
    assert (found.outcome, found.findings[0].message) == (
        Outcome.FAIL,
        found.findings[0].message.split(":")[0] + ": attempt 1 asked for no backoff, expected 5 s",
    )


@pytest.mark.parametrize(
    ("rule", "outcome", "words"),
    [
        (Waiting(grows=2, first=5), Outcome.PASS, ""),
        (Waiting(first=1), Outcome.PASS, ""),
        (Waiting(grows=2, first=6), Outcome.FAIL, "asked for 5 s, expected 6 s or more"),
        (Waiting(grows=2.5), Outcome.FAIL, "asked for 10 s, expected 12.5 s or more"),
    ],
)
def test_waits_grow_by_the_factor_at_least(rule: Waiting, outcome: Outcome, words: str) -> None:
    found = judge("backoff", run(THIRD_TRY), demanding(waiting=rule))
    assert (found.outcome, words in "".join(finding.message for finding in found.findings)) == (outcome, True)


def test_a_wait_of_nothing_does_not_grow() -> None:
    for rule in (Waiting(grows=1.5), Waiting(grows=1)):
        found = judge("backoff", hidden_for(0.0, run(THIRD_TRY)), demanding(waiting=rule))
        assert found.outcome is Outcome.FAIL
        assert "was hidden by its queue for 0 s, expected 1 s or more" in found.findings[0].message


def test_waits_that_a_queue_makes_alike_do_not_grow() -> None:
    found = judge("backoff", hidden_for(5.0, run(THIRD_TRY)), demanding(waiting=Waiting(grows=1.5, first=1)))
    assert found.outcome is Outcome.FAIL
    assert "was hidden by its queue for 5 s, expected 7.5 s or more" in found.findings[0].message
    # A request that was not seen may explain it.
    unseen = [*hidden_for(5.0, run(THIRD_TRY)), missing("BackoffRequested")]
    assert judge("backoff", unseen, demanding(waiting=Waiting(grows=1.5, first=1))).outcome is Outcome.UNKNOWN


def test_the_last_attempt_owes_no_wait_where_the_contract_says_so() -> None:
    events = run(DEAD)
    third = the(events, BackoffRequested, 2)
    hasty = changed(events, third, delay_seconds=1.0)
    schedule: tuple[float, ...] = (5.0, 10.0, 20.0)
    owed, free = (
        demanding(attempts=Attempts(most=3), waiting=Waiting(schedule=schedule, last=last)) for last in ("owed", "free")
    )
    assert judge("backoff", hasty, owed).outcome is Outcome.FAIL
    assert judge("backoff", hasty, free).outcome is Outcome.PASS


def test_failures_by_task_are_tested_by_their_first_attempts_whatever_the_seed() -> None:
    by_task = demanding(seed="a seed", failures=Failures(rate=0.3, per="task"))
    found = judge("first_failure_rate", run(*[FIRST_TRY] * 30), by_task)
    assert "at significance" in found.expected
    assert judge("later_failure_rate", EVENTS, by_task).outcome is Outcome.NOT_APPLICABLE


def test_a_rate_cannot_be_tested_when_nobody_knows_how_many_attempts_there_could_be() -> None:
    unlimited = demanding(failures=Failures(rate=0.3))
    found = judge("later_failure_rate", EVENTS, unlimited)
    assert found.outcome is Outcome.UNKNOWN
    assert found.findings[0].message.startswith("after how many receives a message dies is not known")


def in_other_words(event: Event) -> Event:
    words = {"COMPLETED": "Done", "DEAD_LETTER": "Failed", "PENDING": "New", "PROCESSING": "Busy", "RETRYING": "Again"}
    if isinstance(event, RecordObserved):
        return replace(event, status=words[event.status or ""], payload=None, attempts=(), last_error=None)
    if isinstance(event, RecordChanged):
        return replace(event, status=words[event.status or ""], attempt=0, outcome=None)
    return event


OTHER = Dialect(record=RecordWords(key="id", status="state", completed=("Done", "Skipped"), dead=("Failed",)))


def test_a_record_in_other_words_is_judged_by_what_is_known_of_them_alone() -> None:
    events = [in_other_words(event) for event in EVENTS]
    terms = msgspec.structs.replace(our_terms("a seed"), dialect=msgspec.structs.replace(OTHER, log=TASKGUARD.log))
    for check in ("record", "transitions"):
        assert judge(check, events, terms).outcome is Outcome.PASS, check
    first = the(events, RecordObserved, where=lambda each: each.status == "Done")
    wrong = judge("record", changed(events, first, status="Failed"), terms)
    assert wrong.findings[0].message.endswith("its record says Failed, expected Done or Skipped")
    last = the(events, RecordChanged, where=lambda each: each.status == "Done")
    left = [*events, replace(last, at_ms=last.at_ms + 10, number=last.number + 1, status="Again", written_at_ms=None)]
    assert "which is final, and was left for Again" in judge("transitions", left, terms).findings[0].message


def test_without_a_record_of_attempts_no_neighbour_is_called_lost() -> None:
    events = run(FIRST_TRY, SECOND_TRY)
    first, second = the(events, Delivered), the(events, Delivered, 1)
    together = [
        altered(event, delivery_id=first.delivery_id)
        if getattr(event, "delivery_id", None) == second.delivery_id
        else event
        for event in events
    ]
    records = [
        replace(event, attempts=(), status="Busy") if isinstance(event, RecordObserved) else event for event in together
    ]
    assert judge("partial_batches", records, EXPECTED).outcome is Outcome.FAIL
    unseeded = Terms(contract=built_in("taskguard"), dialect=OTHER)
    assert judge("partial_batches", records, unseeded).outcome is not Outcome.FAIL


def test_a_draw_is_known_of_no_other_services_attempts() -> None:
    broken = with_the_other_outcome(EVENTS, the(EVENTS, AttemptSucceeded))
    assert judge("first_failure_rate", broken, EXPECTED).outcome is Outcome.FAIL
    assert judge("first_failure_rate", broken, AS_DEPLOYED).outcome is Outcome.NOT_APPLICABLE


def test_our_records_states_are_the_dialects_alone() -> None:
    assert RECORD.finals == ("COMPLETED", "DEAD_LETTER")
    assert RECORD.allows("RETRYING", "DEAD_LETTER")
    assert not RECORD.allows("DEAD_LETTER", "PENDING")


@pytest.mark.parametrize(
    ("counted", "outcome"), [(0, Outcome.FAIL), (1, Outcome.PASS), (2, Outcome.PASS), (3, Outcome.FAIL)]
)
def test_a_record_that_counts_its_attempts_is_held_against_those_that_were_seen(counted: int, outcome: Outcome) -> None:
    # Who counts retries, or failures, is one short.
    words = RecordWords(key="id", status="state", completed=("COMPLETED",), dead=("DEAD_LETTER",), attempts="tries")
    terms = msgspec.structs.replace(our_terms("a seed"), dialect=Dialect(record=words))
    twice = the(EVENTS, RecordObserved, where=lambda each: len(each.attempts) == 2)
    events = changed(EVENTS, twice, attempts=(), counted=counted, last_error=None)
    verdict = judge("record", events, terms)
    assert verdict.outcome is outcome, verdict
    if outcome is Outcome.FAIL:
        how_many = "0 attempts" if counted == 0 else "3 attempts"
        assert verdict.findings[0].message.endswith(f"its record counts {how_many}, seen were 2")
    if counted > 2:
        assert judge("record", [*events, missing("Delivered")], terms).outcome is Outcome.UNKNOWN
