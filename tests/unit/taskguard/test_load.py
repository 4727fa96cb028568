"""What a graded run hands in: the tasks that were asked for, the probes beside them, and how many wait."""

from __future__ import annotations

import pytest
from taskguard.contract.contract import Contract
from taskguard.contract.dialect import Dialect
from taskguard.contract.draws import Fate, fate
from taskguard.contract.terms import Terms
from taskguard.faults.fates import Fated
from taskguard.ingress.load import Load, load_of, load_with, plain_load, shared_load
from taskguard.ingress.probes import SIZE_LIMIT, Moment
from taskguard.ingress.workload import tasks as workload

from tests.terms import our_terms

DEAD = Fate(3, dead=True)


def of_seed(seed: str | None, count: int, rate: float = 0.3) -> Load:
    return load_of("s", count, our_terms(seed, rate))


def dying(load: Load) -> list[str]:
    return [task.task_id for task in load.tasks if (task.probe or "").startswith("dies")]


def test_the_default_run_has_batches_with_failures_and_two_tasks_that_die_whatever_its_seed_kills() -> None:
    load = load_of("2026", 30, our_terms("2026"))
    chosen = [task for task in load.tasks if task.task_id in dying(load)]
    assert [fate("2026", 0.3, task.task_id) for task in chosen] == [DEAD, DEAD]
    assert any("東京" in str(task.payload) for task in chosen)
    assert any("1.0" in str(task.payload) for task in chosen)
    # The worker's first batch has them between others, and does not begin with one.
    assert [task.chosen for task in load.tasks[:5]] == [False, True, False, True, False]
    assert {task.task_id for task in load.tasks[: load.waiting]} > {task.task_id for task in chosen}


def test_the_tasks_that_were_asked_for_are_the_seed_s_and_those_that_die_come_early() -> None:
    load, asked_for = load_of("a seed", 30, our_terms("a seed")), workload("a seed", 30)
    dead = [task for task in asked_for[15:] if fate("a seed", 0.3, task.task_id) == DEAD]
    first, *others = (task for task in asked_for[15:] if task not in dead)
    assert dead
    found = [task for task in load.tasks if not task.chosen]
    assert found[:15] == [*asked_for[:15]]
    assert found[15:18] == [first, dead[0], others[0]]
    assert [task for task in found[15:] if task not in dead] == [first, *others]
    assert load == load_of("a seed", 30, our_terms("a seed"))
    assert len({task.task_id for task in load.tasks}) == len(load.tasks)
    assert len(set(load.task_ids)) == len(load.task_ids)
    assert (load.asked_for, load.chosen) == (30, len(load.task_ids) - 30)
    assert {each.task.task_id for each in load.again} <= {*load.task_ids}


@pytest.mark.parametrize(("count", "half"), [(1, 1), (2, 1), (5, 3), (30, 15), (1000, 20)])
def test_half_of_the_tasks_wait_but_no_more_than_two_batches_and_the_probes_for_it_beside_them(
    count: int, half: int
) -> None:
    for seed in (None, "s"):
        load = of_seed(seed, count)
        waiting = load.tasks[: load.waiting]
        assert [task for task in waiting if not task.chosen] == [*workload("s", count)[:half]]
        # Those that are handed in again before anybody works wait with them, and where fates are known the dying.
        assert sum(task.chosen for task in waiting) == (2 if seed is None else 4)


@pytest.mark.parametrize(("seed", "rate"), [(None, 0.3), ("s", 0.0), ("s", 0.001)])
def test_where_no_fate_is_known_or_none_dies_no_probe_is_sure_to_die(seed: str | None, rate: float) -> None:
    load = of_seed(seed, 8, rate)
    assert dying(load) == []
    assert load.probes
    assert [task for task in load.tasks if not task.chosen] == [*workload("s", 8)]


@pytest.mark.parametrize("rate", [0.03, 0.3, 1.0])
def test_at_any_other_rate_those_that_are_chosen_die(rate: float) -> None:
    load = load_of("s", 2, our_terms("f", rate))
    assert [fate("f", rate, task_id) for task_id in dying(load)] == [DEAD, DEAD]


def test_a_plain_load_is_the_workload_and_nobody_waits() -> None:
    load = plain_load("s", 3)
    assert (load.tasks, load.waiting, load.again, load.probes) == (workload("s", 3), 0, (), False)
    assert load_with(load.tasks).tasks == load.tasks
    assert not load_with(load.tasks).probes


def test_on_a_stack_that_others_use_nothing_waits_and_all_is_handed_in() -> None:
    load, shared = of_seed("s", 30), shared_load("s", 30, our_terms("s"))
    assert shared.waiting == 0 < load.waiting
    assert shared.unsent is None is not load.unsent
    assert (shared.tasks, shared.again) == (load.tasks, load.again)


def test_the_largest_payload_is_made_for_the_smallest_limit_or_left_out_where_none_is_known() -> None:
    load = of_seed("s", 3)
    [limit] = [task for task in load.fitted(100_000).tasks if task.probe == SIZE_LIMIT]
    assert 95_000 < len(str(limit.payload["text"])) < 100_000
    assert [task for task in load.fitted(None).tasks if task.probe == SIZE_LIMIT] == []
    assert len(load.fitted(None).tasks) == len(load.tasks) - 1
    assert load.fitted(100_000).task_ids == load.task_ids


@pytest.mark.parametrize("terms", [Terms(contract=Contract(), dialect=Dialect()), our_terms()])
def test_what_takes_a_batch_with_it_stands_a_batch_before_all_tasks_that_were_asked_for(terms: Terms) -> None:
    load = load_of("s", 30, terms, fated=True)
    fates = [load.fates.get(task.task_id) for task in load.tasks[: load.waiting]]
    assert (load.asked_for, load.wording, len(load.fates)) == (30, 0 if terms.dialect.message.id else 3, 6)
    assert [task.probe for task in load.tasks[: load.wording]] == ["wording"] * load.wording
    assert (fates[load.wording], fates[10]) == (Fated.IS_BROKEN_OFF, Fated.IS_DENIED)
    assert all(task.chosen for task in load.tasks[:20])
    assert not load.tasks[20].chosen
    assert [fate for fate in fates[11:] if fate] == [
        Fated.FAILS_ONCE,
        Fated.FAILS_TWICE,
        Fated.DIES,
        Fated.DIES_TOO,
    ]
    of_the_dying = [task.payload for task in load.tasks if load.fates.get(task.task_id) in (Fated.DIES, Fated.DIES_TOO)]
    assert "東京" in str(of_the_dying)
    assert tuple(task for task in load.tasks if not task.chosen) == workload(
        "s", 30, exact_numbers=terms.contract.payload.numbers == "exact"
    )


def test_the_fated_are_handed_in_again_while_they_back_off_and_after_their_death() -> None:
    load = load_of("s", 30, our_terms(), fated=True)
    of_moment = {each.moment: load.fates.get(each.task.task_id) for each in load.again}
    assert (of_moment[Moment.BACKING_OFF], of_moment[Moment.DEAD]) == (Fated.FAILS_ONCE, Fated.DIES)
    ids = [task.task_id for task in load.tasks]
    assert (load.clients, plain_load("s", 30).clients) == (2, 1)
    assert len(set(ids)) == len(ids)
