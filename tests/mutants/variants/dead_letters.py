"""Pipelines whose dead tasks leave a wrong record in the log, or none."""

from __future__ import annotations

from tests.change import Change
from tests.mutants.variants.variant import Variant

_MONITOR = "handlers/monitor_dlq.py"
_LOGGED = '            _log("task dead-lettered", "TASK_DEAD_LETTER", _epitaph(record) | about)\n'
_PAYLOAD = '        "payload": exact_json.parse(record.payload_json),\n'


def _logged_wrong(
    name: str, sentence: str, *changes: tuple[str, str], message: str, real_time: bool = False
) -> Variant:
    return Variant(
        name=name,
        sentence=sentence,
        changes=tuple(Change(file=_MONITOR, old=old, new=new) for old, new in changes),
        caught_by=("dead_letter_log",),
        message=message,
        real_time=real_time,
    )


DEAD_LETTERS = (
    _logged_wrong(
        "log-without-payload",
        "the dead-letter log lacks the payload",
        (_PAYLOAD, ""),
        message="its dead-letter record lacks payload",
        real_time=True,
    ),
    _logged_wrong(
        "log-with-text-for-payload",
        "the dead-letter log has the payload as text instead of JSON",
        (_PAYLOAD, '        "payload": record.payload_json,\n'),
        message="in its dead-letter record payload is",
    ),
    _logged_wrong(
        "log-counts-wrong",
        "the dead-letter log counts one attempt too many",
        ('"attempts": record.last_attempt,', '"attempts": record.last_attempt + 1,'),
        message="attempts is 4, expected 3",
    ),
    _logged_wrong(
        "log-has-the-first-error",
        "the dead-letter log has the first attempt's error for the last one's",
        ('"lastError": record.last_error,', '"lastError": record.attempts[0].error,'),
        message="lastError is .* for its last failed attempt",
    ),
    _logged_wrong(
        "logs-twice",
        "logs each dead task twice",
        (_LOGGED, _LOGGED * 2),
        message="was logged as a dead letter 2 times",
    ),
    _logged_wrong(
        "log-under-another-name",
        "logs dead tasks as another event than the one that is looked for",
        (_LOGGED, _LOGGED.replace("TASK_DEAD_LETTER", "TASK_FAILED")),
        message="was dead-lettered and never logged",
    ),
    _logged_wrong(
        "log-created-when-logged",
        "the dead-letter log has its own time for the task's creation",
        ("import new_logger\n", "import new_logger, utc_now\n"),
        ('"createdAt": record.created_at,', '"createdAt": utc_now(),'),
        message="createdAt is .* after the task's first delivery",
    ),
    _logged_wrong(
        "log-failed-when-created",
        "the dead-letter log has the task's creation for its last failure",
        ('"failedAt": record.failed_at,', '"failedAt": record.created_at,'),
        message="failedAt is .* before the last failed attempt was delivered",
    ),
    _logged_wrong(
        "monitor-swallows-errors",
        "cannot read a payload that is not ASCII, and swallows its own error",
        (_PAYLOAD, '        "payload": exact_json.parse(record.payload_json.replace("\\\\u", "\\\\x")),\n'),
        (
            _LOGGED,
            f"""            try:
    {_LOGGED}            except exact_json.JsonError:
                pass
""",
        ),
        message="was dead-lettered and never logged",
    ),
)
