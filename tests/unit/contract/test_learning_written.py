"""The file that `taskguard init` writes: comments alone, each a line that can be stated as it stands."""

from __future__ import annotations

import tomllib
from pathlib import Path

from taskguard.contract.learning.learnt import Learnt
from taskguard.contract.learning.written import file_of
from taskguard.service.config import config_of

CERTAIN = (
    Learnt(table="message", key="id", value="order.number", evidence="the task's id is there in all 3 messages"),
    Learnt(table="record", key="key", value="job", evidence="the ids of 9 tasks are in it"),
    Learnt(table="record", key="status", value="phase", evidence="it tells how far a task is"),
    Learnt(table="record", key="completed", value=("DONE",), evidence="8 tasks that succeeded ended so"),
    Learnt(table="record", key="dead", value=("WASTE \u2603",), evidence="1 dead task ended so"),
)
DOUBTFUL = (
    Learnt(table="log", key="event", candidates=("kind", "topic"), evidence="several fields tell a dead task's record"),
    Learnt(table="log", key="error", evidence="it is in no field of all 2 dead-letter records"),
    Learnt(
        table="record",
        key="completed",
        candidates=("Done", "done"),
        evidence="in phase tasks ended as Done (2) and done (1)",
        inconsistent=True,
    ),
)


def stated(text: str) -> dict[str, object]:
    """The file with each line that can be stated stated."""
    lines = [line.removeprefix("# ") for line in text.splitlines()]
    return tomllib.loads("\n".join(line for line in lines if line.startswith("[") or " = " in line.split("  #")[0]))


def test_a_file_that_was_written_states_nothing(tmp_path: Path) -> None:
    before = config_of(tmp_path)
    (tmp_path / "taskguard.toml").write_text(file_of((*CERTAIN, *DOUBTFUL), {202: 9}), encoding="utf-8")
    assert config_of(tmp_path) == before


def test_what_is_certain_can_be_stated_as_it_stands() -> None:
    assert stated(file_of(CERTAIN, {202: 9})) == {
        "contract": "as-deployed",
        "ingress": {"accepted": [202]},
        "message": {"id": "order.number"},
        "record": {"key": "job", "status": "phase", "completed": ["DONE"], "dead": ["WASTE \u2603"]},
    }


def test_of_what_is_in_doubt_each_line_stands_there_and_why() -> None:
    text = file_of(DOUBTFUL, {})
    assert (
        "# In doubt: event: several fields tell a dead task's record. One of:\n"
        '# event = "kind"\n'
        '# event = "topic"\n'
        "# Not found: error. Of these a line can be stated.\n"
    ) in text
    assert (
        "# The service's own words differ: completed: in phase tasks ended as Done (2) and done (1). If it is so:\n"
        '# completed = ["Done", "done"]\n'
    ) in text
