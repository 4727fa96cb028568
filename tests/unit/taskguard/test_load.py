"""What a graded run hands in: the tasks that were asked for, those beside them that die, and how many wait."""

from __future__ import annotations

import pytest
from taskguard.contract.draws import Fate, fate
from taskguard.faults.fates import Fated
from taskguard.ingress.load import load_of, plain_load
from taskguard.ingress.workload import tasks as workload

DEAD = Fate(3, dead=True)


def test_the_default_run_has_batches_with_failures_and_two_tasks_that_die_whatever_its_seed_kills() -> None:
    load = load_of("2026", 30, failure_seed="2026", rate=0.3)
    chosen = [task for task in load.tasks if task.chosen]
    assert (len(load.tasks), load.waiting, load.chosen, len(chosen)) == (32, 17, 2, 2)
    assert [fate("2026", 0.3, task.task_id) for task in chosen] == [DEAD, DEAD]
    assert any("東京" in str(task.payload) for task in chosen)
    assert any("1.0" in str(task.payload) for task in chosen)
    # The worker's first batch has them between others, and does not begin with one.
    first = load.tasks[:10]
    assert [task.chosen for task in first[:5]] == [False, True, False, True, False]
    assert not any(task.chosen for task in load.tasks[load.waiting :])


def test_the_tasks_that_were_asked_for_are_the_seed_s_in_their_order() -> None:
    load = load_of("a seed", 30, failure_seed="a seed", rate=0.3)
    assert tuple(task for task in load.tasks if not task.chosen) == workload("a seed", 30)
    assert load == load_of("a seed", 30, failure_seed="a seed", rate=0.3)
    assert len(set(load.task_ids)) == len(load.tasks)


@pytest.mark.parametrize(("count", "waiting"), [(1, 1), (2, 1), (5, 3), (30, 15), (1000, 20)])
def test_half_of_the_tasks_wait_but_no_more_than_two_batches(count: int, waiting: int) -> None:
    assert load_of("s", count, failure_seed=None, rate=0.3).waiting == waiting
    assert load_of("s", count, failure_seed="s", rate=0.3).waiting == waiting + 2


@pytest.mark.parametrize(("seed", "rate"), [(None, 0.3), ("s", 0.0), ("s", 0.001)])
def test_where_no_fate_is_known_or_none_dies_nothing_is_chosen(seed: str | None, rate: float) -> None:
    load = load_of("s", 8, failure_seed=seed, rate=rate)
    assert (load.tasks, load.waiting, load.chosen) == (workload("s", 8), 4, 0)


@pytest.mark.parametrize("rate", [0.03, 0.3, 1.0])
def test_at_any_other_rate_those_that_are_chosen_die(rate: float) -> None:
    chosen = [task for task in load_of("s", 2, failure_seed="f", rate=rate).tasks if task.chosen]
    assert [fate("f", rate, task.task_id) for task in chosen] == [DEAD, DEAD]


def test_a_plain_load_is_the_workload_and_nobody_waits() -> None:
    load = plain_load("s", 3)
    assert (load.tasks, load.waiting) == (workload("s", 3), 0)


def test_fated_tasks_are_beside_the_others_and_those_that_take_a_batch_with_them_at_its_ends() -> None:
    load = load_of("s", 30, failure_seed=None, rate=0.3, fated=True)
    fates = [load.fates.get(task.task_id) for task in load.tasks[: load.waiting]]
    assert (len(load.tasks), load.waiting, load.chosen) == (36, 21, 6)
    assert (fates[0], fates[-1]) == (Fated.IS_BROKEN_OFF, Fated.IS_DENIED)
    assert fates[1:10] == [None] * 9
    assert [fate for fate in fates[10:-1] if fate] == [
        Fated.FAILS_ONCE,
        Fated.FAILS_TWICE,
        Fated.DIES,
        Fated.DIES_TOO,
    ]
    dying = [task.payload for task in load.tasks if load.fates.get(task.task_id) in (Fated.DIES, Fated.DIES_TOO)]
    assert "東京" in str(dying)
    assert "1.0" in str(dying)
    assert tuple(task for task in load.tasks if not task.chosen) == workload("s", 30)
