"""What a run learns by what its engine recorded: of the messages of the first probes, and of what was logged of tasks that died."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from taskguard.contract.contract import Contract
from taskguard.contract.dialect import TASKGUARD, Dialect, IngressWords
from taskguard.contract.terms import Terms
from taskguard.evidence.dead_letters import LineOf
from taskguard.evidence.log_lines import LogLine
from taskguard.evidence.recorder.recording import Call, Recording
from taskguard.history import AttemptFailed, DeadLettered, Delivered, Event, TaskSubmitted
from taskguard.ingress.client import Answer
from taskguard.ingress.load import Load, load_of
from taskguard.ingress.workload import Task
from taskguard.run.learning import Learning, can_learn

from tests.unit.taskguard.fake_aws import Fakes
from tests.unit.taskguard.recorder_lines import STACK as WITH_TABLE

STACK = replace(WITH_TABLE, table=None)
UNSTATED = Dialect()
LOAD = load_of("seed", 4, Terms(contract=Contract(), dialect=UNSTATED))
PROBES = LOAD.tasks[: LOAD.wording]


def learning(dialect: Dialect = UNSTATED, load: Load = LOAD) -> Learning:
    return Learning(Fakes(), STACK, dialect, load, log=True)


def sent(body: dict[str, Any]) -> Call:
    return Call(
        function="api",
        request_id="r",
        service="sqs",
        operation="SendMessage",
        parameters={"QueueUrl": STACK.work_queue.url, "MessageBody": json.dumps(body)},
        status=200,
        error_code=None,
        refused_entries=frozenset(),
        started_at_ms=1,
        ended_at_ms=2,
    )


def submitted(task: Task, own_id: str | None = None) -> tuple[TaskSubmitted, Answer]:
    event = TaskSubmitted(
        at_ms=1, answered_ms=2, task_id=task.task_id, payload=task.payload, accepted=True, status_code=202
    )
    document = {"job": own_id} if own_id is not None else {}
    return event, Answer(status_code=202, text=json.dumps(document), document=document)


def test_the_words_of_messages_are_known_before_any_work_begins() -> None:
    bodies = [{"letter": {"key": each.task_id, "text": each.payload}} for each in PROBES]
    seen, learns = Recording(calls=[sent(body) for body in bodies]), learning()
    answers = learns.of_first([submitted(each) for each in PROBES], lambda: seen)
    assert [each.task_id for each in answers] == [each.task_id for each in PROBES]
    assert (learns.dialect.message.id, learns.dialect.message.payload) == ("letter.key", "letter.text")


def test_ids_that_the_service_makes_are_those_of_its_answers() -> None:
    own = ["0a1", "0b2", "0c3"]
    calls = [sent({"job": own_id, "asked": each.payload}) for own_id, each in zip(own, PROBES, strict=True)]
    learns = learning()
    asked = [submitted(each, own_id) for own_id, each in zip(own, PROBES, strict=True)]
    answers = learns.of_first(asked, lambda: Recording(calls=calls))
    assert [(each.task_id, each.answered_id) for each in answers] == [(each, each) for each in own]
    assert learns.dialect.ingress.id_field == "job"


def test_where_no_message_was_seen_nothing_is_learnt_of_them() -> None:
    learns = learning()
    assert len(learns.of_first([submitted(each) for each in PROBES], Recording)) == len(PROBES)
    assert (learns.learnt, learns.dialect) == ((), UNSTATED)


def died(task: Task) -> list[Event]:
    ids: dict[str, Any] = {"task_id": task.task_id, "message_id": f"m-{task.task_id}"}
    of_delivery = {**ids, "receive_count": 1, "delivery_id": f"w-{task.task_id}"}
    return [
        submitted(task)[0],
        Delivered(at_ms=3, payload={}, **of_delivery),
        AttemptFailed(at_ms=4, reason="", **of_delivery),
        DeadLettered(at_ms=5, payload={}, delivery_ids=(f"d-{task.task_id}",), **ids),
    ]


def line(text: str, delivery_id: str) -> LineOf:
    return LineOf(LogLine(group="g", stream="s", at_ms=9, message=text), delivery_id)


def test_the_words_of_the_log_are_those_of_who_was_handed_the_dead_letters() -> None:
    events = [event for task in PROBES for event in died(task)]
    said = [line(json.dumps({"kind": "tried", "job": each.task_id}), f"w-{each.task_id}") for each in PROBES]
    said += [
        line(json.dumps({"kind": "lost", "job": each.task_id, "tries": 1}), f"d-{each.task_id}") for each in PROBES
    ]
    learn = learning().words_of_log(events)
    assert callable(learn)
    words = learn(said)
    assert words is not None
    assert (words.event, words.value, words.task_id, words.attempts) == ("kind", "lost", "job", "tries")


def test_there_is_nothing_to_learn_of_who_stated_all_nor_where_nothing_is_recorded(tmp_path: Any) -> None:
    stated = load_of("seed", 4, Terms(contract=Contract(), dialect=TASKGUARD))
    recorded = Fakes(recording=tmp_path)
    assert can_learn(recorded, STACK, UNSTATED, LOAD)
    assert not can_learn(recorded, STACK, TASKGUARD, stated)
    assert not can_learn(Fakes(), STACK, UNSTATED, LOAD)


def test_probes_are_handed_in_only_for_words_that_nobody_stated() -> None:
    assert [each.probe for each in PROBES] == ["wording"] * 3
    for dialect in (TASKGUARD, Dialect(ingress=IngressWords(route="queue"))):
        assert load_of("seed", 4, Terms(contract=Contract(), dialect=dialect)).wording == 0


def test_that_nothing_names_a_dead_task_is_seen_where_only_those_who_worked_on_it_speak() -> None:
    events = [event for task in PROBES for event in died(task)]
    attempts = [line(f"trying {each.task_id}", f"w-{each.task_id}") for each in PROBES]
    learns = learning()
    learn = learns.words_of_log(events)
    assert callable(learn)
    assert learn(attempts) is None
    assert [each.untold for each in learns.learnt] == [tuple(each.task_id for each in PROBES)]
    # One that is named by somebody, in whatever way, is not passed over in silence.
    assert learn([*attempts, line(f"what of {PROBES[0].task_id}?", "d-other")]) is None
    assert learns.learnt == ()
