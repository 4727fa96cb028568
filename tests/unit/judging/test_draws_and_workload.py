"""The harness's own draws, schedule and tasks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from taskguard.contract.draws import Fate, attempt_fails, draw, fate, find_task_id
from taskguard.ingress.workload import random_seed, tasks
from taskguard.support.json_values import canonical

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "draws.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['seed']}-{v['taskId'][:12]}-{v['attempt']}")
def test_draws_agree_with_the_shared_vectors(vector: dict[str, object]) -> None:
    assert draw(str(vector["seed"]), str(vector["taskId"]), int(str(vector["attempt"]))) == vector["draw"]


@given(seed=st.text(st.characters(codec="utf-8")), task_id=st.text(st.characters(codec="utf-8"), min_size=1))
def test_draws_are_from_zero_to_one_and_decide_the_fate(seed: str, task_id: str) -> None:
    assert all(0 <= draw(seed, task_id, attempt) <= 1 for attempt in (1, 2, 3))
    found = fate(seed, 0.3, task_id)
    fails = [attempt_fails(seed, 0.3, task_id, attempt) for attempt in (1, 2, 3)]
    assert fails[: found.failures] == [True] * found.failures
    assert found.dead == all(fails)
    assert found.attempts == (3 if found.dead else fails.index(False) + 1)


def test_the_rate_decides() -> None:
    assert fate("s", 0, "t") == Fate(0)
    assert fate("s", 1, "t") == Fate(3, dead=True)
    assert fate("s", 1, "t", max_receives=5) == Fate(5, dead=True)


@pytest.mark.parametrize("wanted", [Fate(0), Fate(1), Fate(2), Fate(3, dead=True)])
def test_an_id_is_found_for_any_fate(wanted: Fate) -> None:
    task_id = find_task_id("seed", 0.3, wanted, "wanted")
    assert re.fullmatch(r"wanted-\d+", task_id)
    assert fate("seed", 0.3, task_id) == wanted


def test_an_impossible_fate_is_refused() -> None:
    with pytest.raises(ValueError, match="none of 50 ids"):
        find_task_id("seed", 0, Fate(1), "x", tries=50)


@given(seed=st.text(st.characters(codec="utf-8"), max_size=20), count=st.integers(0, 40))
def test_tasks_follow_from_the_seed_alone(seed: str, count: int) -> None:
    made = tasks(seed, count)
    assert canonical([task.payload for task in made]) == canonical([task.payload for task in tasks(seed, 60)][:count])
    assert made == tasks(seed, 60)[:count]
    assert len({task.task_id for task in made}) == count
    assert all(re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", task.task_id) for task in made)


def test_other_seeds_give_other_tasks() -> None:
    assert {task.task_id for task in tasks("1", 30)}.isdisjoint(task.task_id for task in tasks("2", 30))
    assert random_seed() != random_seed()


def test_payloads_vary_in_what_json_allows() -> None:
    text = canonical([task.payload for task in tasks("1", 30)])
    for part in ("1.0", "[1,1.0", "\\u6771", "null", "{}", "true"):
        assert part in text


def test_the_workload_never_changes() -> None:
    assert [task.task_id for task in tasks("1", 2)] == ["be986ad755-0001", "be986ad755-0002"]
