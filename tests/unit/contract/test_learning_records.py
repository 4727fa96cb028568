"""What is learnt of records: which attribute is the state, and which states are final; never from records that were left unfinished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from taskguard.contract.dialect import Dialect
from taskguard.contract.learning.learnt import Learnt, with_learnt
from taskguard.contract.learning.records import Kept, words_of_records
from taskguard.support.json_values import Json

End = Literal["completed", "dead"] | None
WORDS = st.text(st.characters(categories=["Ll", "Lu"]), min_size=1, max_size=8)


def kept(number: int, ended: End, *states: str, sent: Json = None, **others: Any) -> Kept:
    images = tuple({"job": f"t-{number}", "phase": state, "kind": "report", "tries": 1, **others} for state in states)
    return Kept(task_id=f"t-{number}", ended=ended, images=images, sent=sent)


def words(learnt: Sequence[Learnt]) -> dict[str, object]:
    return {each.key: each.value for each in learnt if each.is_certain}


@settings(deadline=None, derandomize=True)
@given(states=st.lists(WORDS, min_size=4, max_size=4, unique=True), done=st.integers(2, 6), died=st.integers(0, 3))
def test_final_states_are_those_that_nobody_left(states: list[str], done: int, died: int) -> None:
    new, busy, finished, lost = states
    tasks = [kept(n, "completed", new, busy, finished) for n in range(done)]
    tasks += [kept(n, "dead", new, busy, new, lost) for n in range(10, 10 + died)]
    found = words(words_of_records("job", tasks))
    assert found == {
        "key": "job",
        "status": "phase",
        "completed": (finished,),
    } | ({"dead": (lost,)} if died else {})
    record = with_learnt(Dialect(), words_of_records("job", tasks)).record
    assert record is not None
    assert record.finals == ((finished, lost) if died else (finished,))


@settings(deadline=None, derandomize=True)
@given(
    tasks=st.lists(
        st.builds(
            lambda number, ended, states: kept(number, ended, *states),
            st.integers(0, 20),
            st.sampled_from(["completed", "dead", None]),
            st.lists(st.sampled_from("ABCD"), max_size=4),
        ),
        max_size=8,
    )
)
def test_what_is_learnt_of_any_records_says_only_what_they_agree_on(tasks: list[Kept]) -> None:
    record = with_learnt(Dialect(), words_of_records("job", tasks)).record
    if record is None:
        return
    for each in tasks:
        last = each.images[-1]["phase"] if each.images else None
        left = {before["phase"] for before, after in zip(each.images, each.images[1:], strict=False) if before != after}
        assert not left & set(record.finals)
        assert each.ended != "completed" or last not in record.dead
        assert each.ended != "dead" or last not in record.completed


def test_a_dead_task_whose_record_was_not_brought_to_an_end_teaches_nothing() -> None:
    tasks = [kept(n, "completed", "NEW", "RETRYING", "DONE") for n in range(3)]
    learnt = words_of_records("job", [*tasks, kept(9, "dead", "NEW", "RETRYING")])
    record = with_learnt(Dialect(), learnt).record
    assert record is not None
    assert (record.completed, record.dead) == (("DONE",), ())
    assert "others left again" in learnt[-1].evidence
    assert learnt[-1].candidates == ("RETRYING",)


def test_one_word_in_two_spellings_is_inconsistent_and_not_learnt() -> None:
    tasks = [
        kept(1, "completed", "NEW", "Done"),
        kept(2, "completed", "NEW", "Done"),
        kept(3, "completed", "NEW", "done"),
    ]
    learnt = words_of_records("job", tasks)
    assert with_learnt(Dialect(), learnt).record is None
    (told,) = [each for each in learnt if each.inconsistent]
    assert told.candidates == ("Done", "done")
    assert (
        told.evidence == "in phase tasks that succeeded ended as Done (2) and done (1), one word in several spellings"
    )


def test_done_and_dead_tasks_that_are_recorded_alike_are_told_of() -> None:
    tasks = [kept(n, "completed", "NEW", "OVER") for n in range(3)] + [kept(9, "dead", "NEW", "OVER")]
    learnt = words_of_records("job", tasks)
    assert with_learnt(Dialect(), learnt).record is None
    assert any(each.inconsistent and "ended alike" in each.evidence for each in learnt)


def test_an_attribute_that_never_moves_is_no_state() -> None:
    assert "status" not in words(words_of_records("job", [kept(n, "completed", "DONE") for n in range(3)]))


def test_two_attributes_that_both_tell_are_in_doubt() -> None:
    def both(number: int) -> Kept:
        images = ({"job": f"t-{number}", "a": "NEW", "b": "open"}, {"job": f"t-{number}", "a": "DONE", "b": "shut"})
        return Kept(task_id=f"t-{number}", ended="completed", images=images)

    learnt = words_of_records("job", [both(n) for n in range(3)])
    assert learnt[1].candidates == ("a", "b")
    assert with_learnt(Dialect(), learnt).record is None


def test_the_error_of_tasks_that_failed_before_is_no_state() -> None:
    tasks = [kept(n, "completed", "NEW", "DONE") for n in range(3)]
    for number in (5, 6):
        (new,), (done,) = kept(number, None, "NEW").images, kept(number, None, "DONE").images
        errors = ("first try failed", "second try failed")
        images = (new, *({**new, "problem": each} for each in errors), {**done, "problem": errors[-1]})
        tasks.append(Kept(task_id=f"t-{number}", ended="completed", images=images))
    assert words(words_of_records("job", tasks)) == {"key": "job", "status": "phase", "completed": ("DONE",)}


def test_a_table_that_has_few_of_the_tasks_is_not_that_of_their_records() -> None:
    tasks = [kept(n, "completed") for n in range(5)] + [kept(n, "dead", "LOST", "LOST") for n in (8, 9)]
    assert words(words_of_records("job", tasks)) == {}


def test_the_payload_may_be_a_map_or_its_text() -> None:
    for stored in ({"marked": "x", "number": 1}, '{"marked": "x", "number": 1}'):
        tasks = [kept(n, "completed", "NEW", "DONE", sent={"marked": "x", "number": 1}, asked=stored) for n in range(2)]
        assert words(words_of_records("job", tasks))["payload"] == "asked"


@pytest.mark.parametrize(
    ("later", "unlike"),
    [("GIVEN UP", ("t-10", "t-11")), ("DONE", ()), ("Done", ())],
    ids=["another state", "the same one", "another spelling"],
)
def test_what_was_acknowledged_after_a_failure_in_a_state_of_its_own_is_told(
    later: str, unlike: tuple[str, ...]
) -> None:
    tasks = [kept(number, "completed", "NEW", "DONE") for number in range(3)]
    tasks += [replace(kept(number, "completed", "NEW", later), at_once=False) for number in (10, 11)]
    found = [each for each in words_of_records("job", tasks) if each.key == "completed"]
    assert [each.unlike for each in found] == [unlike]
    # Dead tasks may end so, too.
    alike = words_of_records("job", [*tasks, kept(20, "dead", "NEW", later)])
    assert [each.unlike for each in alike if each.inconsistent] == [() if later == "DONE" else ("t-10", "t-11")]
    # Too few succeeded at once to tell how such a task ends.
    fewer = [each for each in words_of_records("job", tasks[1:]) if each.key == "completed"]
    assert [each.unlike for each in fewer] == [()]
