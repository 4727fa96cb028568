"""What a test lets become of its tasks: the faults that are handed over, what is refused, and what is said of those that did not strike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as changed
from taskguard.contract.contract import Attempts, Contract, Failures
from taskguard.contract.dialect import Dialect, IngressWords
from taskguard.contract.terms import Terms
from taskguard.errors import ConfigurationError, FaultPlanError
from taskguard.faults.fates import FirstFailures
from taskguard.faults.plan import Phase, Plan
from taskguard.history import AttemptFailed, AttemptSucceeded, Delivered, FaultInjected, History
from taskguard.ingress.workload import Task
from taskguard.run.running import Run
from taskguard.service.failure_rate import simulate_none, simulates_none
from taskguard.testing import fates as fates_module
from taskguard.testing.fates import Fates

from tests.unit.taskguard.fake_aws import Fakes
from tests.unit.taskguard.recorder_lines import STACK, function

WORKER = function("TaskGuard-dev-processTask")
THEIR_STACK = replace(STACK, functions=(WORKER,))
THEIRS = Terms(contract=Contract(attempts=Attempts(most="as-deployed")), dialect=Dialect())


class Functions:
    """The functions' environments, as Lambda has them."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = dict(variables)

    def get_function_configuration(self, **_: str) -> Mapping[str, Any]:
        return {"Environment": {"Variables": self.variables}, "LastUpdateStatus": "Successful"}

    def update_function_configuration(self, *, FunctionName: str, Environment: Mapping[str, Any]) -> None:  # noqa: N803
        assert FunctionName == WORKER.name
        self.variables = Environment["Variables"]


def place(recording: Path | None, **variables: str) -> Fakes:
    """An engine, which may record, whose functions have some environment."""
    lambdas: Any = Functions(variables)
    return Fakes(recording=recording, lambdas=lambdas)


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The faults of each plan that the engine was given."""
    found: list[str] = []

    @contextmanager
    def injecting(_endpoint: object, _stack: object, plan: Plan, _dialect: object) -> Iterator[None]:
        found.append("; ".join(map(str, plan.faults)))
        yield

    monkeypatch.setattr(fates_module, "injecting", injecting)
    return found


def fates_at(endpoint: Fakes, terms: Terms = THEIRS, failure_rate: str | None = None) -> Fates:
    return Fates(Run(endpoint=endpoint, stack=THEIR_STACK, terms=terms), failure_rate, nullcontext)


@pytest.fixture
def engine(tmp_path: Path) -> Fakes:
    (tmp_path / "recorder.jsonl").write_text("")
    return place(tmp_path / "recorder.jsonl", FAILURE_RATE="0.3", TABLE="t")


def test_each_failure_is_a_fault_of_its_own_and_a_death_is_one_of_all() -> None:
    twice = FirstFailures(failures=2, dies=False)
    assert [*map(str, twice.faults("t-1", ["work"]))] == [
        "fail when=before function=work task=t-1 receive=1",
        "fail when=before function=work task=t-1 receive=2",
    ]
    dies = FirstFailures(failures=3, dies=True, when=Phase.AFTER)
    assert [*map(str, dies.faults("t-1", ["work"]))] == ["fail when=after function=work task=t-1"]


def test_a_call_is_denied_to_the_consumers_alone() -> None:
    denied = FirstFailures(failures=1, dies=False, call="PutItem")
    assert [*map(str, denied.faults("t-1", ["a", "b"]))] == [
        "deny when=before function=a call=PutItem task=t-1 receive=1",
        "deny when=before function=b call=PutItem task=t-1 receive=1",
    ]


def test_the_engine_knows_before_a_task_is_handed_in_whose_id_is_known(engine: Fakes, handed_over: list[str]) -> None:
    fates = fates_at(engine)
    fates.want("t-1", 1)
    fates.want("t-2", 0)
    tasks = [Task(task_id=each, payload={}) for each in ("t-1", "t-2")]
    with fates.around(tasks):
        assert handed_over == ["fail when=before function=work task=t-1 receive=1"]
    with fates.around(tasks):
        assert len(handed_over) == 1, "handed in a second time it is the same task"


def test_the_engine_knows_before_anything_is_consumed_where_the_service_makes_the_id(
    engine: Fakes, handed_over: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Switch:
        is_off = False

        def __init__(self, *_: object) -> None: ...

        @contextmanager
        def off(self) -> Iterator[None]:
            Switch.is_off = True
            yield
            Switch.is_off = False

    monkeypatch.setattr(fates_module, "Switch", Switch)
    fates = fates_at(engine, changed(THEIRS, dialect=Dialect(ingress=IngressWords(id="answer"))))
    fates.want("t-1", 3)
    fates.want("refused", 1)
    with fates.around([Task(task_id=each, payload={}) for each in ("t-1", "refused")]) as are_known:
        assert Switch.is_off
        are_known({"t-1": "made-by-them"})
        assert handed_over == ["fail when=before function=work task=made-by-them"]
    assert not Switch.is_off


def test_more_failures_than_receives_are_refused(engine: Fakes) -> None:
    with pytest.raises(FaultPlanError, match=r"4 failures are wanted, .* after 3 receives"):
        fates_at(engine).want("t-1", 4)


def test_where_nothing_is_recorded_nothing_can_be_made_to_fail(engine: Fakes) -> None:
    elsewhere = place(None)
    fates_at(elsewhere).want("t-1", 0)
    with pytest.raises(FaultPlanError, match=r"no engine that can be told to.*--taskguard-target localstack"):
        fates_at(elsewhere).want("t-1", 1)


def test_who_simulates_failures_is_asked_for_the_variable_with_their_rate(engine: Fakes) -> None:
    simulating = changed(THEIRS, contract=Contract(failures=Failures(rate=0.3)))
    with pytest.raises(FaultPlanError, match=r'30% of them.*\n.*\n  failure_rate = "FAILURE_RATE"'):
        fates_at(engine, simulating).want("t-1", 0)


def test_a_rate_that_somebody_else_has_set_is_told(engine: Fakes) -> None:
    with pytest.raises(FaultPlanError, match="FAILURE_RATE of the stack's functions is not 0"):
        fates_at(engine, failure_rate="FAILURE_RATE").want("t-1", 0)
    simulate_none(engine, THEIR_STACK, "FAILURE_RATE")
    functions: Any = engine.functions()
    assert functions.variables == {"FAILURE_RATE": "0", "TABLE": "t"}
    assert simulates_none(engine, THEIR_STACK, "FAILURE_RATE")
    fates_at(engine, failure_rate="FAILURE_RATE").want("t-1", 0)


def test_a_rate_that_is_no_number_is_not_none(engine: Fakes) -> None:
    assert not simulates_none(engine, THEIR_STACK, "TABLE")


def test_a_variable_that_no_function_has_is_told(engine: Fakes) -> None:
    with pytest.raises(ConfigurationError, match=r"no function has the variable RATE .* failure_rate below"):
        simulate_none(engine, THEIR_STACK, "RATE")


def struck(receive: int) -> FaultInjected:
    return FaultInjected(
        at_ms=2.0,
        until_ms=None,
        kind="fail",
        when="before",
        fault="fail",
        function="work",
        call=None,
        number=None,
        task_ids=("t-1",),
        receive_count=receive,
        delivery_id=f"r{receive}",
    )


def of_delivery(receive: int) -> dict[str, Any]:
    return {"task_id": "t-1", "message_id": "m", "receive_count": receive, "delivery_id": f"r{receive}"}


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([struck(1), struck(2)], None),
        ([struck(1)], "2 attempts of task t-1 should have been made to fail, and 1 could be: its messages were not"),
        (
            [
                Delivered(at_ms=1.0, **of_delivery(1), payload={}),
                AttemptFailed(at_ms=3.0, **of_delivery(1), reason="by itself"),
                struck(2),
                Delivered(at_ms=4.0, **of_delivery(2), payload={}),
                AttemptSucceeded(at_ms=5.0, **of_delivery(2)),
            ],
            "and 1 could be: the service itself failed 1 attempt of it",
        ),
    ],
)
def test_a_task_that_did_not_fail_as_often_is_told_with_the_reason(
    engine: Fakes, handed_over: list[str], events: list[Any], said: str | None
) -> None:
    fates = fates_at(engine)
    fates.want("t-1", 2)
    with fates.around([Task(task_id="t-1", payload={})]):
        assert handed_over
    missed = fates.missed(History(events), "t-1")
    assert missed is None if said is None else missed is not None and said in missed
    assert fates.missed(History(events), "another") is None
