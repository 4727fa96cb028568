"""What a client reads back of a task by the API agrees with the task's record, or the check of records says why that is open."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from taskguard.contract.dialect import RecordWords
from taskguard.history import Event, RecordAnswered, RecordObserved, RunEnded
from taskguard.judging.verdict import Outcome, Verdict
from taskguard.support.json_values import Json

from tests.unit.judging.building import DEAD, EXPECTED, FIRST_TRY, SECOND_TRY, judge, run, the

EVENTS = run(FIRST_TRY, SECOND_TRY, DEAD)
RECORDS = sorted((each for each in EVENTS if isinstance(each, RecordObserved)), key=lambda each: each.task_id)
COMPLETED, _, DIED = RECORDS
AT_MS = the(EVENTS, RunEnded).at_ms - 1
LEARNT = RecordWords(key="taskId", status="status", completed=("COMPLETED",), dead=("DEAD_LETTER",))
"""As a run learns it: no payload, and no states but those that are final."""


def view(record: RecordObserved, **changes: Json) -> dict[str, Json]:
    return {"taskId": record.task_id, "status": record.status, "payload": record.payload, **changes}


def answered(record: RecordObserved, document: Json, status_code: int = 200) -> RecordAnswered:
    return RecordAnswered(at_ms=AT_MS, task_id=record.task_id, status_code=status_code, answer=document)


ALL_TOLD = [answered(record, view(record)) for record in RECORDS]


def told(*answers: RecordAnswered, words: RecordWords | None = None, events: list[Event] = EVENTS) -> Verdict:
    terms = EXPECTED
    if words is not None:
        terms = replace(terms, dialect=msgspec.structs.replace(terms.dialect, record=words))
    return judge("record", [*events, *answers], terms)


def with_others(answer: RecordAnswered) -> list[RecordAnswered]:
    """This answer, and right ones of the other tasks."""
    return [answer if each.task_id == answer.task_id else each for each in ALL_TOLD]


def only_message(verdict: Verdict, outcome: Outcome) -> str:
    assert verdict.outcome is outcome, verdict
    [finding] = verdict.findings
    return finding.message


def test_answers_as_the_records_have_it_agree_and_it_is_told_by_what_they_were_compared() -> None:
    verdict = told(*ALL_TOLD)
    assert verdict.outcome is Outcome.PASS
    assert verdict.observed == (
        "3 records read: 3 agree, 0 differ; of 3 answers of the API 3 tell the status in the record's words, 3 the payload, 3 the id"
    )


def test_where_nothing_was_read_back_nothing_is_told_of_it() -> None:
    assert told().observed == "3 records read: 3 agree, 0 differ"


@pytest.mark.parametrize("status_code", [404, 410, 500, 501, 502, 504])
def test_an_error_in_place_of_a_task_that_has_a_record_fails(status_code: int) -> None:
    verdict = told(answered(COMPLETED, {"message": "Internal server error"}, status_code))
    assert only_message(verdict, Outcome.FAIL) == (
        f"task {COMPLETED.task_id} has a record, and who asks the API for it gets HTTP {status_code}"
    )
    assert verdict.figures["differing"] == 1
    assert verdict.observed.startswith("3 records read: 2 agree, 1 differ; ")


@pytest.mark.parametrize(("status_code", "words"), [(0, "no answer"), (429, "HTTP 429"), (503, "HTTP 503")])
def test_who_could_not_be_asked_is_unknown(status_code: int, words: str) -> None:
    message = only_message(told(answered(COMPLETED, None, status_code)), Outcome.UNKNOWN)
    assert message == f"task {COMPLETED.task_id} could not be read back: {words}"


@pytest.mark.parametrize("status_code", [400, 401, 403, 405, 422])
def test_a_client_that_is_blamed_is_unknown_and_told_what_to_state(status_code: int) -> None:
    """Who may hand a task in need not be one who may ask for it, nor know how."""
    message = only_message(told(answered(COMPLETED, {"message": "Forbidden"}, status_code)), Outcome.UNKNOWN)
    assert message.startswith(
        f"task {COMPLETED.task_id} could not be read back: HTTP {status_code}. State what a request "
    )
    assert message.endswith("in taskguard.toml as headers below [ingress]")


@pytest.mark.parametrize(("status_code", "document"), [(200, {}), (200, []), (204, None)])
def test_an_empty_answer_is_unknown_in_whatever_words(status_code: int, document: Json) -> None:
    message = only_message(told(answered(COMPLETED, document, status_code), words=LEARNT), Outcome.UNKNOWN)
    assert message.endswith(f"has a record, and who asks the API for it gets nothing: HTTP {status_code}")


@pytest.mark.parametrize(
    ("status_code", "document"),
    [
        (200, {"result": {"state": "done"}}),
        (200, ["done"]),
        (200, None),
        (200, {"status": "done"}),
        (200, {"status": None, "payload": None}),
        (303, None),
        (301, None),
    ],
)
def test_an_answer_in_other_words_or_from_elsewhere_accuses_nobody_and_is_told(
    status_code: int, document: Json
) -> None:
    for words in (None, LEARNT):
        verdict = told(*(answered(each, document, status_code) for each in (COMPLETED, DIED)), words=words)
        assert verdict.outcome is Outcome.PASS, verdict
        assert verdict.observed.endswith(
            "; of 2 answers of the API 0 tell the status in the record's words, 0 the payload, 0 the id"
        )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": "DEAD_LETTER"}, "is told DEAD_LETTER, and its record says COMPLETED"),
        ({"payload": {}}, "is told another payload than was submitted, {}"),
        ({"payload": "no JSON"}, 'is told another payload than was submitted, "no JSON"'),
        ({"taskId": "another"}, "is told of task another"),
    ],
)
def test_what_is_told_otherwise_fails(changes: dict[str, Any], words: str) -> None:
    message = only_message(told(answered(COMPLETED, view(COMPLETED, **changes))), Outcome.FAIL)
    assert message == f"task {COMPLETED.task_id}: who asks the API for it {words}"


def test_a_payload_may_be_told_as_json_text() -> None:
    document = view(COMPLETED, payload=msgspec.json.encode(COMPLETED.payload).decode())
    assert told(answered(COMPLETED, document)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": "LOST"}, '"LOST" as its status'),
        ({"status": None}, "null as its status"),
        ({"payload": None}, "null as its payload"),
    ],
)
def test_what_is_not_told_as_of_others_in_the_same_state_is_unknown(changes: dict[str, Any], words: str) -> None:
    untold = answered(COMPLETED, view(COMPLETED, **changes))
    assert only_message(told(*with_others(untold)), Outcome.UNKNOWN) == (
        f"task {COMPLETED.task_id}: who asks the API for it is told {words}, which other tasks that are COMPLETED have as their "
        "records do"
    )
    # Of one other, which is dead, an API may speak otherwise.
    assert told(untold, answered(DIED, view(DIED))).outcome is Outcome.PASS


def test_a_status_that_is_left_out_and_told_of_others_is_unknown_and_a_payload_may_be_left_out() -> None:
    document = {name: value for name, value in view(COMPLETED).items() if name == "taskId"}
    message = only_message(told(*with_others(answered(COMPLETED, document))), Outcome.UNKNOWN)
    assert "is told nothing as its status" in message


def test_an_answer_from_before_the_record_was_changed_for_the_last_time_is_not_compared() -> None:
    early = replace(answered(DIED, None, 500), at_ms=DIED.at_ms - 1000)
    verdict = told(early)
    assert (verdict.outcome, verdict.observed) == (Outcome.PASS, told().observed)


def test_a_task_without_a_record_is_no_matter_of_what_the_api_says() -> None:
    events = [replace(each, status=None) if each is COMPLETED else each for each in EVENTS]
    message = only_message(told(answered(COMPLETED, None, 404), events=events), Outcome.FAIL)
    assert message == f"task {COMPLETED.task_id} was accepted and has no record"
