"""Each finding names the place to look at, where what was seen names one: a setting of the template, or the function that was at work."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from taskguard.history import (
    AttemptFailed,
    AttemptLogged,
    DeadLetterLogged,
    Delivered,
    History,
    RecordChanged,
    TaskSubmitted,
)
from taskguard.judging.checks import CHECKS
from taskguard.judging.grading import grade, grade_run
from taskguard.judging.places import Place, of_batches, of_events, of_function, of_resource
from taskguard.reports.as_json import as_json
from taskguard.reports.html.page import page_of
from taskguard.reports.html.rendering import render

from tests.unit.judging.building import (
    CONFIGURATION,
    DEAD,
    EXPECTED,
    FIRST_TRY,
    SECOND_TRY,
    changed,
    judge,
    run,
    the,
    without,
)
from tests.unit.judging.reporting import manifest_of

EVENTS = run(FIRST_TRY, SECOND_TRY, DEAD)
WORK, DEAD_QUEUE = CONFIGURATION.queues
WORKER, MONITOR = CONFIGURATION.consumers
NAMED = {"logical_id": "Tasks"}


def with_work(**changes: Any) -> dict[str, Any]:
    return {"queues": (replace(WORK, **NAMED, **changes), DEAD_QUEUE), "store": "Records"}


def with_worker(**changes: Any) -> dict[str, Any]:
    return {"consumers": (replace(WORKER, **changes), MONITOR)}


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        (with_work(encrypted=False), "SqsManagedSseEnabled or KmsMasterKeyId of Tasks in the template"),
        (
            with_work(unencrypted_refused=False),
            "a policy that denies what comes without aws:SecureTransport of Tasks in",
        ),
        (with_work(max_receives=2), "RedrivePolicy.maxReceiveCount of Tasks in the template"),
        (with_work(max_receives=0), "RedrivePolicy of Tasks in the template"),
        (with_work(dead_letters_watched=False), "RedrivePolicy.deadLetterTargetArn of Tasks in the template"),
        (with_work(retention_seconds=20.0), "MessageRetentionPeriod of Tasks in the template"),
        (with_work(visibility_timeout_seconds=1.0), "VisibilityTimeout of Tasks in the template"),
        ({**with_work(), "store_encrypted": False}, "SSESpecification of Records in the template"),
        (with_worker(partial_batches=False), f"FunctionResponseTypes of the event source mapping of {WORKER.name} in"),
        (with_worker(enabled=False), f"Enabled of the event source mapping of {WORKER.name} in the template"),
    ],
)
def test_a_setting_that_is_wrong_is_named_as_the_template_has_it(changes: dict[str, Any], place: str) -> None:
    verdict = judge("configuration", changed(EVENTS, CONFIGURATION, **changes))
    assert verdict.findings[0].place is not None
    assert str(verdict.findings[0].place).startswith(place)


def test_without_the_template_s_name_the_queue_s_part_is_named() -> None:
    queues = (WORK, replace(DEAD_QUEUE, encrypted=False))
    [finding] = judge("configuration", changed(EVENTS, CONFIGURATION, queues=queues)).findings
    assert str(finding.place) == "SqsManagedSseEnabled or KmsMasterKeyId of the dead-letter queue in the template"


def test_what_an_attempt_did_is_looked_for_in_its_function() -> None:
    [delivered, *_] = [event for event in EVENTS if isinstance(event, Delivered)]
    submitted = the(EVENTS, TaskSubmitted)
    assert of_events([submitted, delivered], History(EVENTS)) == of_function(WORKER.name)
    assert of_events([submitted], History(EVENTS)) is None, "nobody was at work yet"


def test_a_death_after_another_number_of_receives_is_the_redrive_policy_s_where_that_says_so() -> None:
    events = [event for event in run(DEAD) if getattr(event, "receive_count", 0) < 3]
    [finding] = judge("redrive", changed(events, CONFIGURATION, **with_work(max_receives=2))).findings
    assert str(finding.place) == "RedrivePolicy.maxReceiveCount of Tasks in the template"
    [finding] = judge("redrive", events).findings
    assert finding.place is None, (
        "the policy is as it should be, and nothing was told of who was handed the dead letter"
    )


def test_without_partial_batches_the_setting_is_the_place_of_who_came_back_with_a_neighbour() -> None:
    alone = changed(EVENTS, CONFIGURATION, **with_worker(partial_batches=False, label="work"))
    assert (
        str(of_batches(History(alone))) == "FunctionResponseTypes of the event source mapping of work in the template"
    )
    assert of_batches(History(EVENTS)) is None


def test_who_was_at_work_when_a_record_was_changed_is_named() -> None:
    changes = [event for event in EVENTS if isinstance(event, RecordChanged)]
    submitted = the(EVENTS, TaskSubmitted)
    first, *_, last = (event for event in changes if event.task_id == submitted.task_id)
    assert of_events([last], History(EVENTS)) == of_function(WORKER.name)
    beside = replace(submitted, at_ms=last.at_ms - 1, answered_ms=last.at_ms + 1)
    assert of_events([last], History([*EVENTS, beside])) is None, "who took it in may have changed it, too"
    assert of_events([first], History(without(EVENTS, AttemptFailed))) is None


def test_who_should_have_logged_a_death_is_named() -> None:
    [finding, *_] = judge("dead_letter_log", without(EVENTS, DeadLetterLogged)).findings
    assert str(finding.place) == f"the function {MONITOR.name}"


def test_of_two_consumers_none_is_named_where_nobody_says_which() -> None:
    [delivered, *_] = [event for event in EVENTS if isinstance(event, Delivered)]
    several = (WORKER, replace(WORKER, name="another"), MONITOR)
    events = changed(EVENTS, CONFIGURATION, consumers=several)
    assert of_events([delivered], History(events)) is None
    logged = of_delivery(delivered)
    assert of_events([delivered, logged], History(events)) == of_function("another")


def of_delivery(delivered: Delivered) -> AttemptLogged:
    return AttemptLogged(
        at_ms=delivered.at_ms + 1,
        function="another",
        task_id=delivered.task_id,
        message_id=delivered.message_id,
        receive_count=delivered.receive_count,
        delivery_id=delivered.delivery_id,
        lines=("ERROR no such report", "at /var/task/work.py:7"),
    )


def test_what_that_very_invocation_logged_is_shown_beside_the_finding() -> None:
    failed = the(EVENTS, AttemptFailed)
    delivered = the(EVENTS, Delivered, where=lambda each: each.delivery_id == failed.delivery_id)
    # A backoff that is too short is a finding of this attempt.
    events = [*run(FIRST_TRY, SECOND_TRY, DEAD, late_ms=5000), of_delivery(delivered)]
    history = History(events)
    graded = grade(history, EXPECTED)
    document: Any = as_json(graded, history, EXPECTED)
    findings = document["times"]["checks"]["backoff"]["findings"]
    [log] = [each["log"] for each in findings if each["log"] is not None]
    assert log == {"of": f"another, receive {delivered.receive_count}", "lines": list(of_delivery(delivered).lines)}
    page = render(page_of(graded, history, manifest_of()))
    assert "no such report" in page
    assert f"Look at <bdi>the function {WORKER.name}</bdi>" in page
    assert {str(check) for check in document["times"]["checks"]} == {str(check) for check in CHECKS}


LINES = {"Tasks": "serverless.yml:7", "Tasks.RedrivePolicy": "serverless.yml:9", "work": "serverless.yml:3"}


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (
            of_resource("Tasks", "RedrivePolicy.maxReceiveCount"),
            "RedrivePolicy.maxReceiveCount of Tasks, serverless.yml:9",
        ),
        (of_resource("Tasks", "VisibilityTimeout"), "VisibilityTimeout of Tasks, serverless.yml:7"),
        (of_resource("Others", "VisibilityTimeout"), "VisibilityTimeout of Others in the template"),
        (of_function("work"), "the function work, serverless.yml:3"),
        (of_function("other"), "the function other"),
    ],
)
def test_a_place_is_told_with_the_line_of_the_template_that_is_nearest(place: Place, told: str) -> None:
    assert str(place.in_lines(LINES)) == told


def test_the_manifest_has_the_lines_of_a_run() -> None:
    events = changed(EVENTS, CONFIGURATION, **with_work(max_receives=2))
    lines = {"Tasks.RedrivePolicy.maxReceiveCount": "queues.yml:12"}
    graded = grade_run(History(events), manifest_of(template=lines))
    places = {str(finding.place) for verdict in graded.verdicts for finding in verdict.findings}
    assert "RedrivePolicy.maxReceiveCount of Tasks, queues.yml:12" in places
