"""The way in by HTTP: the routes of a REST API, an HTTP API or a function's URL.

It knows an API's two routes and nothing behind them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from urllib.parse import quote

import requests
from requests.auth import AuthBase
from requests.structures import CaseInsensitiveDict

from taskguard.contract.dialect import INGRESS, IngressWords
from taskguard.errors import SubmissionError
from taskguard.ingress.client import Answer, Client, ids_in
from taskguard.ingress.invalid import Invalid
from taskguard.support.clocks import REAL, Clock
from taskguard.support.json_values import Json
from taskguard.support.this_command import runnable

_BRACES = re.compile(r"\{[^{}]*\}")
_ID = "${id}"
_JSON = {"Content-Type": "application/json"}
_TIMEOUT_SECONDS = 30.0


class HttpClient(Client):
    """Talks to one deployed API at ``api_url``. ``heed`` is shown each answer. ``auth`` puts on each request what the API wants of its
    clients (none: nothing). Tasks are handed in by ``method`` at ``submit_path``, in which ``${id}`` stands for the task's id; in
    ``record_path``, by which a record is read, what is in braces does. What the headers of its ``words`` name is in ``environment``."""

    def __init__(
        self,
        api_url: str,
        note: Callable[[Iterable[str]], None] = lambda _: None,
        clock: Clock = REAL,
        auth: AuthBase | None = None,
        submit_path: str = "/task",
        record_path: str = "/task/{taskId}",
        words: IngressWords = INGRESS,
        method: str = "POST",
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(f"{method} {api_url.rstrip('/')}{submit_path}", note, clock, words)
        self._method, self._environment = method, environment
        self._submit_path, self._record_path = submit_path, record_path
        self._api_url = api_url.rstrip("/")
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

    def hand_in(self, body: str, task_id: str) -> Answer:
        return self._sent(self._method, self._submit_path, body, task_id)

    def ask_for(self, task_id: str) -> Answer:
        return _answer(self.get(task_id))

    def send(self, invalid: Invalid) -> Answer:
        return self._sent(invalid.method, invalid.path, invalid.body, invalid.task_id)

    def _sent(self, method: str, path: str, body: str, task_id: str) -> Answer:
        path = path.replace(_ID, quote(task_id, safe=""))
        return _answer(self.request(method, path, data=body.encode(), headers=self._headers(task_id, _JSON)))

    def _headers(self, task_id: str, usual: Mapping[str, str]) -> Mapping[str, str]:
        headers = CaseInsensitiveDict(usual)
        headers.update(self._words.headers_of(task_id, self._environment))
        return headers

    def post(self, body: bytes | str, content_type: str | None = "application/json") -> requests.Response:
        """A request like one that hands in a task, with any body at all.

        Raises:
            SubmissionError: when no answer came.
        """
        headers = {"Content-Type": content_type} if content_type is not None else {}
        response = self.request(self._method, self._submit_path, data=body, headers=headers)
        self.note(ids_in(_answer(response)))
        return response

    def get(self, task_id: str) -> requests.Response:
        """Ask for the task's record.

        Raises:
            SubmissionError: when no answer came.
        """
        path = _BRACES.sub(lambda _: quote(task_id, safe=""), self._record_path)
        return self.request("GET", path, headers=self._headers(task_id, {}))

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
                f"{method} {self._api_url}{path}: {error}. Is the stack up? `{runnable('taskguard status')}` tells."
            ) from error
        self.heed(response)
        return response


def _answer(response: requests.Response) -> Answer:
    return Answer(status_code=response.status_code, text=response.text, document=_document_of(response))


def _document_of(response: requests.Response) -> Json:
    try:
        document: Json = response.json()
    except ValueError:
        return None
    return document
