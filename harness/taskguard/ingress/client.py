"""The pipeline's client: hands tasks to the API as any user would, and says what was answered.

What it returns is evidence of acceptance only. It knows the API's two routes and nothing behind them.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import requests
from requests.auth import AuthBase
from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_exponential

from taskguard.errors import SubmissionError
from taskguard.history import TaskSubmitted
from taskguard.ingress.workload import Task
from taskguard.support.clocks import REAL, Clock

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
    by POST to ``submit_path``; in ``record_path``, by which a record is read, what is in braces stands for the task's id."""

    def __init__(
        self,
        api_url: str,
        note: Callable[[Iterable[str]], None] = lambda _: None,
        clock: Clock = REAL,
        auth: AuthBase | None = None,
        submit_path: str = "/task",
        record_path: str = "/task/{taskId}",
    ) -> None:
        self._submit_path, self._record_path = submit_path, record_path
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
        response = self._request("POST", self._submit_path, data=body, headers=headers)
        self.note(_ids_in(response))
        return response

    def submit(self, task: Task) -> TaskSubmitted:
        """Hand in one task. No answer at all is an event with status code 0: the task's fate is in doubt."""
        self.note([task.task_id])
        sent_at = self._clock.now_ms()
        try:
            response = self._request("POST", self._submit_path, json={"taskId": task.task_id, "payload": task.payload})
            status = response.status_code
        except SubmissionError:
            status = 0
        return TaskSubmitted(
            at_ms=sent_at,
            answered_ms=self._clock.now_ms(),
            task_id=task.task_id,
            payload=task.payload,
            accepted=status == requests.codes.accepted,
            status_code=status,
            chosen=task.chosen,
        )

    def submit_until_answered(self, task: Task) -> list[TaskSubmitted]:
        """Hand in one task as a user does who wants it done: again with the same id as long as the answer is a server's error,
        that there are too many requests, or none at all. A bounded number of times; each try is an event."""
        tries: list[TaskSubmitted] = []

        def once() -> TaskSubmitted:
            tries.append(self.submit(task))
            return tries[-1]

        Retrying(
            retry=retry_if_result(_asks_for_another_try),
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
            hand_in = self.submit_until_answered if until_answered else self._submit_once
            for tries in pool.map(hand_in, tasks):
                tell(tries[-1])
                submitted.extend(tries)
        return submitted

    def _submit_once(self, task: Task) -> list[TaskSubmitted]:
        return [self.submit(task)]

    def get(self, task_id: str) -> requests.Response:
        """Ask for the task's record.

        Raises:
            SubmissionError: when no answer came.
        """
        return self._request("GET", _BRACES.sub(lambda _: quote(task_id, safe=""), self._record_path))

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

    def request(self, method: str, path: str) -> requests.Response:
        """Any other method and path."""
        return self._request(method, path)

    def _request(self, method: str, path: str, **options: object) -> requests.Response:
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


def _asks_for_another_try(event: TaskSubmitted) -> bool:
    return event.in_doubt or event.status_code == requests.codes.too_many_requests


def _ids_in(response: requests.Response) -> list[str]:
    """The id of the task that the API answers with; it may have been stored even when it was not accepted."""
    try:
        task_id = response.json()["taskId"]
    except (ValueError, TypeError, KeyError):
        return []
    return [task_id] if isinstance(task_id, str) else []
