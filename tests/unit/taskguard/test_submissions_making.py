"""Many submissions, each run by a process of its own: one that fails, crashes or hangs holds up nobody, and what is done stays done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from taskguard.contract.files import built_in
from taskguard.engine.ownership import is_alive
from taskguard.errors import ConfigurationError
from taskguard.run.submissions.kept import REASONS, End
from taskguard.run.submissions.listed import submissions_in
from taskguard.run.submissions.making import Done
from taskguard.support.waiting import wait_for

from tests.unit.taskguard.submitted import graded, grading, right_run, submission

pytestmark = pytest.mark.usefixtures("ends_are_seen_soon")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


@pytest.fixture
def right(tmp_path: Path) -> Path:
    return right_run(tmp_path / "right")


def begun(source: Path) -> list[str]:
    file = source / "begun.txt"
    return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []


def has_begun(source: Path) -> bool:
    """What hangs has started all that it does."""
    pids = source / "hangs.pids"
    return pids.exists() and len(pids.read_text().split()) == 2


def is_gone(pid: int) -> bool:
    try:
        return not is_alive(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return True


def test_each_way_to_end_is_told_with_its_reason_and_holds_up_no_other(
    source: Path, right: Path, tmp_path: Path
) -> None:
    submission(source / "graded", f"graded {right}")
    submission(
        source / "unbuilt", "fails DeploymentError packaging FOLDER at http://127.0.0.1:4571 failed.\n  no such plugin"
    )
    submission(source / "unclear", "fails DiscoveryError two queues")
    submission(source / "closed", "fails IngressError answered 403")
    submission(source / "engine", "fails TargetError no answer")
    submission(source / "crashes", "crashes")
    submission(source / "empty", "graded", service=False)
    submission(source / "strange", "graded")
    (source / "strange" / "taskguard.toml").write_text("contracts = 1\n")
    _, told = graded(source, tmp_path / "out")
    assert {name: done.kept.end for name, done in told.items()} == {
        "graded": End.GRADED,
        "unbuilt": End.NOT_BUILT,
        "unclear": End.NOT_UNDERSTOOD,
        "closed": End.NO_WAY_IN,
        "engine": End.NOT_RUN,
        "crashes": End.NOT_RUN,
        "empty": End.NO_SERVICE,
        "strange": End.NOT_BUILT,
    }
    # No place of this machine, and no port, which is another one the next time.
    assert told["unbuilt"].kept.said == ("packaging unbuilt at http://127.0.0.1 failed.", "  no such plugin")
    assert told["crashes"].kept.said == ("It was ended by signal 9.", "it was here")
    assert 'did you mean "contract"' in " ".join(told["strange"].kept.said)
    assert set(REASONS) == set(End)


def test_what_is_said_is_the_same_wherever_and_however_often_it_is_graded(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("TASKGUARD_CACHE", str(cache))
    monkeypatch.chdir(tmp_path)
    trace = "\n".join(f"      at async {name} ({cache}/serverless/lib/{name}.js:40:15)" for name in "abcdefghijklmnop")
    said = f"packaging failed: the map has no colon (22:9)\n{trace}\n      at {cache}/it.js:1:2\nAll of it is in OUT/deploy.log."
    submission(source / "unbuilt", f"fails DeploymentError {said}")
    _, told = graded(source, Path("out"))
    assert told["unbuilt"].kept.said == (
        "packaging failed: the map has no colon (22:9)",
        "All of it is in ./run/deploy.log.",
    )


def test_one_that_hangs_is_ended_at_its_deadline_with_all_that_it_started(
    source: Path, right: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission(source / "hangs", "hangs")
    submission(source / "works", f"graded {right}")
    (tmp_path / "list.csv").write_text("folder,deadline_seconds\nin/hangs,600\nin/works,\n")
    # The deadline has passed as soon as all is there that is to be ended, which may be before anybody has looked at the clock.
    began = iter([0.0])
    clock = SimpleNamespace(monotonic=lambda: next(began, 1000.0 if has_begun(source) else 0.0))
    monkeypatch.setattr("taskguard.run.submissions.process.time", clock)
    made = grading(tmp_path / "out", jobs=1)
    told: list[Done] = []
    program = replace(made, grace_seconds=0.1)
    program.grade(submissions_in(tmp_path / "list.csv"), told.append)
    assert {done.submission.name: done.kept.end for done in told} == {"hangs": End.TIMED_OUT, "works": End.GRADED}
    # Neither how far it was, nor a name that is another one each time.
    assert [each.kept.said for each in told if each.kept.said] == [
        ("Submitting to http://127.0.0.1/_aws/execute-api/…/dev",)
    ]
    pids = map(int, (source / "hangs.pids").read_text().split())
    assert all(map(is_gone, pids))


def test_what_is_graded_is_not_graded_again_until_something_that_decides_it_changes(
    source: Path, right: Path, tmp_path: Path
) -> None:
    submission(source / "a", f"graded {right}")
    submission(source / "b", f"graded {right}")
    submission(source / "c", "fails DeploymentError no network")
    _, told = graded(source, tmp_path / "out")
    assert sorted(begun(source)) == ["a", "b", "c"]
    assert not [name for name, done in told.items() if done.before]

    _, told = graded(source, tmp_path / "out")
    assert sorted(name for name, done in told.items() if done.before) == ["a", "b"]
    assert sorted(begun(source)) == ["a", "b", "c", "c"], "what has no grade is tried again"

    (source / "b" / "cloudformation.yml").write_text("Resources: {A: {Type: AWS::SQS::Queue}}\n")
    _, told = graded(source, tmp_path / "out")
    assert [name for name, done in told.items() if done.before] == ["a"]

    _, told = graded(source, tmp_path / "out", change=lambda terms: replace(terms, contract=built_in("as-deployed")))
    assert not [name for name, done in told.items() if done.before], "another contract is another grade"


def test_a_run_that_is_not_whole_is_made_again(source: Path, right: Path, tmp_path: Path) -> None:
    submission(source / "a", f"graded {right}")
    made, _ = graded(source, tmp_path / "out")
    [one] = submissions_in(source)
    (made.folder_of(one) / "run" / "manifest.json").unlink()
    _, told = graded(source, tmp_path / "out")
    assert not told["a"].before


def test_an_interrupt_ends_what_runs_and_keeps_what_is_done(source: Path, right: Path, tmp_path: Path) -> None:
    submission(source / "a", f"graded {right}")
    submission(source / "hangs", "hangs")
    submission(source / "later", f"graded {right}")
    made = replace(grading(tmp_path / "out", jobs=1), grace_seconds=0.1)

    def interrupt(done: Done) -> None:
        assert done.submission.name == "a"
        wait_for(lambda: has_begun(source), seconds=30)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made.grade(submissions_in(source), interrupt)
    assert all(map(is_gone, map(int, (source / "hangs.pids").read_text().split())))
    assert begun(source) == ["a", "hangs"]
    (source / "hangs" / "behaves").write_text(f"graded {right}")
    _, told = graded(source, tmp_path / "out")
    assert {name: done.before for name, done in told.items()} == {"a": True, "hangs": False, "later": False}


def test_each_is_asked_for_the_same_tasks_on_the_same_contract(source: Path, right: Path, tmp_path: Path) -> None:
    submission(source / "a", f"graded {right}")
    graded(source, tmp_path / "out")
    asked = (source / "begun.txt").read_text()
    assert "--fresh" in asked
    assert "--contract taskguard --tasks 4 --clock-scale 60 --tasks-seed a" in asked


def test_a_folder_that_holds_something_else_is_left_alone(source: Path, tmp_path: Path) -> None:
    submission(source / "a", "graded")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match="it holds something else"):
        graded(source, tmp_path / "out")
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["thesis.txt"]


def test_two_gradebooks_are_not_made_in_one_folder_at_once(source: Path, right: Path, tmp_path: Path) -> None:
    submission(source / "a", f"graded {right}")
    first, errors = grading(tmp_path / "out"), []

    def second(_: Done) -> None:
        with pytest.raises(ConfigurationError) as raised:
            graded(source, tmp_path / "out")
        errors.append(str(raised.value))

    first.grade(submissions_in(source), second)
    assert "another one is being made there" in errors[0]


def test_a_header_of_a_submission_tells_no_secret_of_who_grades(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", "a secret")
    monkeypatch.setenv("GRADED_TOKEN", "the assignment's")
    submission(source / "a", "tells API_TOKEN GRADED_TOKEN PATH")
    text = '[ingress]\nheaders = { X = "\\u0024{env:API_TOKEN}", Y = "${env:GRADED_TOKEN}" }\n'
    (source / "a" / "taskguard.toml").write_text(text)
    _, told = graded(source, tmp_path / "out")
    said = told["a"].kept.said[-1]
    assert "['nothing', \"the assignment's\", " in said
    assert "nothing" not in said.replace("'nothing'", "", 1)


def test_a_service_that_lies_one_folder_too_deep_is_pointed_at(source: Path, tmp_path: Path) -> None:
    submission(source / "a", "graded", service=False)
    submission(source / "a" / "a-main", "graded")
    _, told = graded(source, tmp_path / "out")
    assert told["a"].kept.end is End.NO_SERVICE
    assert told["a"].kept.said == ("There is one in a-main: move it up, or list that folder in a CSV file.",)


def test_files_that_cannot_be_read_concern_one_submission_alone(source: Path, right: Path, tmp_path: Path) -> None:
    submission(source / "a", f"graded {right}")
    # A folder in place of a file, and what TOML's reader does not expect.
    submission(source / "b", "graded", service=False)
    (source / "b" / "taskguard.toml").mkdir()
    submission(source / "c", "graded")
    (source / "c" / "taskguard.toml").write_text("a = " + "[" * 5000)
    _, told = graded(source, tmp_path / "out")
    assert told["a"].kept.end is End.GRADED
    assert {told[name].kept.end for name in "bc"} <= {End.NOT_BUILT, End.NOT_RUN}
    assert all(told[name].kept.said for name in "bc")
