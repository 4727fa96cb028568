"""The pipeline's client: hands tasks to the API as any user would, and says what was answered.

What it returns is evidence of acceptance only. It knows the API's two routes and nothing behind them.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import requests
from requests.auth import AuthBase
from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_exponential

from taskguard.contract.dialect import INGRESS, IngressWords, id_in
from taskguard.errors import SubmissionError
from taskguard.history import InvalidSubmitted, RecordAnswered, TaskSubmitted
from taskguard.ingress.invalid import Invalid
from taskguard.ingress.workload import Task
from taskguard.support.clocks import REAL, Clock
from taskguard.support.json_values import Json

_BRACES = re.compile(r"\{[^{}]*\}")
_TIMEOUT_SECONDS = 30.0
_MOST_CLIENTS = 8
# A user's own client would be set about like this: it takes some 13 s until it gives up.
_MOST_TRIES = 10
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 2.0


class Client:
    """Talks to one deployed API at ``api_url``. Safe to use from several threads. ``note`` hears of each task that the
    stage may have from then on: before it is sent, or when the API has given it an id. ``heed`` is shown each answer.
    ``clock`` is the pipeline's; ``auth`` puts on each request what the API wants of its clients (none: nothing). Tasks are handed in
    by POST to ``submit_path``, as the ``words`` have it; in ``record_path``, by which a record is read, what is in braces stands for the
    task's id."""

    def __init__(
        self,
        api_url: str,
        note: Callable[[Iterable[str]], None] = lambda _: None,
        clock: Clock = REAL,
        auth: AuthBase | None = None,
        submit_path: str = "/task",
        record_path: str = "/task/{taskId}",
        words: IngressWords = INGRESS,
    ) -> None:
        self._submit_path, self._record_path, self._words = submit_path, record_path, words
        self._clock = clock
        self._api_url = api_url.rstrip("/")
        self.note = note
        self.heed: Callable[[requests.Response], None] = lambda _: None
        self._session = requests.Session()
        # Neither the user's proxies nor their .netrc have a place between a test and a local engine.
        self._session.trust_env = False
        self._session.auth = auth
        if self._api_url.startswith("https:"):
            # On AWS, what leads out of the user's network does.
            self._session.proxies = dict(requests.utils.get_environ_proxies(self._api_url))
        adapter = requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=32)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def post(self, body: bytes | str, content_type: str | None = "application/json") -> requests.Response:
        """A request like one that hands in a task, with any body at all.

        Raises:
            SubmissionError: when no answer came.
        """
        headers = {"Content-Type": content_type} if content_type is not None else {}
        response = self.request("POST", self._submit_path, data=body, headers=headers)
        self.note(_ids_in(response))
        return response

    def submit(self, task: Task) -> TaskSubmitted:
        """Hand in one task. No answer at all is an event with status code 0: the task's fate is in doubt.

        Raises:
            SubmissionError: the service took the task, and its answer has not the id that it should make.
        """
        self.note([task.task_id])
        sent_at = self._clock.now_ms()
        body, headers = self._words.filled(task.task_id, task.payload), {"Content-Type": "application/json"}
        response = None
        with suppress(SubmissionError):
            response = self.request("POST", self._submit_path, data=body.encode(), headers=headers)
        status = response.status_code if response is not None else 0
        accepted = self._words.takes(status)
        return TaskSubmitted(
            at_ms=sent_at,
            answered_ms=self._clock.now_ms(),
            task_id=self._id_of(task, response if accepted else None),
            payload=self._words.sent(task.payload),
            accepted=accepted,
            status_code=status,
            chosen=task.chosen,
            probe=task.probe,
            answered_id=self._words.answered_id(_document_of(response)) if response is not None and accepted else None,
        )

    def at_once(self, task: Task) -> list[TaskSubmitted]:
        """Hand in one task twice at the same time."""
        with ThreadPoolExecutor(2, thread_name_prefix="client") as pool:
            return list(pool.map(self.submit, (task, task)))

    def send_invalid(self, invalid: Invalid) -> InvalidSubmitted:
        """Send what is no task. Who takes it all the same may give it an id."""
        self.note([invalid.task_id])
        sent_at, status = self._clock.now_ms(), 0
        with suppress(SubmissionError):
            headers = {"Content-Type": "application/json"}
            response = self.request(invalid.method, invalid.path, data=invalid.body.encode(), headers=headers)
            status = response.status_code
            self.note(_ids_in(response))
        return InvalidSubmitted(
            at_ms=sent_at,
            answered_ms=self._clock.now_ms(),
            task_id=invalid.task_id,
            what=invalid.what,
            status_code=status,
        )

    def read_back(self, task_id: str) -> RecordAnswered:
        """Ask for a task, whatever is answered."""
        asked_at, response = self._clock.now_ms(), None
        with suppress(SubmissionError):
            response = self.get(task_id)
        return RecordAnswered(
            at_ms=asked_at,
            task_id=task_id,
            status_code=response.status_code if response is not None else 0,
            answer=_document_of(response) if response is not None else None,
        )

    def _id_of(self, task: Task, taken: requests.Response | None) -> str | None:
        """The task's id, as it is known from the answer on that has ``taken`` it; what was not taken has none of the service's."""
        if self._words.id == "request":
            return task.task_id
        if taken is None:
            return None
        task_id = self._words.answered_id(_document_of(taken))
        if task_id is None:
            where = f"field {self._words.id_field}" if self._words.id_field else "field that is usual for it"
            raise SubmissionError(
                f"POST {self._api_url}{self._submit_path}: HTTP {taken.status_code}, and the answer has the task's id in no {where}: "
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
            retry=retry_if_result(
                lambda event: event.in_doubt or event.status_code == requests.codes.too_many_requests
            ),
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
    ) -> list[TaskSubmitted]:
        """Hand in ``tasks``, several at a time, in their order; ``tell`` hears of each answer, or of the last one of a task that
        is handed in ``until_answered``."""
        # Each concurrent client costs a cold start, which a short run does not earn back.
        clients = min(_MOST_CLIENTS, max(1, len(tasks) // 25))
        with ThreadPoolExecutor(clients, thread_name_prefix="client") as pool:
            submitted = []
            hand_in = self.submit_until_answered if until_answered else lambda task: [self.submit(task)]
            for tries in pool.map(hand_in, tasks):
                tell(tries[-1])
                submitted.extend(tries)
        return submitted

    def get(self, task_id: str) -> requests.Response:
        """Ask for the task's record.

        Raises:
            SubmissionError: when no answer came.
        """
        return self.request("GET", _BRACES.sub(lambda _: quote(task_id, safe=""), self._record_path))

    def record(self, task_id: str) -> dict[str, Any] | None:
        """The task's record, none when there is none yet.

        Raises:
            SubmissionError: when no answer came, or one that is no record.
        """
        response = self.get(task_id)
        if response.status_code == requests.codes.not_found:
            return None
        if response.status_code != requests.codes.ok:
            raise SubmissionError(f"reading task {task_id}: HTTP {response.status_code}, {response.text.strip()}")
        return dict(response.json())

    def request(self, method: str, path: str, **options: object) -> requests.Response:
        """Any method and path, with the ``options`` of :meth:`requests.Session.request`.

        Raises:
            SubmissionError: when no answer came.
        """
        try:
            # The API never sends anybody elsewhere, and what lets clients in must not go there.
            options |= {"timeout": _TIMEOUT_SECONDS, "allow_redirects": False}
            response = self._session.request(method, self._api_url + path, **options)  # type: ignore[arg-type]
        except requests.RequestException as error:
            raise SubmissionError(
                f"{method} {self._api_url}{path}: {error}. Is the stack up? `taskguard status` tells."
            ) from error
        self.heed(response)
        return response


def _ids_in(response: requests.Response) -> list[str]:
    """The id of the task that the API answers with; it may have been stored even when it was not accepted."""
    task_id = id_in(_document_of(response), "taskId")
    return [task_id] if task_id is not None else []


def _document_of(response: requests.Response) -> Json:
    try:
        document: Json = response.json()
    except ValueError:
        return None
    return document
