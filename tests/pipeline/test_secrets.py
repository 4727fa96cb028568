"""Of what lets somebody in, nothing is left behind: not in an engine's files, the functions' logs, a run's folder or its reports."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests
from requests.auth import AuthBase
from taskguard.history import SavedRun
from taskguard.ingress.access import ApiKey, access_to
from taskguard.ingress.http_client import HttpClient
from taskguard.ingress.load import plain_load
from taskguard.judging.grading import grade
from taskguard.reports.as_json import GRADE_FILE, write_grade
from taskguard.reports.as_junit import write_junit
from taskguard.reports.html import write_report
from taskguard.run.manifests import digests_of_service, manifest_of
from taskguard.run.running import Run
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint
from taskguard.targets.localstack import LocalStackInstance
from taskguard.targets.registry import instance_from_json
from taskguard.testing.shared_engine import SharedEngine

from tests.places import PROJECT
from tests.terms import our_terms

pytestmark = [pytest.mark.heavy, pytest.mark.in_process]

SEED = "2026"
USERS = "of-the-user-alone-and-no-engines"


class Noted(AuthBase):
    """Lets in as another does, and notes what was sent for it."""

    def __init__(self, auth: AuthBase) -> None:
        self._auth = auth
        self.sent: set[str] = set()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request = self._auth(request)
        self.sent |= {str(request.headers[name]) for name in ("x-api-key", "Authorization") if name in request.headers}
        return request


@pytest.fixture
def users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, f"{USERS}-{name}")


@pytest.mark.usefixtures("users_own")
@pytest.mark.parametrize("way", ["apiKey", "iam"])
def test_a_run_leaves_nothing_behind_that_lets_anybody_in(
    endpoint: Endpoint, deploy: Callable[..., Stack], shared_engine: SharedEngine, tmp_path: Path, way: str
) -> None:
    # What becomes of the tasks matters not, but that all functions log all that they ever do: one task in two dies, soon.
    stack = deploy(f"secret-{way.lower()}", apiAuth=way, failureRate="0.8", backoffBaseSeconds="1", backoffFactor="1")
    show_environments(endpoint, stack)
    auth = access_to(endpoint, stack)
    assert auth is not None
    noted = Noted(auth)
    client = HttpClient(stack.api_url, auth=noted)
    # Some are refused: a wrong key, a wrong body.
    HttpClient(stack.api_url, auth=ApiKey(f"{USERS}-mistyped")).get("a")
    client.post(b"{")
    client.get("a")
    run = Run(endpoint=endpoint, stack=stack, terms=our_terms(rate=0.8), alone=False)
    graded(run, tmp_path)

    secrets = {USERS, "AWS4-HMAC-SHA256", *noted.sent, *secrets_of_functions(endpoint, shared_engine, stack)}
    # The key, or a signature; and what a function signs with.
    assert len(secrets) >= 2 + 1 + 2
    searched = dict(texts(endpoint, stack, [tmp_path, shared_engine.folder]))
    assert {name for name in searched if name.endswith(("engine.log", "flight-recorder.jsonl", "report.html"))}
    assert any(name.startswith("/aws/lambda/") for name in searched)
    found = {name for name, text in searched.items() for secret in secrets if secret in text}
    assert found == set()
    # That functions got the header is known, and that is all that is known of it.
    recorded = searched[str(endpoint.recording)]
    assert re.search(r"x-api-key|authorization", recorded, re.IGNORECASE)
    assert "(not recorded)" in recorded


def graded(run: Run, folder: Path) -> None:
    """All that ``taskguard grade`` writes."""
    history = run.of(plain_load(SEED, 4))
    manifest = manifest_of(run, 4, digests_of_service(PROJECT))
    SavedRun(history=history, manifest=manifest).write(folder)
    verdicts = grade(history, manifest.terms)
    write_grade(folder / GRADE_FILE, verdicts, history, manifest.terms, manifest.clock_scale)
    write_junit(folder, verdicts, history, manifest.target)
    write_report(folder, verdicts, history, manifest)


def show_environments(endpoint: Endpoint, stack: Stack) -> None:
    """Have functions started by their command: a process that was forked shows the environment of what it was forked from."""
    functions = endpoint.functions()
    for each in stack.functions:
        told = functions.get_function_configuration(FunctionName=each.name)
        variables = {**told["Environment"]["Variables"], "PYTHONDONTWRITEBYTECODE": "1"}
        functions.update_function_configuration(FunctionName=each.name, Environment={"Variables": variables})
        functions.get_waiter("function_updated_v2").wait(FunctionName=each.name, WaiterConfig={"Delay": 1})


def secrets_of_functions(endpoint: Endpoint, shared_engine: SharedEngine, stack: Stack) -> set[str]:
    """What the functions' processes sign with."""
    instance = instance_from_json((shared_engine.folder / "engine.json").read_text())
    assert isinstance(instance, LocalStackInstance)
    environments = [process.environ() for process in psutil.Process(instance.pid).children(recursive=True)]
    names = {each.name for each in stack.functions}
    ours = [each for each in environments if each.get("AWS_LAMBDA_FUNCTION_NAME") in names]
    assert ours
    return {each[name] for each in ours for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}


def texts(endpoint: Endpoint, stack: Stack, folders: list[Path]) -> Iterator[tuple[str, str]]:
    """All that a run leaves, by file or log group."""
    files = {file for folder in folders for file in folder.rglob("*") if file.is_file()}
    for file in sorted({*files, *(path for path in (endpoint.log, endpoint.recording) if path is not None)}):
        yield str(file), file.read_text(errors="replace")
    for group in sorted(each.log_group for each in stack.functions):
        pages = endpoint.logs().get_paginator("filter_log_events").paginate(logGroupName=group)
        yield group, "\n".join(event["message"] for page in pages for event in page["events"])
