"""Engines of others: which addresses are taken, what is asked of them, and what is never sent there."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from taskguard.errors import TargetError
from taskguard.places import Places
from taskguard.service.kept import from_env
from taskguard.targets.base import LOCAL_CREDENTIALS
from taskguard.targets.endpoint import EndpointInstance, ForeignEngine, address_of_engine
from taskguard.targets.names import TargetName
from taskguard.targets.registry import TargetOptions, instance_from_json, make

REGION = "eu-central-1"
NEW_FORM, OLD_FORM = "/_aws/execute-api/", "/restapis/"
Answers = Callable[[str], tuple[int, str]]
Start = Callable[[Answers], str]


@pytest.fixture
def start() -> Iterator[Start]:
    """An engine that answers as told; its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(answers: Answers) -> str:
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), handler(answers)))
        threading.Thread(target=servers[-1].serve_forever, args=(0.005,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def handler(answers: Answers) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = answers(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_POST = do_GET  # noqa: N815  # as the server has it

        def log_message(self, *args: object) -> None:
            pass

    return Handler


def engine(*, health: dict[str, str] | None = None, form: str = NEW_FORM, path: str = "") -> Answers:
    """Answers of an engine: its health at ``path``, and REST APIs in one ``form``. S3 answers whatever else is asked."""

    def answer(asked: str) -> tuple[int, str]:
        if asked == path:
            return 200, json.dumps({"services": {"sqs": "available"}, **(health or {})})
        if asked.startswith("/restapis?"):
            return 200, json.dumps({"item": []})
        if asked.startswith(form):
            return 404, json.dumps({"message": "Not Found"})
        return 404, "<Error><Code>NoSuchBucket</Code></Error>"

    return answer


@pytest.mark.parametrize(
    ("answers", "engine_and_version", "form"),
    [
        (engine(path="/_ministack/health", health={"version": "1.5.33"}), ("ministack", "1.5.33"), NEW_FORM),
        (engine(path="/_localstack/health", health={"version": "4.13.1"}), ("localstack", "4.13.1"), NEW_FORM),
        (engine(path="/_localstack/health", health={"version": "1.4"}, form=OLD_FORM), ("localstack", "1.4"), OLD_FORM),
        (engine(path="/_localstack/health"), ("localstack", "unknown"), NEW_FORM),
        (engine(), ("engine", "unknown"), NEW_FORM),
    ],
)
def test_an_engine_is_asked_what_it_is_and_where_it_serves_apis(
    start: Start, answers: Answers, engine_and_version: tuple[str, str], form: str
) -> None:
    url = start(answers)
    with ForeignEngine(f"{url}/", region=REGION) as target:
        endpoint = target.start()
        assert instance_from_json(target.running.to_json()) == target.running
        assert target.running.is_running()
        assert not target.running.takes_stacks_along
    assert (endpoint.url, endpoint.versions) == (url, (engine_and_version,))
    assert endpoint.api_url("abc", "dev").startswith(f"{url}{form}abc/dev")
    assert endpoint.recording is None


def test_an_engine_without_a_known_form_of_apis_is_refused(start: Start) -> None:
    url = start(engine(form="/elsewhere/"))
    with pytest.raises(TargetError, match="where it serves REST APIs: it knows neither"):
        ForeignEngine(url, region=REGION).start()


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (403, '{"message": "who are you?"}'),
        (404, "<html>not found</html>"),
        (200, "<html>welcome</html>"),
        (200, "{}"),
        (200, "[]"),
        (200, "welcome"),
    ],
)
def test_what_is_no_engine_is_refused_in_one_line(start: Start, status: int, text: str) -> None:
    url = start(lambda _: (status, text))
    with pytest.raises(TargetError, match=rf"^what answers at {url} is no AWS engine \(") as refused:
        ForeignEngine(url, region=REGION).start()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["<html>welcome</html>", "{}", "[]", "welcome"])
def test_what_has_taken_an_engines_address_is_told_in_one_line(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    url = start(lambda _: (200, text))
    (tmp_path / ".env").write_text(f"AWS_ENDPOINT_URL={url}\nAWS_REGION={REGION}\n")
    with pytest.raises(TargetError, match=rf"^what answers at {url} is no AWS engine \(") as refused:
        from_env(Places.of(tmp_path))
    assert "\n" not in str(refused.value)


def test_what_does_not_speak_http_is_refused_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            with server.accept()[0] as connection:
                connection.sendall(b"220 smtp ready\r\n")

        threading.Thread(target=greet, daemon=True).start()
        with pytest.raises(TargetError, match="is no AWS engine"):
            ForeignEngine(f"http://127.0.0.1:{server.getsockname()[1]}", region=REGION).start()


def test_an_engine_that_does_not_answer_is_told_of_in_one_line() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{silent.getsockname()[1]}"
    with pytest.raises(TargetError, match=r"it does not answer.*Is it running") as refusal:
        ForeignEngine(gone, region=REGION).start()
    assert "\n" not in str(refusal.value)
    assert not EndpointInstance(gone, REGION, NEW_FORM, "engine", "unknown").is_running()


@pytest.mark.parametrize("url", [None, ""])
def test_a_missing_address_is_asked_for(url: str | None) -> None:
    with pytest.raises(TargetError, match=r"address is not given.*--endpoint-url http://127"):
        address_of_engine(url)


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:4566",
        "localhost",
        "ftp://127.0.0.1",
        "http://",
        "http://:4566",
        "http://a:b",
        "http://a:99999",
        "h t",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(TargetError, match=r"no address of an engine.*--endpoint-url http://127"):
        address_of_engine(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://a:4566/path",
        "http://a/?x=1",
        "http://a/#x",
        "http://me:secret@a:4566",  # pragma: allowlist secret
    ],
)
def test_what_is_more_than_an_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(TargetError, match="Give these alone") as refusal:
        address_of_engine(url)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://sqs.eu-central-1.amazonaws.com",
        "https://AMAZONAWS.COM.",
        "https://sqs.cn-north-1.amazonaws.com.cn/",
        "https://lambda.eu-central-1.api.aws",
    ],
)
def test_aws_itself_is_refused(url: str) -> None:
    with pytest.raises(TargetError, match=r"AWS itself.*--target aws"):
        address_of_engine(url)


def test_addresses_that_look_like_aws_are_not_aws() -> None:
    assert address_of_engine("http://amazonaws.com.example:4566/") == "http://amazonaws.com.example:4566"
    assert address_of_engine("http://[::1]:4566") == "http://[::1]:4566"


def test_the_users_own_credentials_are_never_sent(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMINE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mine")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "mine")
    endpoint = ForeignEngine(start(engine()), region=REGION).start()
    credentials = endpoint.sqs()._request_signer._credentials  # type: ignore[attr-defined]
    assert credentials.access_key == LOCAL_CREDENTIALS["AWS_ACCESS_KEY_ID"]
    assert credentials.token is None
    assert "AKIAMINE" not in endpoint.environment().values()


@pytest.mark.parametrize("name", [TargetName.LOCALSTACK, TargetName.MINISTACK])
def test_an_address_for_a_target_that_has_its_own_is_refused(tmp_path: Path, name: TargetName) -> None:
    with pytest.raises(TargetError, match=f"no use with --target {name}"):
        make(name, TargetOptions(folder=tmp_path, cache=tmp_path, endpoint_url="http://127.0.0.1:4566"))
