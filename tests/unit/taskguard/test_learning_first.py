"""What is handed in to learn a service's words before anything is broken."""

from __future__ import annotations

from pathlib import Path

from taskguard.contract.contract import Contract
from taskguard.contract.dialect import Dialect
from taskguard.contract.terms import Terms
from taskguard.run.learning_first import _load, with_words_learnt
from taskguard.run.running import Run

from tests.terms import our_terms
from tests.unit.taskguard.fake_aws import Fakes
from tests.unit.taskguard.recorder_lines import STACK


def test_tasks_that_are_done_and_tasks_that_die_are_handed_in_behind_those_that_show_the_words() -> None:
    load = _load(Dialect())
    assert [task.probe for task in load.tasks] == ["wording"] * 3 + [None] * 3 + ["dies", "dies-too"]
    assert (load.wording, load.waiting, len(load.fates)) == (3, 8, 2)
    assert set(load.fates) <= {task.task_id for task in load.tasks}
    assert set(load.task_ids).isdisjoint(_load(Dialect()).task_ids), "a stage may have those of a run before"


def test_nothing_is_handed_in_where_all_is_stated_or_nobody_records(tmp_path: Path) -> None:
    (tmp_path / "recorder.jsonl").write_text("")
    recorded, unseen = Fakes(recording=tmp_path / "recorder.jsonl"), Fakes()
    theirs = Terms(contract=Contract(), dialect=Dialect())
    for endpoint, terms in ((recorded, our_terms()), (unseen, theirs)):
        run = Run(endpoint=endpoint, stack=STACK, terms=terms)
        assert with_words_learnt(run, lambda _: None) is run
