"""Behaviours: how they are registered, and what comes of an attempt."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from taskguard.conformance import behaviour as behaviours
from taskguard.conformance import running
from taskguard.conformance.behaviour import Behaviour, Outcome, Result, behaviour, expect
from taskguard.conformance.catalogue import ALL, chosen
from taskguard.conformance.context import Context, NotSetUp, in_good_time
from taskguard.conformance.functions import package
from taskguard.conformance.running import attempted, try_all
from taskguard.conformance.table import as_json, exit_code, in_short
from taskguard.errors import ConfigurationError
from taskguard.support.clocks import Clock
from taskguard.targets.base import Endpoint

ENDPOINT = Endpoint(target="localstack", url="http://127.0.0.1:9", region="eu-central-1", versions=(("one", "1"),))


def made(attempt: Callable[[Context], None], **more: Any) -> Behaviour:
    return Behaviour(id="one", documented="It does.", page="https://docs.aws.amazon.com/", attempt=attempt, **more)


def outcome_of(attempt: Callable[[Context], None]) -> Result:
    return attempted(made(attempt), ENDPOINT, "role")


def refusal(status: int, code: str, message: str = "") -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "SendMessage")


def raising(error: Exception) -> Callable[[Context], None]:
    def attempt(_: Context) -> None:
        raise error

    return attempt


def test_each_behaviour_has_an_id_a_sentence_and_a_page_of_aws() -> None:
    assert len(ALL) >= 60
    for each in ALL:
        assert each.id == each.id.lower().replace(" ", "-").replace("_", "-")
        assert each.documented.endswith(".")
        assert each.page.startswith("https://docs.aws.amazon.com/")


def test_two_behaviours_of_one_id_are_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behaviours, "_registered", {})
    register = behaviour("one", "It does.", "https://docs.aws.amazon.com/")
    register(lambda _: None)
    with pytest.raises(ValueError, match="one"):
        register(lambda _: None)


def test_behaviours_are_chosen_by_their_ids() -> None:
    assert chosen() == ALL
    assert [each.id for each in chosen(["tags", "purge"])] == ["tags", "purge"]
    with pytest.raises(ConfigurationError, match=r"--only tag: .*tags"):
        chosen(["tag"])


def test_an_attempt_that_returns_is_right() -> None:
    assert outcome_of(lambda _: None) == Result(id="one", outcome=Outcome.RIGHT)


@pytest.mark.parametrize(
    ("error", "outcome", "seen"),
    [
        (AssertionError("2 came"), Outcome.WRONG, "2 came"),
        (refusal(400, "InvalidParameterValue", "no"), Outcome.WRONG, "SendMessage: InvalidParameterValue: no"),
        (refusal(400, "InvalidAction", "what?"), Outcome.NOT_THERE, "SendMessage: InvalidAction: what?"),
        (refusal(500, "InternalError", "not yet implemented"), Outcome.NOT_THERE, "not yet implemented"),
        (refusal(501, "Whatever"), Outcome.NOT_THERE, "Whatever"),
        (refusal(500, "InternalError", "oh"), Outcome.NOT_TRIED, "oh"),
        (EndpointConnectionError(endpoint_url="x"), Outcome.NOT_TRIED, "x"),
        (NotSetUp("no function"), Outcome.NOT_TRIED, "no function"),
        (KeyError("Messages"), Outcome.NOT_TRIED, "KeyError: 'Messages'"),
    ],
)
def test_what_an_attempt_raises_decides(error: Exception, outcome: Outcome, seen: str) -> None:
    result = outcome_of(raising(error))
    assert result.outcome is outcome
    assert seen in result.seen


def test_a_call_that_never_returns_ends_the_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "seconds_for", lambda *_: 0.0)
    monkeypatch.setattr(running, "_HANGING_SECONDS", 0.01)
    result = outcome_of(lambda _: time.sleep(5))
    assert (result.outcome, result.seen) == (Outcome.NOT_TRIED, "a call did not return within 0 s")


def test_what_was_made_is_removed_however_the_attempt_ends() -> None:
    removed: list[str] = []

    def attempt(context: Context) -> None:
        context.remove_later(lambda: removed.append("first"))
        context.remove_later(raising_call)
        context.remove_later(lambda: removed.append("last"))
        expect(False, "as asked")

    def raising_call() -> None:
        raise refusal(400, "Gone")

    thread_done = attempted(made(attempt), ENDPOINT, "role")
    assert thread_done.outcome is Outcome.WRONG
    assert removed == ["last", "first"]


def test_what_is_refused_is_as_expected_and_what_is_accepted_is_not() -> None:
    context = Context(ENDPOINT, "role", time.monotonic() + 5)
    with context.refused("it"):
        raise refusal(400, "InvalidParameterValue")
    with pytest.raises(AssertionError, match="accepted: it"), context.refused("it"):
        pass
    for status, code in ((500, "InternalError"), (400, "InvalidAction")):
        with pytest.raises(ClientError), context.refused("it"):
            raise refusal(status, code)


def test_an_attempt_whose_time_is_over_fails_with_what_was_missing() -> None:
    context = Context(ENDPOINT, "role", time.monotonic() - 1)
    with pytest.raises(AssertionError, match="nothing came"):
        context.wait_until(lambda: False, "nothing came")
    context.wait_until(lambda: True, "nothing came")


@pytest.mark.parametrize(("took", "fits"), [(4.7, False), (4.9, True), (9.9, True), (10.1, False)])
def test_a_wait_may_be_late_and_not_early(took: float, fits: bool) -> None:
    if fits:
        in_good_time(took, 5)
        return
    with pytest.raises(AssertionError, match="not 5"):
        in_good_time(took, 5)


def test_what_may_hold_up_others_is_tried_after_them(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr(running, "_role", lambda _: NoRole())

    def attempted(one: Behaviour, *_: object) -> Result:
        order.append(one.id)
        return Result(id=one.id, outcome=Outcome.RIGHT)

    monkeypatch.setattr(running, "attempted", attempted)
    alone, other = made(lambda _: None, alone=True), made(lambda _: None)
    asked = [
        Behaviour(id=name, documented="", page="", attempt=each.attempt, alone=each.alone)
        for name, each in (("alone", alone), ("other", other))
    ]
    told: list[str] = []
    results = try_all(asked, ENDPOINT, lambda result: told.append(result.id))
    assert [each.id for each in results] == ["alone", "other"]
    assert order == told == ["other", "alone"]


@pytest.mark.parametrize("second", [Outcome.RIGHT, Outcome.WRONG])
def test_what_is_wrong_is_tried_once_more_and_counts_then(monkeypatch: pytest.MonkeyPatch, second: Outcome) -> None:
    outcomes = iter([Outcome.WRONG, second])
    monkeypatch.setattr(running, "_role", lambda _: NoRole())
    monkeypatch.setattr(running, "attempted", lambda one, *_: Result(id=one.id, outcome=next(outcomes)))
    told: list[Outcome] = []
    (result,) = try_all([made(lambda _: None)], ENDPOINT, lambda each: told.append(each.outcome))
    assert result.outcome is second
    assert told == [second]


class NoRole:
    """A context manager that makes none."""

    def __enter__(self) -> str:
        return "role"

    def __exit__(self, *_: object) -> None:
        pass


def test_what_waits_for_the_clock_gets_less_time_where_it_runs_fast() -> None:
    slow = made(lambda _: None, seconds=300)
    fast = Endpoint(target="localstack", url="http://x", region="r", clock=Clock(60))
    assert running.seconds_for(slow, fast) < running.seconds_for(slow, ENDPOINT)
    assert running.seconds_for(slow, ENDPOINT) > 300


def test_a_package_reports_and_then_runs_the_source() -> None:
    with zipfile.ZipFile(io.BytesIO(package("return 1"))) as archive:
        text = archive.read("task.py").decode()
    assert text.endswith("records=records)\n    return 1\n")
    compile(text, "task.py", "exec")
    assert package("return 1") == package("return 1")


def results(*outcomes: Outcome) -> list[Result]:
    return [Result(id=str(number), outcome=outcome) for number, outcome in enumerate(outcomes)]


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ((Outcome.RIGHT, Outcome.NOT_THERE), 0),
        ((Outcome.RIGHT, Outcome.WRONG, Outcome.NOT_TRIED), 1),
        ((Outcome.RIGHT, Outcome.NOT_TRIED), 2),
    ],
)
def test_a_wrong_one_fails_and_one_that_was_not_tried_leaves_it_unknown(
    outcomes: tuple[Outcome, ...], code: int
) -> None:
    assert exit_code(results(*outcomes)) == code


def test_results_in_short_and_for_programs() -> None:
    found = [Result(id="one", outcome=Outcome.WRONG, seen="2 came")]
    assert in_short([*found, *results(Outcome.RIGHT)]) == "1 right, 1 wrong"
    document: Any = as_json([made(lambda _: None)], found, ENDPOINT)
    assert (document["target"], document["versions"], document["exit_code"]) == ("localstack", {"one": "1"}, 1)
    (only,) = document["behaviours"]
    assert (only["id"], only["outcome"], only["seen"], only["documented"]) == ("one", "wrong", "2 came", "It does.")
