"""What is learnt of the log: which record tells of a dead task, and which of its fields tell what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from taskguard.contract.dialect import Dialect
from taskguard.contract.learning.deaths import Death
from taskguard.contract.learning.learnt import Learnt, with_learnt
from taskguard.contract.learning.logs import words_of_log
from taskguard.support.json_values import Json

NAMES = st.text(st.characters(categories=["Ll"]), min_size=3, max_size=8)
AT = "2026-01-01T00:00:0{}+00:00"
AT_MS = 1_767_225_600_000.0


def record(number: int, **others: Json) -> dict[str, Json]:
    return {
        "level": "ERROR",
        "kind": "given-up",
        "job": f"t-{number}",
        "asked": {"number": number},
        "tries": 3,
        "since": AT.format(1),
        "ended": AT.format(5),
        "why": f"broken pipe {number}",
        **others,
    }


def death(number: int, *records: Mapping[str, Json], receives: int = 3, errors: Sequence[str] | None = None) -> Death:
    return Death(
        task_id=f"t-{number}",
        sent={"number": number},
        message_id=f"m-{number}",
        receives=receives,
        own=receives if errors is None else 0,
        created=(AT_MS, AT_MS + 2000),
        failed=(AT_MS + 4000, AT_MS + 6000),
        errors=(f"ERROR attempt failed: broken pipe {number}",) if errors is None else tuple(errors),
        records=records,
    )


def words(learnt: Sequence[Learnt]) -> dict[str, object]:
    return {each.key: each.value for each in learnt if each.is_certain}


def test_each_field_is_known_by_what_it_holds() -> None:
    learnt = words_of_log([death(n, record(n)) for n in (1, 2)], [{"level": "INFO", "kind": "done", "job": "t-7"}])
    assert words(learnt) == {
        "event": "kind",
        "value": "given-up",
        "task_id": "job",
        "payload": "asked",
        "attempts": "tries",
        "created_at": "since",
        "failed_at": "ended",
        "error": "why",
    }
    log = with_learnt(Dialect(), learnt).log
    assert log is not None
    assert log.name_of("error") == "why"


@settings(deadline=None, derandomize=True)
@given(event=NAMES, value=st.text(min_size=1), name=NAMES)
def test_any_field_may_tell_a_dead_tasks_record_from_others(event: str, value: str, name: str) -> None:
    if event == name:
        return
    deaths = [death(n, {event: value, name: f"t-{n}"}) for n in (1, 2)]
    learnt = words_of_log(deaths, [])
    if "event" in words(learnt):
        assert words(learnt)["task_id"] == name
    assert words(words_of_log(deaths, [{event: value}])) == {}


def test_what_others_have_too_or_a_logger_adds_tells_nothing() -> None:
    deaths = [death(n, record(n, service="monitor", message="A job was given up", stage="dev")) for n in (1, 2)]
    assert words(words_of_log(deaths, [{"stage": "dev"}]))["event"] == "kind"


def test_two_fields_that_both_tell_are_in_doubt() -> None:
    learnt = words_of_log([death(n, record(n, type="paper")) for n in (1, 2)], [])
    assert words(learnt) == {}
    assert learnt[0].candidates == ("kind = given-up", "type = paper")


def test_one_death_alone_tells_nothing_of_what_is_always_there() -> None:
    learnt = words_of_log([death(1, record(1))], [])
    assert (words(learnt), with_learnt(Dialect(), learnt).log) == ({}, None)


def test_a_wrong_number_of_attempts_is_not_learnt() -> None:
    learnt = words_of_log([death(n, record(n, tries=2)) for n in (1, 2)], [])
    assert "attempts" not in words(learnt)
    assert words(learnt)["event"] == "kind"


def test_a_payload_that_is_altered_in_one_record_is_known_by_the_other() -> None:
    learnt = words_of_log([death(1, record(1)), death(2, record(2, asked={"number": "two"}))], [])
    assert words(learnt)["payload"] == "asked"


def test_without_a_failure_of_its_own_no_field_is_the_error() -> None:
    learnt = words_of_log([death(n, record(n, cause=None), errors=()) for n in (1, 2)], [])
    (error,) = [each for each in learnt if each.key == "error"]
    assert (error.value, error.candidates) == (None, ("cause", "why"))


def test_the_only_text_left_is_the_error_if_it_is_called_so() -> None:
    def learnt_of(**others: Json) -> dict[str, object]:
        dead = [replace(death(n, record(n, **others), errors=()), own=3) for n in (1, 2)]
        return words(words_of_log(dead, []))

    assert learnt_of()["error"] == "why"
    assert learnt_of(why=None)["error"] == "why"
    assert "error" not in learnt_of(place="here")


def test_of_those_that_the_run_made_to_fail_the_number_of_attempts_may_be_the_functions_own() -> None:
    struck = [death(n, record(n, tries=0), errors=()) for n in (1, 2)]
    assert words(words_of_log(struck, []))["attempts"] == "tries"
    assert words(words_of_log([*struck, death(3, record(3))], []))["attempts"] == "tries"


def test_who_logs_nothing_teaches_nothing() -> None:
    assert words_of_log([death(1), death(2)], []) == ()


def test_of_several_that_tell_the_one_that_is_called_as_events_are_is_taken() -> None:
    learnt = words_of_log([death(n, record(n, status="LOST", error="the same")) for n in (1, 2)], [])
    assert words(learnt)["value"] == "given-up"
