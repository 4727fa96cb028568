"""The dialect of a service: by which words it speaks of tasks, in messages, in records, in logs.

The one mapping between a service's own names and History's. What a service has not, or nobody knows, is none: it is not read, and
nothing is claimed of it. It must not know what is demanded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import chain
from typing import Any, Final, Literal

import msgspec

from taskguard.contract.contract import LogField
from taskguard.contract.ids import USUAL_IDS, answered_id_in, id_in
from taskguard.contract.log_text import FIELD, facts_of
from taskguard.support.envelopes import carried, value_at
from taskguard.support.json_values import Json
from taskguard.support.typed import Strict


def field_of(fields: Mapping[str, Any], name: str | None) -> Any:
    """What is in a field; none where it is not there, or has no name in the dialect."""
    return None if name is None else fields.get(name)


_USUAL_PAYLOAD = "payload"
_PLACEHOLDER, _ENVIRONMENT = re.compile(r"\$\{(\w*)\}"), re.compile(r"\$\{env:(\w+)\}")
_PLACEHOLDERS = ("id", "payload", "text")
_ROUTE = re.compile(r"queue|(GET|POST|PUT|PATCH|DELETE|ANY) /\S*")
_ANY_ID = "any-id"


class IngressWords(Strict, frozen=True, kw_only=True):
    """The request that hands in a task, and its answer.

    In `body`, `${id}` stands for the task's id, `${payload}` for its payload as JSON, and `${text}` for a text of that, as it stands between
    quotes. `route` is the one that is meant (none: the only one), as `PUT /tasks/${id}`, or `queue`; `headers` are sent with each request, in
    which `${env:NAME}` stands for a variable of the environment, so that what is secret is in no file. The answer has taken the task with a
    status of `accepted`, or any 2xx where that is empty. The task's `id` is in the request; or the service makes it, and it is in `id_field` of
    its JSON answer (none: whichever is usual).
    """

    route: str | None = None
    headers: Mapping[str, str] = {}
    body: str = '{"taskId": "${id}", "payload": ${payload}}'
    accepted: tuple[int, ...] = ()
    id: Literal["request", "answer"] = "request"
    id_field: str | None = None

    def __post_init__(self) -> None:
        if self.route is not None and not _ROUTE.fullmatch(self.route):
            raise ValueError(f'route: expected a method and a path, as "POST /tasks", or "queue", found "{self.route}"')
        stated = {"body": self.body, "route": self.route or "", **{f"headers.{k}": v for k, v in self.headers.items()}}
        found = {place: _PLACEHOLDER.findall(text) for place, text in stated.items()}
        for place, names in found.items():
            known = _PLACEHOLDERS if place == "body" else ("id",)
            for name in names:
                if name not in known:
                    raise ValueError(f"{place}: there is no ${{{name}}}; there is {', '.join(known)}")
        if self.id == "request" and "id" not in chain.from_iterable(found.values()):
            raise ValueError(
                'body has no ${id}: say where the task\'s id is (in body, route or headers), or id = "answer" if the service makes it'
            )
        if self.id == "request" and self.id_field is not None:
            raise ValueError('id_field is of an answer: say id = "answer", or leave it out')

    @property
    def states_body(self) -> bool:
        """Whether the body is another than the one that is taken where nobody states any."""
        return self.body != IngressWords().body

    def filled(self, task_id: str, payload: Json) -> str:
        """The body that hands in this task."""
        text = json.dumps(_text_of(payload))[1:-1]
        known = {"id": json.dumps(task_id)[1:-1], "payload": json.dumps(payload), "text": text}
        return _PLACEHOLDER.sub(lambda found: known[found[1]], self.body)

    def headers_of(self, task_id: str, environment: Mapping[str, str]) -> Mapping[str, str]:
        """What is sent as headers with this task.

        Raises:
            KeyError: the ``environment`` lacks a variable; its name.
        """
        told = {name: _PLACEHOLDER.sub(task_id, text) for name, text in self.headers.items()}
        return {name: _ENVIRONMENT.sub(lambda found: environment[found[1]], text) for name, text in told.items()}

    @property
    def variables(self) -> frozenset[str]:
        """The variables of the environment that headers stand for."""
        return frozenset(name for text in self.headers.values() for name in _ENVIRONMENT.findall(text))

    @property
    def id_name(self) -> str | None:
        """The field of the request's JSON that holds the task's id; none where no field of its own does."""
        if self.id != "request":
            return None
        try:
            document = json.loads(self.filled(_ANY_ID, {}))
        except ValueError:
            return None
        fields = document.items() if isinstance(document, dict) else ()
        return next((name for name, value in fields if value == _ANY_ID), None)

    @property
    def tells_payload(self) -> bool:
        """Whether a request holds the task's payload, in whichever form."""
        return not {"payload", "text"}.isdisjoint(_PLACEHOLDER.findall(self.body))

    def sent(self, payload: Json) -> Json:
        """What a request holds of the payload: all of it, its text, or nothing."""
        found = _PLACEHOLDER.findall(self.body)
        if "payload" in found:
            return payload
        return _text_of(payload) if "text" in found else None

    def takes(self, status_code: int) -> bool:
        """Whether an answer with this HTTP status has taken the task."""
        return status_code in self.accepted if self.accepted else 200 <= status_code < 300

    def answered_id(self, answer: object) -> str | None:
        """The id by which an answer speaks of the task: that which the service made or, where the request has it, what the answer
        has in the field of the same name; none where there is none."""
        if self.id == "answer":
            return answered_id_in(answer) if self.id_field is None else id_in(answer, self.id_field)
        return id_in(answer, self.id_name) if self.id_name is not None else None


def _text_of(payload: Json) -> str:
    return json.dumps(payload, ensure_ascii=False)


class MessageWords(Strict, frozen=True, kw_only=True):
    """The fields of a queue message's JSON body, each a name or a path as `order.id`, in what EventBridge or SNS has put an envelope
    around as well; none: not stated, so that what is usual is looked for, and nobody is accused for it."""

    id: str | None = None
    payload: str | None = None

    def read(self, body: str) -> tuple[str | None, Json]:
        """The task's id and payload; no id when the body is not a task, whose payload is then the body itself."""
        try:
            document = json.loads(body)
        except (ValueError, TypeError, RecursionError):
            return None, body
        # What is stated may speak of the envelope itself.
        for each in (carried(document), *([document] if self.id is not None else [])):
            if (task_id := id_in(each, self.id)) is not None and isinstance(each, Mapping):
                return task_id, value_at(each, self.payload or _USUAL_PAYLOAD)
        return None, body

    @lru_cache(maxsize=1_024)  # noqa: B019  # there are few of these
    def id_of(self, body: str) -> str | None:
        """The task's id alone, which is asked for again and again."""
        return self.read(body)[0]

    @property
    def id_names(self) -> tuple[str, ...]:
        """The field with the task's id, or those that are usual, the first that is there."""
        return USUAL_IDS if self.id is None else (self.id,)

    @property
    def id_name(self) -> str:
        """The field with the task's id, or the most usual one."""
        return self.id or USUAL_IDS[0]

    def body(self, task_id: str, payload_json: str) -> str:
        """The body that carries this task, its payload given as JSON text; compact, as the pipeline writes it."""
        payload_name = self.payload or _USUAL_PAYLOAD
        return f'{{"{self.id_name}":{json.dumps(task_id)},"{payload_name}":{payload_json}}}'


class Move(Strict, frozen=True, kw_only=True):
    """A change of a record's state that is legal; `before` is none where there was no record. Some are made by an operator
    alone, once for each time that a task is put back to work."""

    before: str | None
    after: str
    by_operator: bool = False


class RecordWords(Strict, frozen=True, kw_only=True):
    """A task's record: its attributes, its states, and how it may move from state to state.

    `key` and `status` are the attributes with the task's id and its state; `completed` and `dead` are the final states. Of the
    other attributes ``payload`` may be JSON text or a map; times are ISO 8601. With a change to `working` an attempt begins; with any
    other of an attempt's changes it has ended. Without `moves` any is legal but one out of a final state.
    """

    key: str
    status: str
    completed: tuple[str, ...]
    dead: tuple[str, ...]
    payload: str | None = None
    created_at: str | None = None
    changed_at: str | None = None
    completed_at: str | None = None
    attempts: str | None = None
    last_error: str | None = None
    attempt_number: str | None = None
    attempt_started_at: str | None = None
    attempt_finished_at: str | None = None
    attempt_outcome: str | None = None
    attempt_error: str | None = None
    attempt_backoff: str | None = None
    attempt_succeeded: str | None = None
    attempt_failed: str | None = None
    working: str | None = None
    moves: tuple[Move, ...] = ()

    def __post_init__(self) -> None:
        if not self.completed or set(self.completed) & set(self.dead):
            raise ValueError("completed has one state or more, and none that is dead, too")

    @property
    def finals(self) -> tuple[str, ...]:
        """The states that a record never leaves."""
        return (*self.completed, *self.dead)

    @property
    def states(self) -> frozenset[str]:
        """All states that are known."""
        working = (self.working,) if self.working is not None else ()
        return frozenset([*self.finals, *(move.after for move in self.moves), *working])

    def allows(self, before: str | None, after: str | None) -> bool:
        """Whether a record may move so, by nobody's hand. Without `moves` nothing is known but that a final state is not left."""
        if self.moves:
            return any((move.before, move.after) == (before, after) for move in self.moves if not move.by_operator)
        return before not in self.finals and after != ""

    @property
    def tells_of_attempts(self) -> bool:
        """Whether it holds each attempt with its number and its outcome."""
        return None not in (self.attempts, self.attempt_number, self.attempt_outcome)


class LogWords(Strict, frozen=True, kw_only=True):
    """The log record of a dead task: the field `event` has `value`, the others what the task was. Or it is a line of plain ``text``, in which
    `${task_id}` and so on stand for what it tells; then each field is called so itself."""

    event: str | None = None
    value: str | None = None
    text: str | None = None
    task_id: str | None = None
    payload: str | None = None
    attempts: str | None = None
    error: str | None = None
    created_at: str | None = None
    failed_at: str | None = None
    message_id: str | None = None

    def __post_init__(self) -> None:
        if self.text is None:
            if self.event is None or self.value is None:
                raise ValueError("say which record it is by event and value, or by text")
            return
        words = {"event": FIELD, "value": self.text, **{fact: fact for fact in facts_of(self.text)}}
        for name, word in words.items():
            if getattr(self, name) not in (None, word):
                raise ValueError(f"{name} is of a record in JSON: leave it out, or text")
            msgspec.structs.force_setattr(self, name, word)

    def name_of(self, field: LogField) -> str | None:
        """What the record calls a field that a contract names."""
        name: str | None = getattr(self, field)
        return name


class TrailWords(Strict, frozen=True, kw_only=True):
    """The records that a consumer's edge leaves in its log, and their fields."""

    event: str = "event"
    received: str = "TRAIL_RECEIVED"
    answered: str = "TRAIL_ANSWERED"
    raised: str = "TRAIL_RAISED"
    call: str = "TRAIL_CALL"
    poison: str = "POISON_DEAD_LETTER"
    request_id: str = "requestId"
    at: str = "at"
    messages: str = "messages"
    answer: str = "answer"
    error: str = "error"
    message_id: str = "messageId"
    receive_count: str = "receiveCount"
    queue_arn: str = "queueArn"
    receipt: str = "receipt"
    task_id: str = "taskId"
    body_digest: str = "bodySha256"
    body: str = "body"
    started_at: str = "startedAt"
    ended_at: str = "endedAt"
    queue_url: str = "queueUrl"
    entries: str = "entries"
    entry_id: str = "id"
    visibility_timeout: str = "visibilityTimeout"
    status: str = "status"
    refused: str = "refused"


class Dialect(Strict, frozen=True, kw_only=True):
    """All of a service's words. `record`, `log` and `trail` are none where the service has none of it, or it is not known."""

    ingress: IngressWords = IngressWords()
    message: MessageWords = MessageWords()
    record: RecordWords | None = None
    log: LogWords | None = None
    trail: TrailWords | None = None

    @property
    def completed(self) -> tuple[str, ...]:
        """The states of a record whose task is done; none where no record is known."""
        return self.record.completed if self.record is not None else ()

    @property
    def dead(self) -> tuple[str, ...]:
        """The states of a record whose task is dead; none where no record is known."""
        return self.record.dead if self.record is not None else ()

    @property
    def finals(self) -> tuple[str, ...]:
        """The states that a record never leaves; none where no record is known."""
        return (*self.completed, *self.dead)


RECORD: Final = RecordWords(
    key="taskId",
    status="status",
    completed=("COMPLETED",),
    dead=("DEAD_LETTER",),
    payload="payload",
    created_at="createdAt",
    changed_at="updatedAt",
    completed_at="completedAt",
    attempts="attempts",
    last_error="lastError",
    attempt_number="number",
    attempt_started_at="startedAt",
    attempt_finished_at="finishedAt",
    attempt_outcome="outcome",
    attempt_error="error",
    attempt_backoff="backoffSeconds",
    attempt_succeeded="SUCCEEDED",
    attempt_failed="FAILED",
    working="PROCESSING",
    moves=(
        Move(before=None, after="PENDING"),
        # A task is sent before it is stored, and whoever comes first stores it: the API, the consumer or, when all attempts ended
        # before a word, who marks the dead.
        Move(before=None, after="PROCESSING"),
        Move(before=None, after="DEAD_LETTER"),
        Move(before="PENDING", after="PROCESSING"),
        # An attempt that ended without a word is followed by the next one.
        Move(before="PROCESSING", after="PROCESSING"),
        Move(before="PROCESSING", after="COMPLETED"),
        Move(before="PROCESSING", after="RETRYING"),
        Move(before="RETRYING", after="PROCESSING"),
        Move(before="RETRYING", after="DEAD_LETTER"),
        # Dead after attempts that left no word: the last one, or all of them.
        Move(before="PROCESSING", after="DEAD_LETTER"),
        Move(before="PENDING", after="DEAD_LETTER"),
        Move(before="DEAD_LETTER", after="PENDING", by_operator=True),
    ),
)

LOG: Final = LogWords(
    event="event",
    value="TASK_DEAD_LETTER",
    task_id="taskId",
    payload="payload",
    attempts="attempts",
    error="lastError",
    created_at="createdAt",
    failed_at="failedAt",
    message_id="messageId",
)

TRAIL: Final = TrailWords()

INGRESS: Final = IngressWords(accepted=(202,))

TASKGUARD: Final = Dialect(
    ingress=INGRESS,
    message=MessageWords(id="taskId", payload="payload"),
    record=RECORD,
    log=LOG,
    trail=TRAIL,
)
"""The dialect of TaskGuard's own pipeline."""

BUILT_IN: Final = {"taskguard": TASKGUARD}
"""The dialects that a `taskguard.toml` can name."""
