"""A deploy in mid-run: at its time, told of, with what the stack had; and what goes wrong with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from taskguard.errors import DeploymentError
from taskguard.history import EvidenceMissing
from taskguard.places import Places
from taskguard.run.injecting import nemesis as module
from taskguard.run.injecting.nemesis import deploy_again
from taskguard.service import deployment
from taskguard.service.ours import parameters_of
from taskguard.service.stack import Stack
from taskguard.support.waiting import wait_for

from tests.places import PLACES, PROJECT
from tests.unit.taskguard.fake_aws import WORKER, Fakes
from tests.unit.taskguard.nemesis_place import Place, kinds
from tests.unit.taskguard.recorder_lines import STACK, let_in_by


@pytest.fixture
def deploys(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The deploys in mid-run, as stage and seed; none is made."""
    made: list[tuple[str, str]] = []

    def deploy(
        _endpoint: object, stack: Stack, seed: str, _log: Path | None, _abandoned: object, *, places: Places
    ) -> None:
        made.append((stack.stage, seed))

    monkeypatch.setattr(module, "deploy_again", deploy)
    return made


def test_a_deploy_is_made_at_its_time(deploys: list[tuple[str, str]]) -> None:
    place = Place()
    with place.nemesis("deploy from=30") as nemesis:
        place.clock.go_on(29.0)
        assert not deploys
        place.clock.go_on(1.0)
        wait_for(lambda: nemesis.events, seconds=10, every=0.001)
    assert deploys == [(STACK.stage, "s")]
    assert kinds(nemesis) == ["deploy"]


def test_a_deploy_of_an_interrupted_run_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, heeded = threading.Event(), []

    def deploy(
        _endpoint: object, _stack: object, _seed: str, _log: object, abandoned: threading.Event, *, places: Places
    ) -> None:
        begun.set()
        heeded.append(abandoned.wait(10))

    monkeypatch.setattr(module, "deploy_again", deploy)

    def interrupted() -> None:
        with Place().nemesis("deploy"):
            assert begun.wait(10)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert heeded == [True]


def test_a_fault_whose_time_never_came_leaves_no_event(deploys: list[tuple[str, str]]) -> None:
    place = Place()
    with place.nemesis("deploy from=30; kill-first") as nemesis:
        place.clock.go_on(1.0)
    assert (nemesis.events, deploys) == ((), [])


def _failing(problem: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise problem

    return fail


def test_what_went_wrong_leaves_it_open_whether_the_fault_struck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "deploy_again", _failing(DeploymentError("no deploy")))
    place = Place()
    with place.nemesis("deploy") as nemesis:
        wait_for(lambda: nemesis.events, seconds=10, every=0.001)
    (event,) = nemesis.events
    assert isinstance(event, EvidenceMissing)
    assert (event.affects, event.what) == (("FaultInjected",), "whether the fault `deploy` struck: no deploy")


def test_a_deploy_has_other_code_and_the_parameters_that_the_stack_had(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def deploy(
        _endpoint: object,
        stage: str,
        *,
        places: Places,
        parameters: dict[str, str],
        log: Path | None,
        abandoned: object,
    ) -> None:
        assert abandoned is None
        comment = (
            (places.service / "handlers" / "__init__.py")
            .read_text()
            .removeprefix((PROJECT / "handlers" / "__init__.py").read_text())
        )
        same = (places.service / "serverless.yml").read_bytes() == (PROJECT / "serverless.yml").read_bytes()
        seen.update(stage=stage, parameters=parameters, comment=comment, same=same, log=log)

    monkeypatch.setattr(deployment, "deploy", deploy)
    monkeypatch.setattr(module, "parameters_of", lambda *_: {"failureRate": "0.3"})
    deploy_again(Fakes(), STACK, "one seed", places=PLACES)
    assert (seen["stage"], seen["parameters"], seen["same"]) == (STACK.stage, {"failureRate": "0.3"}, True)
    first = seen["comment"]
    assert first.startswith("# Deployed again in the middle of run ")
    deploy_again(Fakes(), STACK, "another seed", places=PLACES)
    assert seen["comment"] != first


def test_parameters_are_read_back_from_the_stack() -> None:
    class Configured:
        def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
            assert FunctionName == WORKER
            variables = {"FAILURE_RATE": "0.3", "FAILURE_SEED": "", "BACKOFF_BASE_SECONDS": "5", "STAGE": "dev"}
            return {"Environment": {"Variables": variables}, "TracingConfig": {"Mode": "Active"}}

    stack = let_in_by(authorization="AWS_IAM")
    endpoint = Fakes(lambdas=Configured())  # type: ignore[arg-type]
    assert parameters_of(endpoint, stack) == {
        "failureRate": "0.3",
        "backoffBaseSeconds": "5",
        "tracing": "true",
        "apiAuth": "iam",
    }


def test_the_names_of_the_api_keys_are_read_back_the_first_one_first() -> None:
    class Keys:
        def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803
            assert StackName == STACK.name
            return {"Stacks": [{"Outputs": [{"OutputKey": "ApiKeyId", "OutputValue": "k-1"}]}]}

        def get_api_key(self, *, apiKey: str) -> dict[str, str]:  # noqa: N803
            return {"name": f"{STACK.name}-" + {"k-1": "shop", "k-2": "reports"}[apiKey]}

    class Configured:
        def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
            return {"FunctionName": FunctionName}

    @dataclass(frozen=True, slots=True, kw_only=True)
    class WithKeys(Fakes):
        def apigateway(self) -> Any:
            return self.others["apigateway"]

    endpoint = WithKeys(lambdas=Configured(), others={"cloudformation": Keys(), "apigateway": Keys()})  # type: ignore[arg-type]
    found = parameters_of(endpoint, let_in_by(key_ids=("k-2", "k-1"), needs_key=True))
    assert found == {"apiAuth": "apiKey", "apiKeys": "shop,reports"}  # pragma: allowlist secret
