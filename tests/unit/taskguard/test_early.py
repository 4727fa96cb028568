"""What fails of a run that goes on fails at its end: recordings are cut after each of their lines, in the order in which these came."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from rich.console import Console
from taskguard.cli.progress import ProgressLine
from taskguard.contract.dialect import TASKGUARD
from taskguard.evidence.recorder.recording import RecordingFile
from taskguard.evidence.sources import RecorderSource
from taskguard.history import Event, History, InvalidSubmitted, RunEnded
from taskguard.history.lines import told_once
from taskguard.judging.checks import LASTING
from taskguard.judging.early import failing_already
from taskguard.judging.grading import grade_run
from taskguard.judging.verdict import Outcome
from taskguard.run.early import sent_twice, told_early
from taskguard.run.events import FailsAlready, SessionEvent
from taskguard.support.waiting import wait_for

from tests.unit.judging.building import CONFIGURATION, DEAD, FIRST_TRY, SCHEDULE, SECOND_TRY, START_MS, missing
from tests.unit.taskguard.recorded_stories import (
    MONITOR,
    RIGHT,
    SERVICE,
    USUALLY_LATE_MS,
    Job,
    Story,
    Told,
    Try,
    task_id_of,
    tell,
    tell_in_a_batch,
)
from tests.unit.taskguard.recorder_lines import FUNCTION
from tests.unit.taskguard.saved_runs import run_of

MANIFEST = run_of(History()).manifest


def history_of(folder: Path, told: Sequence[Told], *more: Event) -> History:
    """What these tell, by the recorder's own reader."""
    path = folder / "flight-recorder.jsonl"
    path.write_text("".join(f"{each.what}\n" for each in told if isinstance(each.what, str)))
    answers = [each.what for each in told if not isinstance(each.what, str)]
    endpoint: Any = None
    source = RecorderSource(RecordingFile(path), endpoint, SERVICE, heeded={FUNCTION: True, MONITOR: True})
    return History(told_once([*answers, *source.left(answers, None)[0], CONFIGURATION, *more]))


def early(story: Story, history: History) -> dict[str, str]:
    left_out = story.again | sent_twice(history, SERVICE.work_queue.name)
    return {check: found.message for check, found in failing_already(history, MANIFEST, left_out)}


def told_and_final(story: Story) -> tuple[dict[str, str], dict[str, set[str]]]:
    """What is told of each check while the story goes on, first of all; and by check, all that proves at its end that it fails."""
    told: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for cut in story.cuts():
            told = early(story, history_of(Path(folder), cut)) | told
        last = max(each.at_ms for each in cut)
        whole = history_of(Path(folder), cut, RunEnded(at_ms=last + 60_000, deadline_reached=False))
    final = {
        verdict.check: {finding.message for finding in verdict.findings[: verdict.proven]}
        for verdict in grade_run(whole, MANIFEST).verdicts
        if verdict.outcome is Outcome.FAIL
    }
    return told, final


TRIES = st.builds(
    Try,
    asked=st.sampled_from([None, 1.0, *SCHEDULE]),
    fails=st.booleans(),
    late_ms=st.sampled_from([USUALLY_LATE_MS, -900.0, 3000.0]),
    twice=st.booleans(),
    again=st.booleans(),
    cold_ms=st.sampled_from([0.0, 700.0]),
)
BROKEN = st.builds(
    Job,
    fate=st.sampled_from([*RIGHT]),
    tries=st.lists(TRIES, min_size=1, max_size=4).map(tuple),
    messages=st.sampled_from([1, 1, 2]),
    again_ms=st.sampled_from([None, None, 15.0, 400.0, 6000.0]),
)
HANDED_BACK = Job(FIRST_TRY, (Try(None, fails=True), Try(None, fails=False)))
JOBS = st.lists(st.sampled_from([*RIGHT.values(), HANDED_BACK]) | BROKEN, min_size=1, max_size=4)


@given(JOBS, st.booleans())
def test_what_fails_of_a_recording_that_was_cut_fails_at_its_end(jobs: list[Job], together: bool) -> None:
    story = Story()
    if together:
        tell_in_a_batch(story, jobs)
    else:
        for number, job in enumerate(jobs):
            tell(story, number, job)
    told, final = told_and_final(story)
    for check, message in told.items():
        assert message in final.get(check, set()), (check, message)


def test_of_a_right_run_nothing_is_told() -> None:
    story = Story()
    for number, job in enumerate(RIGHT.values()):
        tell(story, number, job)
    told, final = told_and_final(story)
    assert not told
    # No log is told of here.
    assert final.keys() == {"dead_letter_log"}


WRONG = Job(SECOND_TRY, (Try(7.0, fails=True), Try(None, fails=False)))
EARLY = Job(SECOND_TRY, (Try(5.0, fails=True, late_ms=-900.0), Try(None, fails=False)))
TWICE = Job(FIRST_TRY, (Try(None, fails=False, twice=True),))


@pytest.mark.parametrize(
    ("job", "check", "words"),
    [
        (WRONG, "backoff", "attempt 1 asked for 7 s, expected 5 s"),
        (EARLY, "backoff", "too early"),
        (TWICE, "effect", "was completed 2 times"),
    ],
)
def test_a_fail_that_lasts_is_told_long_before_the_end(job: Job, check: str, words: str) -> None:
    story = Story()
    tell(story, 0, job)
    tell(story, 1, RIGHT[DEAD])
    told, final = told_and_final(story)
    assert words in told[check]
    assert told[check] in final[check]
    *_, before_the_last_attempt = (cut for cut in story.cuts() if cut[-1].at_ms < START_MS + 30_000)
    with tempfile.TemporaryDirectory() as folder:
        assert check in early(story, history_of(Path(folder), before_the_last_attempt))
        # Of a task that may come to be carried by several messages nothing is told.
        story.again = {task_id_of(0, job)}
        assert not early(story, history_of(Path(folder), before_the_last_attempt))


def test_that_a_neighbour_was_handed_back_is_told() -> None:
    story = Story()
    tell_in_a_batch(story, [RIGHT[SECOND_TRY], HANDED_BACK])
    told, final = told_and_final(story)
    assert told.keys() == {"partial_batches"}
    assert told["partial_batches"] in final["partial_batches"]


def test_what_is_no_task_and_was_taken_is_told() -> None:
    story = Story()
    tell(story, 0, RIGHT[FIRST_TRY])
    refused = {"task_id": "no-json", "what": "its body is no JSON", "status_code": 202}
    story.say(START_MS + 60, InvalidSubmitted(at_ms=START_MS + 50, answered_ms=START_MS + 60, **refused))  # type: ignore[arg-type]
    told, final = told_and_final(story)
    assert told.keys() == {"refusals"}
    assert told["refusals"] in final["refusals"]


def test_nothing_is_told_where_how_the_stack_is_set_up_is_not_known_or_a_version_stands_in() -> None:
    story = Story()
    tell(story, 0, WRONG)
    with tempfile.TemporaryDirectory() as folder:
        history = history_of(Path(folder), story.told)
        assert [*failing_already(history, MANIFEST, frozenset())]
        unread = History(each for each in history if each is not history.configuration)
        assert not [*failing_already(unread, MANIFEST, frozenset())]
        broken = structs.replace(MANIFEST, faults=("kill when=after",), fault_seed="1")
        assert not [*failing_already(history, broken, frozenset())]


def test_it_is_told_once_while_the_run_goes_on_and_not_before_the_settings_are_known(tmp_path: Path) -> None:
    """The file grows, and so do the answers; here the settings become known at last."""
    story = Story()
    tell(story, 0, WRONG)
    tell(story, 1, WRONG)
    told, answers, settings, looks = list[SessionEvent](), list[Event](), list[Event](), list[None]()
    path = tmp_path / "flight-recorder.jsonl"
    path.write_text("")
    endpoint: Any = None
    source = RecorderSource(RecordingFile(path), endpoint, SERVICE, heeded={FUNCTION: True})

    def known() -> list[Event]:
        looks.append(None)
        return settings

    run: Any = SimpleNamespace(source=source, alone=True, stack=SERVICE, dialect=TASKGUARD)
    run.configuration = SimpleNamespace(known=known)
    with told_early(run, answers, lambda: MANIFEST, frozenset(), told.append):
        for each in sorted(story.told, key=lambda each: each.at_ms):
            if isinstance(each.what, str):
                with path.open("a") as file:
                    file.write(f"{each.what}\n")
            else:
                answers.append(each.what)
        assert not told
        settings.append(CONFIGURATION)
        wait_for(lambda: bool(told), seconds=60)
        # It looks again, and has nothing new to tell.
        settings.append(missing("DeadLetterLogged"))
        before = len(looks)
        wait_for(lambda: len(looks) >= before + 6, seconds=60)
    [only] = told
    assert isinstance(only, FailsAlready)
    assert only.check == "backoff"
    assert only.message.endswith("attempt 1 asked for 7 s, expected 5 s")


@pytest.mark.parametrize("where", [{"alone": False}, {"source": object()}])
def test_nothing_is_told_of_a_stack_that_others_use_or_where_nothing_is_recorded(where: dict[str, Any]) -> None:
    run: Any = SimpleNamespace(**({"alone": True, "source": object()} | where))
    told: list[SessionEvent] = []
    with told_early(run, [], lambda: MANIFEST, frozenset(), told.append):
        assert not [each for each in threading.enumerate() if each.name == "early"]
    assert not told


def test_it_is_one_line_of_a_console_in_the_words_of_the_finding() -> None:
    found = FailsAlready("backoff", "task 1f1f-0003: attempt 1 asked for 7 s, expected 5 s")
    for terminal, line in (
        (True, f"✗ backoff  {found.message}\n"),
        (False, f"fails already: backoff  {found.message}\n"),
    ):
        console = Console(width=80, file=StringIO(), force_terminal=terminal, color_system=None)
        ProgressLine(console, None).handle(found)
        assert console.file.getvalue() == line  # type: ignore[attr-defined]


def test_only_these_checks_say_that_a_fail_lasts() -> None:
    assert set(LASTING) == {"refusals", "settlement", "effect", "backoff", "partial_batches"}
