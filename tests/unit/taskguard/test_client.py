"""The client, against a server on this machine that answers as it is told."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast

import pytest
import requests
from requests.auth import AuthBase
from taskguard.contract.dialect import IngressWords
from taskguard.errors import SubmissionError
from taskguard.history import TaskSubmitted
from taskguard.ingress.http_client import HttpClient
from taskguard.ingress.invalid import Invalid
from taskguard.ingress.workload import Task

TASK = Task(task_id="t1", payload={"name": "Zoë 東京", "ratio": 1.0})


@dataclass(slots=True)
class Heard:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Api:
    """A server in a thread. Answers the next of ``statuses`` or else ``status``, and ``answer``; keeps what it ``heard``."""

    status: int = 202
    statuses: list[int] = field(default_factory=list)
    answer: bytes = b"{}"
    heard: list[Heard] = field(default_factory=list)
    url: str = ""
    location: str = ""


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            api.heard.append(Heard(self.command, self.path, dict(self.headers.items()), body))
            self.send_response(api.statuses.pop(0) if api.statuses else api.status)
            if api.location:
                self.send_header("Location", api.location)
            self.send_header("Content-Length", str(len(api.answer)))
            self.end_headers()
            self.wfile.write(api.answer)

        do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815  # the names that http.server calls

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
        thread.start()
        api.url = f"http://127.0.0.1:{server.server_port}/dev"
        yield api
        server.shutdown()
        thread.join()


@pytest.fixture
def nobody() -> str:
    """An address at which nothing listens any more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/dev"


def test_a_task_is_posted_with_its_id_and_payload(api: Api) -> None:
    submitted = HttpClient(api.url).submit(TASK)
    assert (submitted.task_id, submitted.payload) == ("t1", TASK.payload)
    assert (submitted.accepted, submitted.status_code, submitted.in_doubt) == (True, 202, False)
    assert submitted.at_ms <= submitted.answered_ms
    [heard] = api.heard
    assert (heard.method, heard.path) == ("POST", "/dev/task")
    assert json.loads(heard.body) == {"taskId": "t1", "payload": TASK.payload}
    assert heard.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(("status", "in_doubt"), [(400, False), (409, False), (500, True), (503, True), (200, False)])
def test_any_other_status_is_no_acceptance(api: Api, status: int, in_doubt: bool) -> None:
    api.status = status
    submitted = HttpClient(api.url).submit(TASK)
    assert (submitted.accepted, submitted.status_code, submitted.in_doubt) == (False, status, in_doubt)


def test_a_server_that_is_gone_leaves_the_task_in_doubt(nobody: str) -> None:
    submitted = HttpClient(nobody).submit(TASK)
    assert (submitted.accepted, submitted.status_code, submitted.in_doubt) == (False, 0, True)


def test_a_question_to_a_server_that_is_gone_says_which_and_what_to_do(nobody: str) -> None:
    with pytest.raises(SubmissionError) as failure:
        HttpClient(nobody).get("t1")
    assert f"GET {nobody}/task/t1" in str(failure.value)
    assert "taskguard status" in str(failure.value)


def test_the_user_s_proxies_and_passwords_are_left_alone(
    api: Api, nobody: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, nobody)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with pytest.raises(requests.ConnectionError):
        requests.get(api.url, timeout=5)

    assert HttpClient(api.url).submit(TASK).accepted
    assert "Authorization" not in api.heard[0].headers


@pytest.mark.parametrize("count", [1, 60])
def test_all_tasks_are_submitted_and_answers_come_in_their_order(api: Api, count: int) -> None:
    tasks = [Task(task_id=f"t{number}", payload={"n": number}) for number in range(count)]
    told: list[TaskSubmitted] = []
    submitted = HttpClient(api.url).submit_all(tasks, tell=told.append)
    assert [event.task_id for event in submitted] == [task.task_id for task in tasks]
    assert told == submitted
    assert sorted(json.loads(heard.body)["taskId"] for heard in api.heard) == sorted(t.task_id for t in tasks)


def test_so_many_are_handed_in_at_once_as_are_wanted_at_least(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=10)
    monkeypatch.setattr(HttpClient, "submit", lambda *_: both.wait())
    assert sorted(cast(list[int], HttpClient(api.url).submit_all([TASK] * 2, at_least=2))) == [0, 1]


def test_nothing_to_submit_is_nothing_submitted(api: Api) -> None:
    assert HttpClient(api.url).submit_all([]) == []
    assert api.heard == []


def test_a_record_is_read_and_an_unknown_task_has_none(api: Api) -> None:
    api.status, api.answer = 200, '{"status": "COMPLETED", "name": "Zoë"}'.encode()
    assert HttpClient(api.url).record("t1") == {"status": "COMPLETED", "name": "Zoë"}
    api.status, api.answer = 404, b'{"message": "no such task"}'
    assert HttpClient(api.url).record("t1") is None


@pytest.mark.parametrize("status", [400, 429, 500, 202])
def test_a_record_that_was_not_given_is_an_error_with_the_answer(api: Api, status: int) -> None:
    api.status, api.answer = status, b'{"message": "no such id"}\n'
    with pytest.raises(SubmissionError) as failure:
        HttpClient(api.url).record("t1")
    assert str(failure.value) == f'reading task t1: HTTP {status}, {{"message": "no such id"}}'


def test_a_task_id_of_any_characters_is_one_part_of_the_path(api: Api) -> None:
    api.status = 404
    HttpClient(f"{api.url}/").get("a/b ?#%")
    assert api.heard[0].path == "/dev/task/a%2Fb%20%3F%23%25"


def test_a_body_is_sent_as_it_is_with_or_without_a_content_type(api: Api) -> None:
    client = HttpClient(api.url)
    client.post(b"\xff not json", content_type="text/plain")
    client.post("{}", content_type=None)
    client.request("DELETE", "/task")
    assert [heard.body for heard in api.heard] == [b"\xff not json", b"{}", b""]
    assert api.heard[0].headers["Content-Type"] == "text/plain"
    assert "Content-Type" not in api.heard[1].headers
    assert (api.heard[2].method, api.heard[2].path) == ("DELETE", "/dev/task")


def test_what_lets_clients_in_is_sent_with_each_request_and_follows_no_redirect(api: Api, nobody: str) -> None:
    class Key(AuthBase):
        def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
            request.headers["x-api-key"] = "made up"
            return request

    client = HttpClient(api.url, auth=Key())
    client.submit(TASK)
    client.get("t1")
    assert [heard.headers["x-api-key"] for heard in api.heard] == ["made up", "made up"]
    api.status, api.location = 307, nobody
    assert client.get("t1").status_code == 307


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between tries, which are not made."""
    paused: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", paused.append)
    return paused


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_user_hands_a_task_in_again_until_it_is_accepted(api: Api, waits: list[float], status: int) -> None:
    api.statuses = [status, status, 202]
    tries = HttpClient(api.url).submit_until_answered(TASK)
    assert [(each.status_code, each.accepted) for each in tries] == [(status, False), (status, False), (202, True)]
    assert {each.task_id for each in tries} == {"t1"}
    assert [json.loads(heard.body)["taskId"] for heard in api.heard] == ["t1"] * 3
    assert len(waits) == 2
    assert 0 < waits[0] <= waits[1]


@pytest.mark.parametrize("status", [202, 400, 409, 413])
def test_a_clear_answer_is_the_last_one(api: Api, waits: list[float], status: int) -> None:
    api.status = status
    assert [each.status_code for each in HttpClient(api.url).submit_until_answered(TASK)] == [status]
    assert waits == []


def test_a_user_gives_up_at_last(api: Api, waits: list[float], nobody: str) -> None:
    api.status = 503
    assert len(HttpClient(api.url).submit_until_answered(TASK)) == 10
    unanswered = HttpClient(nobody).submit_until_answered(TASK)
    assert [each.status_code for each in unanswered] == [0] * 10
    assert max(waits) <= 2.0
    assert sum(waits) < 2 * 30


def test_all_tries_are_told_and_the_last_one_of_each_task_is_heard_of(api: Api, waits: list[float]) -> None:
    api.statuses = [503, 202, 202]
    told: list[TaskSubmitted] = []
    tasks = [Task(task_id=f"t{number}", payload={}) for number in range(2)]
    submitted = HttpClient(api.url).submit_all(tasks, tell=told.append, until_answered=True)
    assert [(each.task_id, each.status_code) for each in submitted] == [("t0", 503), ("t0", 202), ("t1", 202)]
    assert [(each.task_id, each.accepted) for each in told] == [("t0", True), ("t1", True)]


def test_a_task_is_handed_in_as_the_service_words_it(api: Api) -> None:
    api.status = 200
    submitted = HttpClient(api.url, words=IngressWords(body='{"job": "${id}", "text": "${text}"}')).submit(TASK)
    assert (submitted.accepted, submitted.task_id) == (True, "t1")
    [heard] = api.heard
    assert json.loads(heard.body) == {"job": "t1", "text": submitted.payload}


def test_a_task_is_handed_in_by_the_method_path_and_headers_that_are_stated(api: Api) -> None:
    words = IngressWords(
        route="PUT /jobs/${id}?now=1",
        headers={"content-type": "application/vnd.job+json", "Authorization": "Bearer ${env:TOKEN}"},
        body="${payload}",
    )
    client = HttpClient(
        api.url, submit_path="/jobs/${id}?now=1", words=words, method="PUT", environment={"TOKEN": "let-me-in"}
    )
    client.submit(Task(task_id="a/b", payload={}))
    client.get("a/b")
    [heard, read] = api.heard
    assert (heard.method, heard.path, heard.body) == ("PUT", "/dev/jobs/a%2Fb?now=1", b"{}")
    assert heard.headers["content-type"] == "application/vnd.job+json"
    assert heard.headers["Authorization"] == read.headers["Authorization"] == "Bearer let-me-in"


def test_an_id_that_the_service_makes_is_the_tasks(api: Api) -> None:
    noted: list[str] = []
    api.status, api.answer = 201, b'{"job": "made"}'
    client = HttpClient(api.url, noted.extend, words=IngressWords(body="{}", id="answer", id_field="job"))
    assert client.submit(TASK).task_id == "made"
    assert "made" in noted
    api.status = 400
    assert client.submit(TASK).task_id is None


def test_what_is_no_task_is_noted_and_the_id_that_it_was_given_all_the_same(api: Api) -> None:
    noted: list[str] = []
    api.answer = b'{"taskId": "made"}'
    invalid = Invalid(task_id="a-list", what="it is none", method="POST", path="/task", body="[]")
    assert HttpClient(api.url, noted.extend).send_invalid(invalid).status_code == 202
    assert noted == ["a-list", "made"]


def test_an_answer_without_the_id_that_it_should_make_says_what_to_do(api: Api) -> None:
    api.status, api.answer = 200, b'{"other": "made"}'
    with pytest.raises(SubmissionError, match=r"has the task's id in no field that is usual for it: .*id_field"):
        HttpClient(api.url, words=IngressWords(body="{}", id="answer")).submit(TASK)
