"""The Lambda Runtime API over HTTP, as a function's process speaks it; and the client that stands in for AWS's own."""

from __future__ import annotations

import http.client
import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import taskguard.engine
from taskguard.engine.functions.runtime_api import Answer, Invocation, RuntimeApi

ROOT = "/2018-06-01/runtime"
NEXT = f"{ROOT}/invocation/next"
WORK = Invocation(
    request_id="r-1",
    payload='{"of": "東京"}'.encode(),
    function_arn="arn:aws:lambda:eu-central-1:000000000000:function:f",
    trace_id="Root=1-2-3",
    deadline_ms=1_700_000_000_123,
)
SOON = 10.0


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[RuntimeApi]:
    monkeypatch.setattr("taskguard.engine.functions.runtime_api._NOTICES_WITHIN_SECONDS", 0.01)
    api = RuntimeApi()
    yield api
    api.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def ask(api: RuntimeApi, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection(api.address, timeout=SOON)
    try:
        connection.request(method, path, body, **options)
        response = connection.getresponse()
        return response.status, response.read(), dict(response.getheaders())
    finally:
        connection.close()


def begun(api: RuntimeApi, invocation: Invocation = WORK) -> Future[Answer]:
    """The answer to an invocation that the process has fetched."""
    answer = api.submit(invocation)
    assert ask(api, "GET", NEXT)[0] == 200
    return answer


def test_it_needs_nothing_of_localstack() -> None:
    modules = ("engine.functions.runtime_api", "engine.settings", "engine.functions.process", "targets.environments")
    code = "import sys\n" + "".join(f"import taskguard.{name}\n" for name in modules)
    code += "sys.exit('localstack' in {name.split('.')[0] for name in sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_next_waits_for_an_invocation_and_brings_all_that_lambda_says(
    api: RuntimeApi, pool: ThreadPoolExecutor
) -> None:
    waiting = pool.submit(ask, api, "GET", NEXT)
    assert api.ready.result(SOON) is None, "the process has asked"
    assert not waiting.done()
    api.submit(WORK)
    status, body, headers = waiting.result(SOON)
    assert (status, body) == (200, WORK.payload)
    assert headers["Lambda-Runtime-Aws-Request-Id"] == "r-1"
    assert headers["Lambda-Runtime-Deadline-Ms"] == "1700000000123"
    assert headers["Lambda-Runtime-Invoked-Function-Arn"] == WORK.function_arn
    assert headers["Lambda-Runtime-Trace-Id"] == "Root=1-2-3"


def test_a_process_that_has_not_asked_is_not_ready(api: RuntimeApi) -> None:
    assert not api.ready.done()


@pytest.mark.parametrize(("kind", "is_error"), [("response", False), ("error", True)])
def test_what_the_process_posts_is_the_answer(api: RuntimeApi, kind: str, is_error: bool) -> None:
    answer = begun(api)
    assert not answer.done()
    assert ask(api, "POST", f"{ROOT}/invocation/r-1/{kind}", b'{"batchItemFailures": []}')[0] == 202
    assert answer.result(SOON) == Answer(b'{"batchItemFailures": []}', is_error=is_error)


def test_invocations_follow_one_another_on_one_connection(api: RuntimeApi) -> None:
    connection = http.client.HTTPConnection(api.address, timeout=SOON)
    for number in range(3):
        answer = api.submit(Invocation(f"r-{number}", b"%d" % number, "arn", "trace", 0))
        connection.request("GET", NEXT)
        assert connection.getresponse().read() == b"%d" % number
        connection.request("POST", f"{ROOT}/invocation/r-{number}/response", b"done %d" % number)
        assert connection.getresponse().read() == b""
        assert answer.result(SOON).payload == b"done %d" % number
    connection.close()


def test_an_answer_to_another_invocation_is_refused(api: RuntimeApi) -> None:
    answer = begun(api)
    assert ask(api, "POST", f"{ROOT}/invocation/r-0/response", b"late")[0] == 400
    assert not answer.done()


def test_a_second_answer_is_refused_and_the_first_one_stands(api: RuntimeApi) -> None:
    answer = begun(api)
    assert ask(api, "POST", f"{ROOT}/invocation/r-1/response", b"first")[0] == 202
    assert ask(api, "POST", f"{ROOT}/invocation/r-1/error", b"second")[0] == 400
    assert answer.result(SOON) == Answer(b"first", is_error=False)


def test_an_answer_before_any_invocation_is_refused(api: RuntimeApi) -> None:
    assert ask(api, "POST", f"{ROOT}/invocation/r-1/response", b"{}")[0] == 400


@pytest.mark.parametrize("size", [0, 1, 100_000, 6_000_000])
def test_an_answer_of_any_size_arrives_whole(api: RuntimeApi, size: int) -> None:
    answer = begun(api)
    ask(api, "POST", f"{ROOT}/invocation/r-1/response", b"x" * size)
    assert answer.result(SOON).payload == b"x" * size


def test_an_answer_may_come_in_chunks(api: RuntimeApi) -> None:
    answer = begun(api)
    chunks = [b'{"a":', b"1" * 70_000, b"}"]
    status, _, _ = ask(api, "POST", f"{ROOT}/invocation/r-1/response", iter(chunks), encode_chunked=True)
    assert status == 202
    assert answer.result(SOON).payload == b"".join(chunks)


def test_a_failed_initialisation_is_told_with_its_document(api: RuntimeApi) -> None:
    document = b'{"errorType": "Runtime.ImportModuleError"}'
    assert ask(api, "POST", f"{ROOT}/init/error", document)[0] == 202
    assert api.ready.result(SOON) == document


def test_an_initialisation_error_after_the_first_request_changes_nothing(api: RuntimeApi) -> None:
    begun(api)
    assert ask(api, "POST", f"{ROOT}/init/error", b"{}")[0] == 202
    assert api.ready.result(SOON) is None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", f"{ROOT}/invocation/r-1/response"),
        ("POST", NEXT),
        ("POST", f"{ROOT}/invocation//response"),
    ],
)
def test_other_addresses_are_not_found(api: RuntimeApi, method: str, path: str) -> None:
    assert ask(api, method, path)[0] == 404


def test_two_processes_do_not_see_each_other_s_work(api: RuntimeApi) -> None:
    other = RuntimeApi()
    try:
        assert other.address != api.address
        answer = begun(other)
        assert ask(api, "POST", f"{ROOT}/invocation/r-1/response", b"mine")[0] == 400
        assert not answer.done()
    finally:
        other.close()


def test_it_listens_on_the_loopback_address_alone(api: RuntimeApi) -> None:
    assert api.address.startswith("127.0.0.1:")


def test_closing_ends_the_wait_of_a_process(api: RuntimeApi, pool: ThreadPoolExecutor) -> None:
    waiting = pool.submit(ask, api, "GET", NEXT)
    api.ready.result(SOON)
    api.close()
    with pytest.raises(http.client.RemoteDisconnected):
        waiting.result(SOON)


def test_nothing_listens_and_no_thread_is_left_after_closing(api: RuntimeApi) -> None:
    port = api.address.partition(":")[2]
    [serving] = [thread for thread in threading.enumerate() if thread.name == f"runtime-api-{port}"]
    api.close()
    serving.join(SOON)
    assert not serving.is_alive()
    # The thread ends first, the socket right after it.
    for closing in [thread for thread in threading.enumerate() if "_shut_down" in thread.name]:
        closing.join(SOON)
    with pytest.raises(ConnectionError):
        ask(api, "GET", NEXT)


@pytest.fixture
def client(api: RuntimeApi, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The fallback transport of the runtime interface client, loaded as a module of its own."""
    path = Path(taskguard.engine.__file__).parent / "functions" / "runtime_client" / "runtime_client.py"
    spec = importlib.util.spec_from_file_location("fallback_runtime_client", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", api.address)
    module.initialize_client("aws-lambda-python/3.13")
    return module


def test_the_fallback_client_brings_the_invocation_and_its_headers(api: RuntimeApi, client: ModuleType) -> None:
    api.submit(WORK)
    body, headers = client.next()
    assert body == WORK.payload
    assert headers["Lambda-Runtime-Aws-Request-Id"] == "r-1"
    assert headers["Lambda-Runtime-Deadline-Ms"] == "1700000000123"


def test_the_fallback_client_posts_results(api: RuntimeApi, client: ModuleType) -> None:
    answer = begun(api)
    client.post_invocation_result("r-1", '{"ü": 1}'.encode(), "application/json")
    assert answer.result(SOON) == Answer('{"ü": 1}'.encode(), is_error=False)


def test_the_fallback_client_posts_errors(api: RuntimeApi, client: ModuleType) -> None:
    answer = begun(api)
    client.post_error("r-1", json.dumps({"errorMessage": "böse"}, ensure_ascii=False), "{}", "an id")
    posted = answer.result(SOON)
    assert posted.is_error
    assert json.loads(posted.payload) == {"errorMessage": "böse"}


def test_the_fallback_client_raises_when_an_answer_is_refused(client: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="400"):
        client.post_invocation_result("r-0", b"{}", "application/json")
    with pytest.raises(RuntimeError, match="400"):
        client.post_error("r-0", "{}", "{}")


def test_the_fallback_client_raises_when_there_is_no_such_address(
    client: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_ROOT", "/elsewhere")
    with pytest.raises(RuntimeError, match="404"):
        client.next()
