"""A run that breaks off is kept as far as it went, says why, and accuses nobody of what it did not live to see."""

from __future__ import annotations

import errno
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import pytest
from taskguard import session
from taskguard.contract.learning.learnt import Learnt
from taskguard.contract.terms import Terms
from taskguard.errors import ConfigurationError, RunEndedEarly, SubmissionError
from taskguard.history import Event, History, InvalidSubmitted, RecordAnswered, RunEnded, SavedRun, TaskSubmitted
from taskguard.ingress.load import plain_load
from taskguard.judging.grading import grade
from taskguard.judging.verdict import Outcome
from taskguard.run.breaking_off import INTERRUPTED, AsLongAsTheyAnswer
from taskguard.run.events import Answered, Tell
from taskguard.service.stack import Stack
from taskguard.support.clocks import MachineClock
from taskguard.targets.base import Endpoint
from taskguard.targets.process import answered, has_ended

from tests.unit.judging.building import DEAD, EXPECTED, FIRST_TRY, SECOND_TRY, run
from tests.unit.taskguard.recorder_lines import STACK

EVENTS = run(FIRST_TRY, SECOND_TRY, DEAD, FIRST_TRY)
HERE = Endpoint(target="localstack", url=None, region="eu-central-1")


@dataclass
class BrokenRun:
    """A run that ends by this ``error`` after the answers to ``submitted``."""

    error: BaseException
    submitted: Sequence[Answered] = field(default_factory=lambda: History(EVENTS).of_kind(TaskSubmitted))
    endpoint: Endpoint = HERE
    stack: Stack = STACK
    terms: Terms = EXPECTED
    asked: Any = None
    learnt: tuple[Learnt, ...] = ()
    machine_clock: MachineClock = field(default_factory=MachineClock)

    def of(self, _tasks: object, tell: Tell, *_: object, **__: object) -> History:
        for each in self.submitted:
            tell(each)
        raise self.error

    def history_until_now(self, given: Sequence[Event], ask: object) -> History:
        self.asked = ask
        return History(given)


def recorded(broken: BrokenRun, folder: Path) -> SavedRun:
    return session.record(broken, plain_load("seed", 4), folder)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_get_ready_to_judge", "end_all", "used_by"):
        monkeypatch.setattr(session, name, lambda *_: None)


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (KeyboardInterrupt(), 130, INTERRUPTED),
        (KeyboardInterrupt(signal.SIGTERM), 143, INTERRUPTED),
        (SubmissionError("the API is gone"), 3, "the API is gone"),
        (ConfigurationError("no such key"), 64, "no such key"),
        (OSError(errno.ENOSPC, "No space left on device", "a file"), 3, "No space left on device: 'a file'"),
        (ZeroDivisionError("ours"), 3, "a mistake in TaskGuard: ZeroDivisionError('ours')"),
    ],
)
def test_what_was_seen_is_kept_with_the_reason(tmp_path: Path, error: BaseException, code: int, reason: str) -> None:
    broken = BrokenRun(error)
    with pytest.raises(RunEndedEarly) as early:
        recorded(broken, tmp_path / "run")
    assert early.value.interrupted is isinstance(error, KeyboardInterrupt)
    assert early.value.exit_code == code
    assert reason in str(early.value)
    last = str(early.value).splitlines()[-1]
    assert str(tmp_path / "run") in last
    assert "taskguard check" in last
    kept = SavedRun.read(tmp_path / "run")
    assert reason in (kept.manifest.ended_early or "")
    assert list(kept.history) == list(broken.submitted)


def test_what_was_no_task_and_what_was_read_back_are_kept_and_judged(tmp_path: Path) -> None:
    taken = InvalidSubmitted(at_ms=3, answered_ms=4, task_id="none", what="it has no payload", status_code=202)
    submitted = History(EVENTS).of_kind(TaskSubmitted)
    read = RecordAnswered(at_ms=5, task_id="task-1", status_code=500, answer=None)
    with pytest.raises(RunEndedEarly):
        recorded(BrokenRun(KeyboardInterrupt(), [*submitted, taken, read]), tmp_path / "run")
    kept = SavedRun.read(tmp_path / "run").history
    assert (kept.of_kind(InvalidSubmitted), kept.of_kind(RecordAnswered)) == ((taken,), (read,))
    [verdict] = [each for each in grade(kept, EXPECTED).verdicts if each.check == "refusals"]
    assert verdict.outcome is Outcome.FAIL


def test_before_a_task_was_handed_in_there_is_nothing_to_keep(tmp_path: Path) -> None:
    with pytest.raises(SubmissionError):
        recorded(BrokenRun(SubmissionError("the API is gone"), ()), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_engine_that_ended_is_told_with_the_end_of_its_log_and_asked_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        there = Endpoint(target="localstack", url=url, region="eu-central-1", log=tmp_path / "engine.log")
        assert not has_ended(there)
    (tmp_path / "engine.log").write_text("its last words\n")
    broken = BrokenRun(ConfigurationError("whatever came of it"), endpoint=there)
    with pytest.raises(RunEndedEarly) as early:
        recorded(broken, tmp_path / "run")
    assert early.value.exit_code == 3
    assert str(early.value).startswith("the run ended early: the engine ended\n")
    assert "its last words" in str(early.value)
    assert broken.asked(lambda: "asked", lambda: "not asked") == "not asked"
    assert SavedRun.read(tmp_path / "run").manifest.ended_early == "the engine ended"


def test_after_one_that_does_not_answer_nobody_is_asked_any_more() -> None:
    ask, asked = AsLongAsTheyAnswer(gone=False), list[str]()

    def fails() -> str:
        raise KeyboardInterrupt

    def answers() -> str:
        asked.append("asked")
        return "an answer"

    assert ask(answers, lambda: "none") == "an answer"
    assert ask(fails, lambda: "none") == "none"
    assert ask(answers, lambda: "none") == "none"
    assert asked == ["asked"]


def test_wherever_a_good_run_is_cut_off_nothing_fails_and_nothing_passes() -> None:
    events = [event for event in History(EVENTS) if not isinstance(event, RunEnded)]
    for count in range(len(events) + 1):
        for verdict in grade(History(events[:count]), EXPECTED).verdicts:
            assert verdict.outcome in (Outcome.UNKNOWN, Outcome.NOT_APPLICABLE), (count, verdict)


@contextmanager
def room_for(count: int) -> Iterator[None]:
    """No file may be larger, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("fill", [lambda _: None, lambda file: file.write_bytes(bytes(1500))])
def test_of_a_history_as_much_is_kept_as_there_is_room_for(tmp_path: Path, fill: Callable[[Path], object]) -> None:
    file = tmp_path / "history.jsonl"
    fill(file.with_name("history.jsonl.unfinished"))
    with room_for(2000), pytest.raises(OSError, match=r"history\.jsonl") as full:
        History(EVENTS).write(file)
    assert full.value.errno == errno.EFBIG
    kept = list(History.read(file))
    assert 0 < len(kept) < len(EVENTS)
    assert kept == list(History(EVENTS))[: len(kept)]


def test_room_that_was_set_aside_is_not_part_of_a_history(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    file.with_name("history.jsonl.unfinished").write_bytes(bytes(10**6))
    History(EVENTS).write(file)
    assert History.read(file) == History(EVENTS)
    assert [each.name for each in tmp_path.iterdir()] == ["history.jsonl"]


def test_an_engine_that_ends_in_the_middle_of_an_answer_gives_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(*_: object, **__: object) -> object:
        raise IncompleteRead(b"", 65)

    monkeypatch.setattr("taskguard.targets.process.direct.open", cut)
    assert answered("http://127.0.0.1:1/_taskguard/instance", "failure") is None
