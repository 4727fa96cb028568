"""Docker that is not there, does not answer, or refuses: one line that says so, in bounded time."""

from __future__ import annotations

import gc
import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from taskguard.errors import TargetError
from taskguard.targets import docker_daemon
from taskguard.targets.docker import PUBLIC_IMAGE, DockerInstance, LocalStackInDocker
from taskguard.targets.process import PortTakenError
from taskguard.targets.registry import instance_from_json

from tests.unit.taskguard.cli_support import Command

IMAGE = "some/image:1"


@pytest.fixture(autouse=True)
def no_docker_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")


def start(tmp_path: Path, *, port: int = 0) -> str:
    """The reason why the target does not start."""
    target = LocalStackInDocker(tmp_path / "engine", IMAGE, port=port)
    with pytest.raises(TargetError) as refusal:
        target.start()
    assert len(str(refusal.value).splitlines()) == 1
    return str(refusal.value)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_without_a_daemon_the_reason_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    reason = start(tmp_path)
    # Docker's library forgets a socket to which it could not connect, and Python warns of it when it finds it.
    gc.collect()
    assert "reaching Docker at unix:///nowhere/docker.sock: no such file or directory" in reason
    assert "--target localstack needs none" in reason
    assert not (tmp_path / "engine").exists()


def test_a_closed_port_is_a_refused_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{closed.getsockname()[1]}")
        assert "connection refused" in start(tmp_path)


def test_a_daemon_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_daemon, "ANSWER_SECONDS", 0.05)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        assert "it does not answer" in start(tmp_path)
    assert time.monotonic() - began < 10


def test_the_command_ends_with_4(taskguard: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskguard.service.deployment.get_ready", lambda *_: None)
    ended = taskguard("grade", "--target", "docker", "--tasks", "1")
    assert ended.status == 3
    assert ended.err.startswith("taskguard: reaching Docker at ")
    assert len(ended.err.strip().splitlines()) == 1


def test_an_image_that_cannot_be_pulled_names_the_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        "GET /images/some/image:1/json": (404, {"message": "No such image: some/image:1"}),
        "POST /images/create": (500, {"message": "Get the registry: no\nsuch host."}),
    }
    with daemon(answers, monkeypatch):
        reason = start(tmp_path)
    assert reason.startswith(f"pulling the image {IMAGE}: Get the registry: no such host. Where no registry")
    assert "LOCALSTACK_IMAGE=taskguard/localstack-stand-in" in reason  # pragma: allowlist secret


def test_a_daemon_of_another_machine_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with daemon({}, monkeypatch):
        monkeypatch.setattr("testcontainers.core.config.testcontainers_config.tc_host_override", "far.example")
        assert "it is not on this machine" in start(tmp_path)


def test_a_taken_port_is_refused_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"GET /images/some/image:1/json": (200, {"Id": "sha256:1", "Config": {"Labels": {}}})}
    with daemon(answers, monkeypatch), socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port}.*--port"):
            LocalStackInDocker(tmp_path, IMAGE, port=port).start()


def test_an_instance_is_found_again_by_another_process(tmp_path: Path) -> None:
    instance = DockerInstance(
        name="taskguard-1",
        port=4000,
        folder=str(tmp_path),
        guarded=str(tmp_path / "guarded"),
        region="eu-central-1",
        image=PUBLIC_IMAGE,
        image_id="sha256:1",
        docker="20.10",
        localstack="4.13.1",
    )
    assert instance_from_json(instance.to_json()) == instance
    endpoint = instance.endpoint()
    assert (endpoint.target, endpoint.url, endpoint.recording) == ("docker", "http://127.0.0.1:4000", None)
    assert dict(endpoint.versions)["image id"] == "sha256:1"


@contextmanager
def daemon(answers: Mapping[str, tuple[int, object]], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A daemon of few words: what it answers, by method and path."""
    known = {"GET /version": (200, {"ApiVersion": "1.41", "Version": "20.10"}), **answers}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.removeprefix("/v1.41").split("?")[0]
            status, document = known[f"{self.command} {path}"]
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_port}")
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
