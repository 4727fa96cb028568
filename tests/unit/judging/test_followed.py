"""Without a seed, failures that follow the clock, the size, the process or a count are found in all attempts."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from msgspec.structs import replace
from scipy.stats import fisher_exact
from taskguard.history import Delivered, Event
from taskguard.judging.statistics.association import association, fewest_that_tell
from taskguard.judging.verdict import Outcome, Verdict

from tests.terms import our_terms
from tests.unit.judging.batches import in_batches
from tests.unit.judging.building import (
    FIRST_TRY,
    SECOND_TRY,
    START_MS,
    UNSEEDED,
    ending,
    judge,
    missing,
    run,
    task,
)
from tests.unit.judging.failing import invocation_failed

COUNT = 60


class First(NamedTuple):
    """A first attempt: when it is delivered, how large its payload is, and its place among all."""

    at_ms: float
    size: int
    number: int


Fails = Callable[[First], bool]


def made(fails: Fails, seed: int = 1) -> list[Event]:
    """A run of tasks at random moments, with random sizes, in five processes by turns."""
    chance = random.Random(seed)
    events: list[Event] = []
    for number in range(COUNT):
        at_ms = START_MS + 4000.0 * number + chance.randrange(4000)
        size = chance.randrange(20, 200)
        failed = fails(First(at_ms + 30, size, number))
        payload = {"text": "x" * (size - len('{"text":""}'))}
        events += task(f"t{number}", SECOND_TRY if failed else FIRST_TRY, at_ms, payload=payload)
    return [*events, *ending(events)]


def in_processes(events: list[Event], process_of: Callable[[int], str]) -> list[Event]:
    """The events, each delivery in a process, by its place among all deliveries."""
    ordered = sorted(events, key=lambda event: event.at_ms)
    places = {id(each): place for place, each in enumerate(e for e in ordered if isinstance(e, Delivered))}
    return [replace(e, environment=process_of(places[id(e)])) if isinstance(e, Delivered) else e for e in ordered]


def told(events: list[Event]) -> str:
    verdict = judge("independence", events, UNSEEDED)
    assert verdict.outcome is Outcome.FAIL, verdict
    return "\n".join(finding.message for finding in verdict.findings)


def by_chance(_: First) -> bool:
    return _CHANCE.random() < 0.3


_CHANCE = random.Random(3)


def test_the_clock() -> None:
    assert "failures follow the clock: of " in told(made(lambda first: int(first.at_ms / 1000) % 2 == 0))
    assert "between 000 and 300 ms of a second" in told(made(lambda first: first.at_ms % 1000 < 300))
    assert "in each third second" in told(made(lambda first: int(first.at_ms / 1000) % 3 == 1))


def test_the_size() -> None:
    found = told(made(lambda first: first.size > 140))
    assert "failures follow the size: of " in found
    assert "with a payload of more than 1" in found


def test_one_process() -> None:
    processes = random.Random(2).choices("abcde", k=2 * COUNT)
    events = made(lambda first: processes[first.number] == "b")
    # Retries come seconds later, in no process of note.
    first = [
        e.delivery_id
        for e in sorted(events, key=lambda e: e.at_ms)
        if isinstance(e, Delivered) and e.receive_count == 1
    ]
    named = [
        replace(e, environment=processes[first.index(e.delivery_id)] if e.receive_count == 1 else "retries")
        if isinstance(e, Delivered)
        else e
        for e in events
    ]
    found = told(named)
    assert "failures follow the process: of " in found
    assert "attempts in one process" in found


def test_a_process_that_has_just_started() -> None:
    events = made(lambda first: first.number % 10 == 0)
    first = [e for e in sorted(events, key=lambda e: e.at_ms) if isinstance(e, Delivered) and e.receive_count == 1]
    place = {e.message_id: number // 10 for number, e in enumerate(first)}
    named = [
        replace(e, environment=str(place[e.message_id]) if e.receive_count == 1 else "retries")
        if isinstance(e, Delivered)
        else e
        for e in events
    ]
    assert "attempts in a process that had just started 6 failed" in told(named)


def test_a_count_that_a_process_keeps() -> None:
    events = made(lambda first: first.number % 3 == 2)
    alone = [
        replace(e, environment="retries" if e.receive_count > 1 else "one") if isinstance(e, Delivered) else e
        for e in events
    ]
    assert "attempts that were each third of their process" in told(alone)


@pytest.mark.parametrize("seed", range(5))
def test_what_chance_makes_passes_and_says_what_it_could_not_find(seed: int) -> None:
    processes = random.Random(seed).choices("abcde", k=2 * COUNT)
    verdict = judge("independence", in_processes(made(by_chance, seed), lambda place: processes[place]), UNSEEDED)
    assert verdict.outcome is Outcome.PASS, verdict
    for aspect in ("clock", "size", "process", "count"):
        assert f"{aspect}: p = " in verdict.observed
    assert "only if" in verdict.observed
    assert "attempts or more have it in common" in verdict.observed


def test_where_no_process_was_seen_none_is_accused() -> None:
    verdict = judge("independence", made(by_chance), UNSEEDED)
    assert "process: p = " not in verdict.observed
    assert "none by the process or the count" in verdict.observed


def test_missing_evidence_excuses_it() -> None:
    events = made(lambda first: first.size > 140)
    assert judge("independence", [*events, missing("AttemptFailed")], UNSEEDED).outcome is Outcome.UNKNOWN


def test_batches_that_fail_as_a_whole_say_nothing_of_their_messages() -> None:
    def followed(*more: Event) -> Verdict:
        events = in_batches(made(lambda first: first.size > 140), 5)
        return judge("independence", [*events, *more], UNSEEDED)

    whole = invocation_failed(delivery_id="batch-1")
    assert any("follow the size" in each.message for each in followed().findings)
    assert not any("follow the size" in each.message for each in followed(whole).findings)


def test_a_run_that_is_too_small_is_told_as_advice_and_passes() -> None:
    verdict = judge("independence", run(*[SECOND_TRY, FIRST_TRY, SECOND_TRY, *[FIRST_TRY] * 4]), UNSEEDED)
    assert (verdict.outcome, verdict.exercised) == (Outcome.PASS, False)
    assert verdict.too_few == "with 2 failures among 7 first attempts, no order could tell"
    assert [each.message for each in verdict.findings] == [f"too small a run to tell: {verdict.too_few}"]


@pytest.mark.parametrize("check", ["first_failure_rate", "later_failure_rate"])
def test_so_it_is_with_rates(check: str) -> None:
    verdict = judge(check, run(SECOND_TRY, FIRST_TRY, FIRST_TRY), UNSEEDED)
    assert (verdict.outcome, verdict.exercised) == (Outcome.PASS, False)
    assert verdict.too_few


def test_nothing_that_failed_is_not_too_few_where_a_seed_says_what_should() -> None:
    verdict = judge("independence", run(FIRST_TRY, FIRST_TRY))
    assert (verdict.exercised, verdict.too_few) == (False, "")


def test_no_dependence_is_looked_for_where_nothing_is_left_to_chance() -> None:
    assert judge("independence", made(lambda _: False), our_terms(rate=0.0)).too_few == ""


def test_the_exact_test_of_one_kind_is_fishers() -> None:
    outcomes, marks = [True] * 6 + [False] * 14, [[place < 7] for place in range(20)]
    found = association(outcomes, [1] * 20, marks)
    assert found is not None
    assert (found.marked, found.yes) == (7, 6)
    assert found.p_value == pytest.approx(2 * fisher_exact(np.array([[6, 1], [0, 13]]), "greater").pvalue)


def test_kinds_with_rates_of_their_own_are_told_apart() -> None:
    # All of one kind fail and none of the other: a mark on the one kind says nothing.
    outcomes, kinds = [True] * 10 + [False] * 10, [1] * 10 + [2] * 10
    assert association(outcomes, kinds, [[each] for each in outcomes]) is None


def test_the_fewest_that_tell() -> None:
    assert fewest_that_tell(43, 12, 6, 3.1e-5) == 9
    assert fewest_that_tell(10, 1, 6, 3.1e-5) is None
