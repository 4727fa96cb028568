"""The pipeline's client: hands in tasks as any user would, and says what was answered.

What it returns is evidence of acceptance only. How a task is handed over is decided by the way in (:mod:`taskguard.ingress.http_client`
and its siblings): one class for each, which this module does not know.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_exponential

from taskguard.contract.dialect import INGRESS, IngressWords
from taskguard.contract.ids import id_in
from taskguard.errors import SubmissionError
from taskguard.history import InvalidSubmitted, RecordAnswered, TaskSubmitted
from taskguard.ingress.invalid import Invalid
from taskguard.ingress.workload import Task
from taskguard.support.clocks import REAL, Clock
from taskguard.support.json_values import Json, shape_of

_MOST_CLIENTS = 8
_TASKS_A_CLIENT = 20
# A user's own client would be set about like this: it takes some 13 s until it gives up.
_MOST_TRIES = 10
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 2.0
_OK, _NOT_FOUND, _TOO_MANY_REQUESTS = 200, 404, 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered, in HTTP's terms; ``document`` is the text as JSON, none where it is none."""

    status_code: int
    text: str
    document: Json


class Client(ABC):
    """Hands in tasks by one way. Safe to use from several threads. ``note`` hears of each task that the stage may have from then on:
    before it is sent, or when it has been given an id. ``clock`` is the pipeline's; a task is worded as the ``words`` have it. ``place``
    is how to speak of where tasks are handed in, as ``POST https://...``."""

    def __init__(
        self,
        place: str,
        note: Callable[[Iterable[str]], None] = lambda _: None,
        clock: Clock = REAL,
        words: IngressWords = INGRESS,
    ) -> None:
        self.place, self.note = place, note
        self._clock, self._words = clock, words

    @abstractmethod
    def hand_in(self, body: str, task_id: str) -> Answer:
        """Hand in what is worded as a task; ``task_id`` is for what stands beside the body.

        Raises:
            SubmissionError: no answer came.
        """

    @abstractmethod
    def ask_for(self, task_id: str) -> Answer:
        """Ask for a task's record.

        Raises:
            SubmissionError: no answer came.
        """

    @abstractmethod
    def send(self, invalid: Invalid) -> Answer:
        """Send what is no task.

        Raises:
            SubmissionError: no answer came.
        """

    def submit(self, task: Task) -> TaskSubmitted:
        """Hand in one task. No answer at all is an event with status code 0: the task's fate is in doubt.

        Raises:
            SubmissionError: the service took the task, and its answer has not the id that it should make.
        """
        return self.ask(task)[0]

    def ask(self, task: Task) -> tuple[TaskSubmitted, Answer | None]:
        """As :meth:`submit`, with the answer itself where one came.

        Raises:
            SubmissionError: as :meth:`submit`.
        """
        self.note([task.task_id])
        sent_at = self._clock.now_ms()
        answer = None
        with suppress(SubmissionError):
            answer = self.hand_in(self._words.filled(task.task_id, task.payload), task.task_id)
        status = answer.status_code if answer is not None else 0
        accepted = self._words.takes(status)
        event = TaskSubmitted(
            at_ms=sent_at,
            answered_ms=self._clock.now_ms(),
            task_id=self._id_of(task, answer if accepted else None),
            payload=self._words.sent(task.payload),
            accepted=accepted,
            status_code=status,
            chosen=task.chosen,
            probe=task.probe,
            answered_id=self._words.answered_id(answer.document) if answer is not None and accepted else None,
            answer=shape_of(answer.document) if answer is not None and accepted else None,
        )
        return event, answer

    def at_once(self, task: Task) -> list[TaskSubmitted]:
        """Hand in one task twice at the same time."""
        with ThreadPoolExecutor(2, thread_name_prefix="client") as pool:
            return list(pool.map(self.submit, (task, task)))

    def send_invalid(self, invalid: Invalid) -> InvalidSubmitted:
        """Send what is no task. Who takes it all the same may give it an id."""
        self.note([invalid.task_id])
        sent_at, status = self._clock.now_ms(), 0
        with suppress(SubmissionError):
            answer = self.send(invalid)
            status = answer.status_code
            self.note(ids_in(answer))
        return InvalidSubmitted(
            at_ms=sent_at,
            answered_ms=self._clock.now_ms(),
            task_id=invalid.task_id,
            what=invalid.what,
            status_code=status,
        )

    def read_back(self, task_id: str) -> RecordAnswered:
        """Ask for a task, whatever is answered."""
        asked_at, answer = self._clock.now_ms(), None
        with suppress(SubmissionError):
            answer = self.ask_for(task_id)
        return RecordAnswered(
            at_ms=asked_at,
            task_id=task_id,
            status_code=answer.status_code if answer is not None else 0,
            answer=answer.document if answer is not None else None,
        )

    def _id_of(self, task: Task, taken: Answer | None) -> str | None:
        """The task's id, as it is known from the answer on that has ``taken`` it; what was not taken has none of the service's."""
        if self._words.id == "request":
            return task.task_id
        if taken is None:
            return None
        task_id = self._words.answered_id(taken.document)
        if task_id is None:
            where = f"field {self._words.id_field}" if self._words.id_field else "field that is usual for it"
            raise SubmissionError(
                f"{self.place}: HTTP {taken.status_code}, and the answer has the task's id in no {where}: "
                f"{taken.text[:200]}. Name the field in taskguard.toml, as id_field below [ingress]."
            )
        self.note([task_id])
        return task_id

    def submit_until_answered(self, task: Task) -> list[TaskSubmitted]:
        """Hand in one task as a user does who wants it done: again with the same id as long as the answer is a server's error,
        that there are too many requests, or none at all. A bounded number of times; each try is an event."""
        tries: list[TaskSubmitted] = []

        def once() -> TaskSubmitted:
            tries.append(self.submit(task))
            return tries[-1]

        Retrying(
            retry=retry_if_result(lambda event: event.in_doubt or event.status_code == _TOO_MANY_REQUESTS),
            stop=stop_after_attempt(_MOST_TRIES),
            wait=wait_exponential(multiplier=_FIRST_PAUSE_SECONDS, max=_LONGEST_PAUSE_SECONDS),
            # What became of the last try is told by its event.
            retry_error_callback=lambda _: None,
        )(once)
        return tries

    def submit_all(
        self,
        tasks: Sequence[Task],
        *,
        tell: Callable[[TaskSubmitted], None] = lambda _: None,
        until_answered: bool = False,
        at_least: int = 1,
    ) -> list[TaskSubmitted]:
        """Hand in ``tasks``, several at a time, ``at_least`` so many, in their order; ``tell`` hears of each answer, or of the last one of a
        task that is handed in ``until_answered``."""
        # Each concurrent client costs a cold start, which fewer tasks do not earn back.
        clients = min(_MOST_CLIENTS, max(at_least, len(tasks) // _TASKS_A_CLIENT))
        with ThreadPoolExecutor(clients, thread_name_prefix="client") as pool:
            submitted = []
            hand_in = self.submit_until_answered if until_answered else lambda task: [self.submit(task)]
            for tries in pool.map(hand_in, tasks):
                tell(tries[-1])
                submitted.extend(tries)
        return submitted

    def record(self, task_id: str) -> dict[str, Any] | None:
        """The task's record, none when there is none yet.

        Raises:
            SubmissionError: when no answer came, or one that is no record.
        """
        answer = self.ask_for(task_id)
        if answer.status_code == _NOT_FOUND:
            return None
        if answer.status_code != _OK or not isinstance(answer.document, dict):
            raise SubmissionError(f"reading task {task_id}: HTTP {answer.status_code}, {answer.text.strip()}")
        return answer.document


def ids_in(answer: Answer) -> list[str]:
    """The id of the task that is answered; it may have been stored even when it was not accepted."""
    task_id = id_in(answer.document, "taskId")
    return [task_id] if task_id is not None else []
