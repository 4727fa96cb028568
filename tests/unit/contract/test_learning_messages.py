"""What is learnt of messages: where the id and the payload stand, whatever a service calls them and however deep."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from taskguard.contract.dialect import Dialect, MessageWords
from taskguard.contract.learning.learnt import Learnt, with_learnt
from taskguard.contract.learning.messages import Probe, otherwise_worded, with_their_bodies, words_of_messages
from taskguard.support.json_values import Json

IDS = ("marker-1", "marker-2", "marker-3")
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="."), min_size=1, max_size=8)
PATHS = st.lists(NAMES, min_size=1, max_size=4)
OTHERS = st.dictionaries(NAMES, st.none() | st.booleans() | st.integers() | st.text(max_size=8), max_size=4)


def payload(number: int) -> dict[str, Json]:
    return {"job": "wording", "marked": f"text-{number}"}


def probes(bodies: Sequence[Mapping[str, Any]], answers: Sequence[Any] = ()) -> list[Probe]:
    told = [*answers, *([None] * len(bodies))]
    return [
        Probe(task_id=IDS[number], sent=payload(number), answer=told[number], bodies=(json.dumps(body),))
        for number, body in enumerate(bodies)
    ]


def words(learnt: Sequence[Learnt]) -> dict[str, object]:
    return {each.place: each.value for each in learnt if each.is_certain}


def placed(document: dict[str, Json], path: Sequence[str], value: Json) -> dict[str, Json]:
    inner = document
    for name in path[:-1]:
        found: dict[str, Json] = {}
        inner[name] = found
        inner = found
    inner[path[-1]] = value
    return document


@settings(deadline=None, derandomize=True)
@given(path=PATHS, others=OTHERS)
def test_the_field_with_the_id_is_found_under_any_path_and_then_read(path: list[str], others: dict[str, Json]) -> None:
    bodies = [placed(dict(others), path, task_id) for task_id in IDS]
    learnt = words_of_messages(probes(bodies))
    dialect = with_learnt(Dialect(), learnt)
    assert dialect.message.id == ".".join(path)
    assert [dialect.message.read(json.dumps(body))[0] for body in bodies] == list(IDS)


@settings(deadline=None, derandomize=True)
@given(path=PATHS, body=OTHERS)
def test_a_payload_that_is_in_no_message_is_not_known(path: list[str], body: dict[str, Json]) -> None:
    learnt = words_of_messages(probes([placed(dict(body), path, task_id) for task_id in IDS]))
    assert "[message] payload" not in words(learnt)


def test_the_payload_is_known_by_its_marker_and_the_envelope_is_left_out() -> None:
    bodies = [
        {"version": "0", "detail-type": "t", "detail": {"order": {"number": task_id, "lines": payload(number)}}}
        for number, task_id in enumerate(IDS)
    ]
    assert words(words_of_messages(probes(bodies))) == {
        "[message] id": "order.number",
        "[message] payload": "order.lines",
    }


def test_an_id_in_two_fields_is_in_doubt_and_both_are_named() -> None:
    found = words_of_messages(probes([{"taskId": each, "trace": each} for each in IDS]))[0]
    assert (found.value, found.candidates, found.inconsistent) == (None, ("taskId", "trace"), False)


def test_an_id_that_is_now_here_and_now_there_is_inconsistent() -> None:
    found = words_of_messages(probes([{"taskId": IDS[0]}, {"task_id": IDS[1]}, {"taskId": IDS[2]}]))[0]
    assert (found.value, found.inconsistent) == (None, True)
    assert found.evidence == "of 3 messages the task's id is in taskId of 2, in task_id of 1"


def test_an_id_that_the_service_makes_is_known_by_answer_and_message() -> None:
    own = ["7a31", "9b22", "c0de"]
    bodies = [{"job": each, "at": "2026-01-01T00:00:00Z", "kind": "print"} for each in own]
    answers = [{"created": {"number": each}, "at": "2026-01-01T00:00:00Z", "kind": "print"} for each in own]
    assert words(words_of_messages(probes(bodies, answers))) == {
        "[ingress] id": "answer",
        "[ingress] id_field": "created.number",
        "[message] id": "job",
    }
    dialect = with_learnt(Dialect(), words_of_messages(probes(bodies, answers)))
    assert dialect.ingress.answered_id(answers[1]) == "9b22"


def test_what_every_answer_says_tells_no_message_of_one_task_from_another() -> None:
    bodies = [json.dumps({"orderId": each, "status": "PENDING"}) for each in IDS]
    asked = [Probe(task_id=f"asked-{each}", sent=None, answer={"orderId": each, "status": "PENDING"}) for each in IDS]
    found = with_their_bodies(asked, bodies)
    assert [each.bodies for each in found] == [(body,) for body in bodies]
    assert words(words_of_messages(found))["[message] id"] == "orderId"


def test_of_two_ids_that_the_service_makes_neither_is_taken() -> None:
    bodies = [{"job": f"j{n}", "trace": f"t{n}"} for n in range(3)]
    learnt = words_of_messages(probes(bodies, bodies))
    assert words(learnt) == {}
    assert learnt[0].candidates == ("job", "trace")


@settings(deadline=None, derandomize=True)
@given(bodies=st.lists(st.text() | OTHERS.map(json.dumps), max_size=3), answer=st.none() | OTHERS)
def test_any_messages_at_all_are_read_without_an_error(bodies: list[str], answer: Json) -> None:
    probe = Probe(task_id=IDS[0], sent="text", answer=answer, bodies=tuple(bodies))
    for each in words_of_messages([probe]):
        assert each.evidence
    other = Probe(task_id="other", sent=None, answer=None)
    assert with_their_bodies([other], bodies) == [other]


def test_what_is_stated_stays() -> None:
    stated = Dialect(message=MessageWords(id="mine"))
    learnt = [Learnt(table="message", key="id", value="taskId", evidence="seen")]
    assert with_learnt(stated, learnt) == stated


def test_a_message_that_has_the_id_elsewhere_is_told_of() -> None:
    bodies = {"a": ['{"taskId": "a"}', '{"job": {"id": "a"}}'], "b": ['{"taskId": "b"}'], "c": ["no JSON"]}
    found = otherwise_worded(bodies, "taskId")
    assert found is not None
    assert found.inconsistent
    assert found.candidates == ("taskId", "job.id")
    assert otherwise_worded({"b": bodies["b"]}, "taskId") is None
