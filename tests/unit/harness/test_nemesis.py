"""What is done to a stack from outside: at its time, told of, and undone whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness import deployment
from harness.clock import Clock
from harness.deployment import Stack
from harness.errors import DeploymentError, TaskGuardError
from harness.faults import nemesis as module
from harness.faults.nemesis import Nemesis, deploy_again, parameters_of
from harness.faults.plan import Plan, parse
from harness.history import EvidenceMissing, FaultInjected
from harness.paths import PROJECT
from harness.waiting import wait_for
from tests.unit.harness.fake_aws import WORKER, Fakes
from tests.unit.harness.recorder_lines import DEAD_ARN, STACK, WORK_ARN


@dataclass(frozen=True)
class Moving(Clock):
    """A clock that shows what it is told, in milliseconds."""

    shown: list[float] = field(default_factory=lambda: [1_000_000.0])
    seen: list[float] = field(default_factory=list)
    """What those who looked have seen, in order."""

    def now_ms(self) -> float:
        self.seen.append(self.shown[0])
        return self.seen[-1]

    def go_on(self, seconds: float) -> None:
        self.shown[0] += seconds * 1000


class Busy(Exception):
    """As `lambda.exceptions.ResourceInUseException`."""


@dataclass
class Mappings:
    """Lambda's event source mappings: one of the work queue, one of the dead-letter queue, and one that its owner has switched
    off. ``busy`` refuses so many changes; a change takes one look to be done, and while one ``is_stuck`` no look helps, and no
    other change is accepted."""

    states: dict[str, str] = field(default_factory=lambda: {"work": "Enabled", "dead": "Enabled", "off": "Disabled"})
    busy: int = 0
    is_stuck: bool = False
    listed: int = 0
    asked: list[tuple[str, bool]] = field(default_factory=list)

    class exceptions:  # noqa: N801  # as on a client of boto3
        ResourceInUseException = Busy

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_event_source_mappings"
        return type("Paginator", (), {"paginate": self._mappings})

    def _mappings(self, *, EventSourceArn: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        ids = {WORK_ARN: ["work", "off"], DEAD_ARN: ["dead"]}[EventSourceArn]
        self.listed += 1
        yield {"EventSourceMappings": [{"UUID": each, "State": self.states[each]} for each in ids]}

    def update_event_source_mapping(self, *, UUID: str, Enabled: bool) -> None:  # noqa: N803
        if self.busy:
            self.busy -= 1
            raise Busy
        if self.states[UUID].endswith("ing"):
            raise Busy
        self.asked.append((UUID, Enabled))
        self.states[UUID] = "Enabling" if Enabled else "Disabling"

    def get_event_source_mapping(self, *, UUID: str) -> dict[str, str]:  # noqa: N803
        state = self.states[UUID]
        if self.is_stuck:
            return {"State": state}
        self.states[UUID] = {"Enabling": "Enabled", "Disabling": "Disabled"}.get(state, state)
        return {"State": state}


@dataclass
class Place:
    """A stack with a clock that is moved by hand."""

    mappings: Mappings = field(default_factory=Mappings)
    clock: Moving = field(default_factory=Moving)

    def nemesis(self, lines: str, log: Path | None = None) -> Nemesis:
        endpoint = Fakes(lambdas=self.mappings, clock=self.clock)  # type: ignore[arg-type]
        return Nemesis(endpoint, STACK, Plan(seed="s", faults=parse(lines)), log)

    def go_on_to(self, seconds: float) -> None:
        """Let it be so many seconds after the beginning, and wait until somebody has seen it."""
        at_ms = 1_000_000.0 + seconds * 1000
        self.clock.shown[0] = at_ms
        wait_for(lambda: at_ms in self.clock.seen, seconds=10, every=0.001)

    def seen(self, **states: str) -> None:
        """Wait until the mappings are so."""
        wait_for(lambda: states.items() <= self.mappings.states.items(), seconds=10, every=0.001)

    def seen_in_time(self, seconds: float, **states: str) -> None:
        """Let so many seconds pass, and again as often as it takes until the mappings are so."""

        def are_so() -> bool:
            self.clock.go_on(seconds)
            return states.items() <= self.mappings.states.items()

        wait_for(are_so, seconds=10, every=0.01)


@pytest.mark.parametrize(("kind", "mapping"), [("consumer-off", "work"), ("monitor-off", "dead")])
def test_a_consumer_is_switched_off_at_its_time_and_on_again_after_its_while(kind: str, mapping: str) -> None:
    place = Place()
    with place.nemesis(f"{kind} from=20 for=5") as nemesis:
        place.clock.go_on(19.9)
        assert place.mappings.asked == []
        place.clock.go_on(0.1)
        place.seen(**{mapping: "Disabled"})
        place.clock.go_on(4.9)
        assert (mapping, True) not in place.mappings.asked
        place.seen_in_time(5.0, **{mapping: "Enabled"})
    assert place.mappings.asked == [(mapping, False), (mapping, True)]
    (event,) = nemesis.events
    assert isinstance(event, FaultInjected)
    assert (event.kind, event.fault) == (kind, f"{kind} from=20.0 for=5.0")
    assert event.at_ms == 1_020_000.0
    assert event.until_ms is not None
    assert event.until_ms >= 1_025_000.0
    assert event.task_ids == ()


def test_a_consumer_that_its_owner_switched_off_stays_so() -> None:
    place = Place()
    with place.nemesis("consumer-off for=1"):
        place.seen(work="Disabled")
    assert place.mappings.states["off"] == "Disabled"


def test_a_run_that_ends_early_leaves_all_switched_on_and_is_told_what_struck() -> None:
    place = Place()
    with place.nemesis("consumer-off for=1000; monitor-off from=500") as nemesis:
        place.seen(work="Disabled")
    assert place.mappings.states["work"] == place.mappings.states["dead"] == "Enabled"
    assert kinds(nemesis) == ["consumer-off"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_whatever_ends_a_run_all_is_switched_on_again(error: type[BaseException]) -> None:
    place = Place()

    def interrupted() -> None:
        with place.nemesis("consumer-off for=1000; monitor-off for=1000"):
            place.seen(work="Disabled", dead="Disabled")
            raise error

    with pytest.raises(error):
        interrupted()
    assert place.mappings.states["work"] == place.mappings.states["dead"] == "Enabled"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("nemesis")]


def kinds(nemesis: Nemesis) -> list[str]:
    return [event.kind for event in nemesis.events if isinstance(event, FaultInjected)]


def switched_off_by(nemesis: Nemesis) -> int:
    return nemesis._switches["consumer-off"]._off_for


def test_two_that_overlap_leave_it_off_until_both_are_over() -> None:
    place = Place()
    with place.nemesis("consumer-off for=5; consumer-off from=3 for=5000") as nemesis:
        place.seen(work="Disabled")
        place.clock.go_on(3.0)
        wait_for(lambda: switched_off_by(nemesis) == 2, seconds=10, every=0.001)

        def is_over_for_one() -> bool:
            place.clock.go_on(0.5)
            return switched_off_by(nemesis) == 1

        wait_for(is_over_for_one, seconds=10, every=0.01)
        assert place.mappings.states["work"] == "Disabled"
    assert place.mappings.states["work"] == "Enabled"
    assert len(nemesis.events) == 2


def test_one_that_begins_while_another_switches_on_leaves_nothing_off() -> None:
    place = Place()
    with place.nemesis("consumer-off for=5; consumer-off from=10 for=1000") as nemesis:
        place.seen(work="Disabled")
        place.mappings.is_stuck = True
        place.seen_in_time(1.0, work="Enabling")
        place.go_on_to(20)
        place.mappings.is_stuck = False
        place.seen(work="Disabled")
        assert len(nemesis.events) == 1
    assert place.mappings.states["work"] == "Enabled"
    assert kinds(nemesis) == ["consumer-off"] * 2


def test_one_that_overlaps_strikes_only_when_it_is_off() -> None:
    place = Place()
    place.mappings.is_stuck = True
    with place.nemesis("consumer-off for=1000; consumer-off from=3 for=1") as nemesis:
        place.seen(work="Disabling")
        place.go_on_to(50)
        place.clock.go_on(50)
        assert kinds(nemesis) == []
        place.mappings.is_stuck = False
        place.seen_in_time(1.0, work="Disabled")

        def is_over_for_one() -> bool:
            place.clock.go_on(0.5)
            return len(nemesis.events) == 1

        wait_for(is_over_for_one, seconds=10, every=0.01)
        assert place.mappings.states["work"] == "Disabled"
    assert kinds(nemesis) == ["consumer-off"] * 2
    the_shorter, _ = nemesis.events
    assert the_shorter.at_ms >= 1_100_000.0


def test_where_nothing_is_on_nothing_strikes() -> None:
    place = Place(mappings=Mappings(states={"work": "Disabled", "dead": "Enabled", "off": "Disabled"}))
    with place.nemesis("consumer-off for=1") as nemesis:
        wait_for(lambda: place.mappings.listed, seconds=10, every=0.001)
    assert (nemesis.events, place.mappings.asked) == ((), [])


def test_while_something_is_off_a_file_says_how_to_switch_it_on(tmp_path: Path) -> None:
    place, note = Place(), tmp_path / "engine" / module.NOTE
    with place.nemesis("consumer-off for=1000; monitor-off for=1000", tmp_path / "engine" / "deploy.log"):
        place.seen(work="Disabled", dead="Disabled")
        said = note.read_text()
    for mapping in ("work", "dead"):
        assert f"aws lambda update-event-source-mapping --uuid {mapping} --enabled --region eu-central-1" in said
    assert "--uuid off" not in said
    assert not note.exists()


def test_an_interrupt_while_it_is_switched_on_says_how_to_do_it(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place()

    def interrupt(_self: Mappings, *, UUID: str) -> dict[str, str]:  # noqa: N803
        raise KeyboardInterrupt if threading.current_thread() is threading.main_thread() else TaskGuardError(UUID)

    def interrupted() -> None:
        with place.nemesis("consumer-off for=1000"):
            place.seen(work="Disabled")
            monkeypatch.setattr(Mappings, "get_event_source_mapping", interrupt)

    with pytest.raises(TaskGuardError, match=r"interrupted\n.*\naws lambda .* --uuid work --enabled"):
        interrupted()


def test_a_mapping_that_is_being_changed_is_asked_again() -> None:
    place = Place(mappings=Mappings(busy=3))
    with place.nemesis("consumer-off for=1000"):
        place.seen(work="Disabled")
    assert place.mappings.states["work"] == "Enabled"


@pytest.fixture
def deploys(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The deploys in mid-run, as stage and seed; none is made."""
    made: list[tuple[str, str]] = []

    def deploy(_endpoint: object, stack: Stack, seed: str, _log: Path | None, _abandoned: object) -> None:
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

    def deploy(_endpoint: object, _stack: object, _seed: str, _log: object, abandoned: threading.Event) -> None:
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
    def fail(*_: object) -> None:
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


def test_a_consumer_that_cannot_be_switched_on_again_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SWITCHED_WITHIN_SECONDS", 0.3)
    place = Place()

    def stuck() -> None:
        with place.nemesis("consumer-off for=1000"):
            place.seen(work="Disabled")
            place.mappings.busy = 1_000_000

    with pytest.raises(TaskGuardError, match=r"(?s)Look at them with.*--uuid work --enabled"):
        stuck()


def test_a_deploy_has_other_code_and_the_parameters_that_the_stack_had(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def deploy(
        _endpoint: object,
        stage: str,
        *,
        parameters: dict[str, str],
        service: Path,
        log: Path | None,
        abandoned: object,
    ) -> None:
        assert abandoned is None
        comment = (
            (service / "handlers" / "__init__.py")
            .read_text()
            .removeprefix((PROJECT / "handlers" / "__init__.py").read_text())
        )
        same = (service / "serverless.yml").read_bytes() == (PROJECT / "serverless.yml").read_bytes()
        seen.update(stage=stage, parameters=parameters, comment=comment, same=same, log=log)

    monkeypatch.setattr(deployment, "deploy", deploy)
    monkeypatch.setattr(module, "parameters_of", lambda *_: {"failureRate": "0.3"})
    deploy_again(Fakes(), STACK, "one seed")
    assert (seen["stage"], seen["parameters"], seen["same"]) == (STACK.stage, {"failureRate": "0.3"}, True)
    first = seen["comment"]
    assert first.startswith("# Deployed again in the middle of run ")
    deploy_again(Fakes(), STACK, "another seed")
    assert seen["comment"] != first


def test_parameters_are_read_back_from_the_stack() -> None:
    class Configured:
        def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
            assert FunctionName == WORKER
            variables = {"FAILURE_RATE": "0.3", "FAILURE_SEED": "", "BACKOFF_BASE_SECONDS": "5", "STAGE": "dev"}
            return {"Environment": {"Variables": variables}, "TracingConfig": {"Mode": "Active"}}

    outputs = {"ProcessTaskFunctionName": WORKER, "ApiAuth": "iam"}
    stack = Stack(**{**_fields(STACK), "outputs": outputs})
    endpoint = Fakes(lambdas=Configured())  # type: ignore[arg-type]
    assert parameters_of(endpoint, stack) == {
        "failureRate": "0.3",
        "backoffBaseSeconds": "5",
        "tracing": "true",
        "apiAuth": "iam",
    }


def test_the_names_of_the_api_keys_are_read_back_the_first_one_first() -> None:
    class Keys:
        def get_paginator(self, operation: str) -> Any:
            assert operation == "list_stack_resources"
            return type("Paginator", (), {"paginate": self._resources})

        def _resources(self, *, StackName: str) -> Iterator[dict[str, Any]]:  # noqa: N803
            assert StackName == f"TaskGuard-{STACK.stage}"
            kinds = {"k-2": "AWS::ApiGateway::ApiKey", "k-1": "AWS::ApiGateway::ApiKey", "t": "AWS::DynamoDB::Table"}
            for name, kind in kinds.items():
                yield {"StackResourceSummaries": [{"PhysicalResourceId": name, "ResourceType": kind}]}

        def get_api_key(self, *, apiKey: str) -> dict[str, str]:  # noqa: N803
            return {"name": f"TaskGuard-{STACK.stage}-" + {"k-1": "shop", "k-2": "reports"}[apiKey]}

    class Configured:
        def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
            return {"FunctionName": FunctionName}

    @dataclass(frozen=True, slots=True, kw_only=True)
    class WithKeys(Fakes):
        def apigateway(self) -> Any:
            return self.others["apigateway"]

    outputs = {"ProcessTaskFunctionName": WORKER, "ApiAuth": "apiKey", "ApiKeyId": "k-1"}  # pragma: allowlist secret
    endpoint = WithKeys(lambdas=Configured(), others={"cloudformation": Keys(), "apigateway": Keys()})  # type: ignore[arg-type]
    found = parameters_of(endpoint, Stack(**{**_fields(STACK), "outputs": outputs}))
    assert found == {"apiAuth": "apiKey", "apiKeys": "shop,reports"}  # pragma: allowlist secret


def _fields(stack: Stack) -> dict[str, Any]:
    return {name: getattr(stack, name) for name in Stack.__dataclass_fields__}
