"""Pipelines that are right as long as nobody asks: what only a run's probes show (docs/workload.md)."""

from __future__ import annotations

from tests.change import Change
from tests.mutants.loads import BACKLOG, PROBES, Load
from tests.mutants.variants.effects import ANY_CLAIM
from tests.mutants.variants.variant import FromLogs, Variant

_SUBMIT = "handlers/submit_task.py"
_REQUEST = "handlers/task_request.py"
_PROCESS = "handlers/process_task.py"
_GET = "handlers/get_task.py"

_METRICS = "metrics = Metrics(settings.stage(os.environ))\n"
_ACCEPT = "        task_id = message.task_id\n        # Before the message is sent: "
_ACCEPTED = (
    '        logger.info("task accepted", extra={**about, "again": again, "stored": existing is None})\n'
    '        return answers.ok(202, {"taskId": task_id})\n'
)
_PARSED = "        # Under an id of our own there can be nothing yet.\n"
_KNOWN = "        if known is None:\n            return self._accept(message)\n"
_UNSENT = '            return _unavailable("queue_unavailable", "The task may not be on the queue", task_id, failure)\n'
_ANSWER_KNOWN = '    logger.info("task id taken", extra={"taskId": task_id})\n'
_REFUSED = '            logger.info("request refused", extra={"error": refusal.code, "reason": str(refusal)})\n'
_TAKEN = '        about["taskId"] = task.task_id\n'
_WORK = "Work = Callable[[TaskMessage, int], None]\n"
_DONE = "            self.work(task, claim.attempt)\n"
_FOUND = "        if record is None:\n"


def _changed(file: str, old: str, new: str) -> Change:
    return Change(file=file, old=old, new=new)


def _before_accepting(code: str) -> Change:
    return _changed(_SUBMIT, _ACCEPT, f"{code}{_ACCEPT}")


def _claims_also(status: str) -> tuple[Change, ...]:
    """Any message may claim a task with this status, too."""
    store = "handlers/task_store.py"
    return (
        _changed(
            store,
            'condition=f"{condition}(#status = :pending',
            'condition=f"{condition}#status = :also OR (#status = :pending',
        ),
        _changed(
            store,
            '                ":pending": {"S": Status.PENDING},\n',
            f'                ":pending": {{"S": Status.PENDING}},\n                ":also": {{"S": Status.{status}}},\n',
        ),
    )


def _probed(
    name: str,
    sentence: str,
    *changes: Change,
    caught_by: tuple[str, ...],
    message: str,
    from_logs: FromLogs = FromLogs.REJECTED,
    load: Load = PROBES,
) -> Variant:
    return Variant(
        name=name,
        sentence=sentence,
        changes=changes,
        caught_by=caught_by,
        message=message,
        load=load,
        from_logs=from_logs,
    )


_WAYS_IN = (
    _probed(
        "answers-with-another-id",
        "answers with the task's id in capital letters",
        _changed(_SUBMIT, _ACCEPTED, _ACCEPTED.replace('{"taskId": task_id}', '{"taskId": task_id.upper()}')),
        caught_by=("ingress",),
        message="the answer speaks of task",
    ),
    _probed(
        "sends-a-minute-late",
        "sends each task with a delay of a minute",
        _changed(
            "handlers/task_queue.py",
            "QueueUrl=self._url, MessageBody=message.body())",
            "QueueUrl=self._url, MessageBody=message.body(), DelaySeconds=60)",
        ),
        caught_by=("ingress",),
        message=r"was first delivered \d+.* s after it could be, 15 s is allowed",
    ),
    _probed(
        "refuses-large-payloads",
        "calls a payload of more than 32 kB invalid",
        _before_accepting(
            "        if len(message.payload_json) > 32_000:\n"
            '            return answers.error(400, "too_long", "Too long.")\n'
        ),
        caught_by=("ingress",),
        message="of the probe size-64k, is valid and was refused with HTTP 400",
    ),
    _probed(
        "drops-large-payloads",
        "accepts a payload of more than 32 kB, and sends nothing",
        _before_accepting(
            "        if len(message.payload_json) > 32_000:\n"
            '            return answers.ok(202, {"taskId": message.task_id})\n'
        ),
        caught_by=("settlement", "record"),
        message="size-(64k|limit).* was neither completed nor dead-lettered",
    ),
    _probed(
        "hides-that-it-cannot-send",
        "answers 202 although the queue refused the task's message",
        _changed(_SUBMIT, _UNSENT, '            message_id = f"none: {failure}"\n'),
        caught_by=("settlement", "record"),
        message="send-is-refused.* was neither completed .* sqs.SendMessage .* refused .*The run refused the SendMessage of",
    ),
    _probed(
        "takes-what-it-could-not-send-for-known",
        "stores a task whose message the queue refused, answers 503, and sends nothing when it is handed in again",
        _changed(
            _SUBMIT, _UNSENT, f"            self.store.create(task_id, message.payload_json, created_at)\n{_UNSENT}"
        ),
        _changed(
            _SUBMIT,
            "        if known.status is not Status.PENDING or not _is_same(known, message):\n",
            "        if known:\n",
        ),
        caught_by=("settlement", "record"),
        message="send-is-refused.* was neither completed .* sqs.SendMessage .* refused .*The run refused the SendMessage of",
    ),
    _probed(
        "cuts-long-text",
        "keeps the first thousand characters of a text",
        _before_accepting(
            "        import re\n\n"
            '        cut = re.sub(r\'"([^"]{1000})[^"]*"\', r\'"\\1"\', message.payload_json)\n'
            "        message = replace(message, payload_json=cut)\n"
        ),
        caught_by=("settlement", "record"),
        message="was delivered with another payload than was submitted",
    ),
    _probed(
        "normalises-text",
        "composes the characters of a payload (NFC)",
        _before_accepting(
            "        import json, unicodedata\n\n"
            "        text = json.dumps(json.loads(message.payload_json), ensure_ascii=False)\n"
            '        composed = json.dumps(json.loads(unicodedata.normalize("NFC", text)), separators=(",", ":"))\n'
            "        message = replace(message, payload_json=composed)\n"
        ),
        caught_by=("settlement", "record"),
        message="text-not-normalised.* was delivered with another payload than was submitted",
    ),
    _probed(
        "one-task-for-a-payload",
        "takes two tasks with the same payload for one",
        _before_accepting(
            "        if message.payload_json in _payloads and not again:\n"
            '            return answers.ok(202, {"taskId": message.task_id})\n'
            "        _payloads.add(message.payload_json)\n"
        ),
        _changed(_SUBMIT, _METRICS, f"{_METRICS}_payloads: set[str] = set()\n"),
        caught_by=("settlement", "record", "idempotency"),
        message="(like|again)-.* was neither completed nor dead-lettered",
    ),
    _probed(
        "ids-without-case",
        "takes ids that differ in case for one",
        _before_accepting("        message = replace(message, task_id=message.task_id.lower())\n"),
        caught_by=("settlement", "ingress", "record", "transitions"),
        message="like-A.* was neither completed nor dead-lettered",
    ),
    _probed(
        "ids-without-their-end",
        "takes an id that begins another one for that one",
        _before_accepting('        message = replace(message, task_id=message.task_id.removesuffix("0"))\n'),
        caught_by=("settlement", "ingress", "record", "transitions"),
        message="like-10.* was neither completed nor dead-lettered",
    ),
)

_OF_DUPLICATES = ("effect", "settlement", "transitions", "record", "redrive", "dead_letter_log")

_AGAIN = (
    _probed(
        "works-again-when-completed",
        "sends a completed task that is handed in again, and does its work once more",
        *_claims_also("COMPLETED"),
        _changed(_SUBMIT, _KNOWN, _KNOWN.replace("known is None", "known is None or known.status is Status.COMPLETED")),
        caught_by=("idempotency", *_OF_DUPLICATES),
        message="again-when-completed.* (was completed|was worked on) 2 times.* when it was handed in again",
    ),
    _probed(
        "works-again-on-the-dead",
        "sends a dead-lettered task that is handed in again, and does its work",
        *_claims_also("DEAD_LETTER"),
        _changed(
            _SUBMIT, _KNOWN, _KNOWN.replace("known is None", "known is None or known.status is Status.DEAD_LETTER")
        ),
        caught_by=("idempotency", *_OF_DUPLICATES),
        message="dies-1.* was worked on after it had been dead-lettered|dies-1.* was dead-lettered 2 times",
    ),
    _probed(
        "works-twice-at-once",
        "does the work of each message that carries a task",
        ANY_CLAIM,
        caught_by=("idempotency", *_OF_DUPLICATES),
        message="again-.* (was completed|was worked on) 2 times.* when it was handed in again",
    ),
    _probed(
        "takes-another-payload",
        "answers 202 to another payload under an id that is taken, and drops it",
        _changed(_SUBMIT, _ANSWER_KNOWN, f'    return answers.ok(202, {{"taskId": task_id}})\n{_ANSWER_KNOWN}'),
        caught_by=("idempotency",),
        message="was accepted again with another payload, so one of the two is lost",
    ),
    _probed(
        "crashes-at-a-known-task",
        "fails with a server's error when a task is handed in that is under way",
        _changed(_SUBMIT, _KNOWN, f'{_KNOWN}        raise RuntimeError("known")\n'),
        caught_by=("idempotency",),
        message="was handed in again, and got HTTP 50",
    ),
)

_INVALID = (
    _probed(
        "takes-what-has-no-payload",
        "takes a request without a payload for a task with an empty one",
        _changed(_REQUEST, '    if "payload" not in value:\n', '    if value.setdefault("payload", {}) is None:\n'),
        caught_by=("refusals", "settlement"),
        message="it has no payload: it got HTTP 202, expected a 4xx",
    ),
    _probed(
        "crashes-at-no-json",
        "fails with a server's error when a request is no JSON",
        _changed(
            _REQUEST,
            '        raise BadRequest(400, error.code, f"The body is refused: {error}.") from None\n',
            "        raise\n",
        ),
        caught_by=("refusals",),
        message="its body is no JSON: it got HTTP 50",
    ),
    _probed(
        "sends-what-is-too-large",
        "lets the queue refuse what is too large for it, and calls that a failure of its own",
        _changed(_REQUEST, "    if size > LARGEST_BODY_BYTES:\n", "    if size > 10 * LARGEST_BODY_BYTES:\n"),
        caught_by=("refusals",),
        message="it is larger than its queue takes: it got HTTP 503",
    ),
    _probed(
        "stores-before-it-refuses",
        "refuses a request that is no task, and has stored it by then",
        _changed(
            _SUBMIT,
            _REFUSED,
            f'            self.store.create(str(uuid.uuid4()), body or "", self.now())\n{_REFUSED}',
        ),
        caught_by=("refusals",),
        message="and submitTask called dynamodb.PutItem",
        from_logs=FromLogs.NOT_TOLD,
    ),
)

_SEQUENCE = (
    _probed(
        "remembers-what-it-has-seen",
        "takes a message whose task its process has seen before for a duplicate, and acknowledges it",
        _changed(
            _PROCESS,
            _TAKEN,
            f"{_TAKEN}        if task.task_id in _seen:\n            return\n        _seen.add(task.task_id)\n",
        ),
        _changed(_PROCESS, _WORK, f"_seen: set[str] = set()\n{_WORK}"),
        caught_by=(
            "record",
            "settlement",
            "later_failure_rate",
            "independence",
            "dead_letter_log",
            "redrive",
            "partial_batches",
        ),
        message="was completed; its record says RETRYING, expected COMPLETED",
    ),
    _probed(
        "needs-what-its-process-has-seen",
        "keeps in its process's memory what the first attempt found, and fails where a retry does not find it there",
        _changed(
            _PROCESS,
            _DONE,
            "            if claim.attempt == 1:\n                _found.add(task.task_id)\n"
            f"            elif task.task_id not in _found:\n                raise KeyError(task.task_id)\n{_DONE}",
        ),
        _changed(_PROCESS, _WORK, f"_found: set[str] = set()\n{_WORK}"),
        caught_by=("later_failure_rate", "independence"),
        message="attempt [23] failed, and its draw .* says it should succeed",
        load=BACKLOG,
    ),
    _probed(
        "counts-attempts-in-memory",
        "counts a task's attempts in its process's memory, and backs off by that",
        _changed(
            _PROCESS,
            "        delay_seconds = self.backoff.delay_seconds(claim.attempt)\n",
            "        _failed[claim.task_id] = _failed.get(claim.task_id, 0) + 1\n"
            "        delay_seconds = self.backoff.delay_seconds(_failed[claim.task_id])\n",
        ),
        _changed(_PROCESS, _WORK, f"_failed: dict[str, int] = {{}}\n{_WORK}"),
        caught_by=("backoff",),
        load=PROBES,
        message="attempt 3 asked for 5 s, expected 20 s|attempt 2 asked for 5 s, expected 10 s",
    ),
    _probed(
        "claims-once",
        "takes a retry for a duplicate, since the task was claimed before its work, and acknowledges it",
        _changed(
            _PROCESS,
            '            raise KeepMessage\n        about = {**about, "status": record.status',
            '            return\n        about = {**about, "status": record.status',
        ),
        _changed(
            "handlers/task_store.py",
            '"OR (messageId = :message AND #status IN (:retrying, :processing) AND lastAttempt < :attempt)",',
            '"OR (messageId = :message AND #status IN (:retrying, :processing) AND lastAttempt > :attempt)",',
        ),
        caught_by=(
            "record",
            "later_failure_rate",
            "independence",
            "effect",
            "settlement",
            "redrive",
            "dead_letter_log",
        ),
        message="was completed; its record says RETRYING, expected COMPLETED",
    ),
    _probed(
        "gives-up-by-acknowledging",
        "acknowledges the third failed attempt, so that nothing reaches the dead-letter queue",
        _changed(
            _PROCESS,
            "            self._retry_later(claim, failure, delivery, about)\n        self._complete(claim, about)\n",
            "            try:\n                self._retry_later(claim, failure, delivery, about)\n"
            "            except KeepMessage:\n                if claim.attempt == 3:\n                    return\n"
            "                raise\n        self._complete(claim, about)\n",
        ),
        caught_by=("record", "later_failure_rate", "independence", "redrive", "dead_letter_log"),
        message="was completed; its record says RETRYING, expected COMPLETED",
    ),
)

_READ = (
    _probed(
        "shows-everything-as-completed",
        "tells whoever asks for a task that it is completed",
        _changed(_GET, '        "status": record.status,\n', '        "status": Status.COMPLETED,\n'),
        caught_by=("record",),
        message="who asks the API for it is told COMPLETED, and its record says DEAD_LETTER",
    ),
    _probed(
        "hides-the-dead",
        "knows nothing of a dead task when it is asked for",
        _changed(_GET, _FOUND, "        if record is None or record.status is Status.DEAD_LETTER:\n"),
        caught_by=("record",),
        message="has a record, and who asks the API for it gets HTTP 404",
    ),
    _probed(
        "get-crashes",
        "fails with a server's error whenever it is asked for a task",
        _changed(_GET, _FOUND, f'        raise RuntimeError("never tried")\n{_FOUND}'),
        caught_by=("record",),
        message="has a record, and who asks the API for it gets HTTP 50",
    ),
    _probed(
        "shows-another-payload",
        "shows a task with an empty payload when it is asked for",
        _changed(_GET, '        "payload": exact_json.parse(record.payload_json),\n', '        "payload": {},\n'),
        caught_by=("record",),
        message="who asks the API for it is told another payload than was submitted",
    ),
)

PROBED = (*_WAYS_IN, *_AGAIN, *_INVALID, *_SEQUENCE, *_READ)
