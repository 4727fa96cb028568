"""Event source mappings of FIFO queues: order, groups apart from each other, retries."""

from __future__ import annotations

from collections import Counter

from taskguard.conformance.behaviour import behaviour, expect
from taskguard.conformance.behaviours.batches import FAIL, at_once
from taskguard.conformance.context import Context, in_good_time
from taskguard.conformance.functions import Run
from taskguard.conformance.pages import lambda_guide, sqs_guide

_SCALING = lambda_guide("services-sqs-scaling")
_LOGIC = sqs_guide("FIFO-queues-understanding-logic")
_PARTIAL = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


@behaviour("fifo-mapping-order", "Messages of a group reach the function in order.", _SCALING)
def order(context: Context) -> None:
    queue, function, sent = context.queue(fifo=True), context.function(), [str(n) for n in range(6)]
    queue.send_all(sent, group="a")
    context.map(queue, function, BatchSize=2)
    got = [body for run in function.wait_for_bodies(6) for body in run.bodies]
    expect(got == sent, f"they came as {got}")


@behaviour(
    "fifo-record", "A record of a FIFO queue has group, deduplication id and sequence number.", lambda_guide("with-sqs")
)
def record(context: Context) -> None:
    queue, function = context.queue(fifo=True), context.function()
    context.map(queue, function)
    sent = queue.send(group="a", MessageDeduplicationId="one")
    got = function.wait_for()[0].records[0]["attributes"]
    expected = {"MessageGroupId": "a", "MessageDeduplicationId": "one", "SequenceNumber": sent["SequenceNumber"]}
    found = {name: got.get(name) for name in expected}
    expect(found == expected, f"the record has {found}")


@behaviour(
    "fifo-failure-holds-its-group",
    "All retries of a message come before later messages of its group.",
    _SCALING,
    seconds=50,
)
def failure_holds(context: Context) -> None:
    function = context.function(f"if bodies == ['1'] and count_of(records[0]) < 3: {FAIL}")
    queue = context.queue(fifo=True, VisibilityTimeout=10)
    queue.send_all(["1", "2"], group="a")
    context.map(queue, function, BatchSize=1)
    got = [body for run in function.wait_for(4) for body in run.bodies]
    expect(got == ["1", "1", "1", "2"], f"they came as {got}")


@behaviour(
    "fifo-groups-at-once", "Groups are processed at once: as many as there are, unless a setting limits it.", _SCALING
)
def groups_at_once(context: Context) -> None:
    source = "time.sleep(1.5)\nreport(run=context.aws_request_id, end=time.time())"
    queue, function = context.queue(fifo=True, VisibilityTimeout=200), context.function(source)
    for group in "abcd":
        queue.send(group, group=group)
    context.map(queue, function, BatchSize=1)
    function.wait_until(lambda: len(function.reports) >= 4, "the end of run 4")
    most = at_once(function)
    expect(most >= 2, f"of four groups {most} was under way at once")


@behaviour("fifo-one-group-at-a-time", "Of one group there is one run at a time.", _SCALING)
def one_at_a_time(context: Context) -> None:
    source = "time.sleep(1)\nreport(run=context.aws_request_id, end=time.time())"
    queue, function = context.queue(fifo=True, VisibilityTimeout=200), context.function(source)
    queue.send_all(["1", "2", "3"], group="a")
    context.map(queue, function, BatchSize=1)
    function.wait_until(lambda: len(function.reports) >= 3, "the end of run 3")
    most = at_once(function)
    expect(most == 1, f"{most} were under way at once")


def _beside_a_failing_group(context: Context, source: str, **options: object) -> None:
    (queue, dead), function = context.with_dead_letters(2, fifo=True, VisibilityTimeout=10), context.function(source)
    for group, body in (("a", "bad"), ("b", "b1"), ("b", "b2"), ("c", "c1")):
        queue.send(body, group=group)
    context.map(queue, function, BatchSize=10, **options)
    (moved,) = dead.take()
    expect(moved["Body"] == "bad", f"{moved['Body']} was dead-lettered, which never failed")
    function.wait_for_bodies(5)
    context.wait_until(lambda: sum(queue.counts()) == 0, "messages of other groups are in the queue still")
    function.look()
    runs = Counter(body for run in function.runs for body in run.bodies)
    expect(runs["bad"] == 2, f"the dead letter ran {runs['bad']} times of 2")
    missing = [body for body in ("b1", "b2", "c1") if not runs[body]]
    expect(not missing, f"{missing} never ran")
    expect(not (more := dead.receive()), f"{[each['Body'] for each in more]} were dead-lettered as well")


@behaviour("fifo-failing-group-leaves-others", "A group that fails leaves other groups alone.", _LOGIC, seconds=60)
def leaves_others(context: Context) -> None:
    source = "return {'batchItemFailures': [{'itemIdentifier': r['messageId']} for r in records if r['body'] == 'bad']}"
    _beside_a_failing_group(context, source, **_PARTIAL)


@behaviour(
    "fifo-dead-letter-has-run",
    "A message of a FIFO queue is moved after maxReceiveCount runs, not without one.",
    _LOGIC,
    seconds=60,
)
def dead_letter_has_run(context: Context) -> None:
    (queue, dead), function = context.with_dead_letters(2, fifo=True, VisibilityTimeout=10), context.function(FAIL)
    for group in "abc":
        queue.send(group, group=group)
    context.map(queue, function, BatchSize=10)
    dead.take(3)
    function.look()
    runs = Counter(body for run in function.runs for body in run.bodies)
    expect(
        set(runs.values()) == {2} and len(runs) == 3, f"of three dead letters, the runs were {dict(runs)}, of 2 each"
    )


@behaviour(
    "fifo-backoff-beside-a-hidden-message",
    "A message comes back when its timeout is over, also while one of another group is hidden for long.",
    _LOGIC,
    seconds=90,
    alone=True,
)
def backoff_beside(context: Context) -> None:
    source = f"n = count_of(records[0])\nif n < 4:\n    hide(records[0], (0, 5, 10, 20)[n])\n    {FAIL}"
    queue, function = context.queue(fifo=True, VisibilityTimeout=600), context.function(source)
    queue.send("hidden", group="long")
    (hidden,) = queue.wait_for()
    queue.hide(hidden, 70)
    queue.send("tried", group="short")
    context.map(queue, function)

    def tried() -> list[Run]:
        return [run for run in function.runs if run.bodies == ["tried"]]

    function.wait_until(lambda: len(tried()) >= 4, "run 4")
    runs = tried()
    expect(
        [run.receive_counts for run in runs] == [[1], [2], [3], [4]],
        f"its receives were {[r.receive_counts for r in runs]}",
    )
    for before, after, asked in zip(runs, runs[1:], (5, 10, 20), strict=False):
        in_good_time(after.at - before.at, asked)
