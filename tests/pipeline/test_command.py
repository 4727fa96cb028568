"""The command as a user has it: a graded run from nothing, an interrupted one, a stack that stays."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from taskguard.history import HISTORY_FILE, AttemptFailed, ConsumersOff, DeadLettered, Delivered, SavedRun
from taskguard.places import Places
from taskguard.run.switching import NOTE
from taskguard.service.kept import RunningStack
from taskguard.support.folders import part_in_memory
from taskguard.support.waiting import wait_for

from tests.engine.conftest import HEEDING_INTERRUPTS, is_running
from tests.places import PROJECT, copy_of_service

pytestmark = [pytest.mark.heavy, pytest.mark.in_process]

TASKGUARD = str(Path(sys.executable).with_name("taskguard"))


def taskguard(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TASKGUARD, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=180)


def processes_of(out: Path) -> dict[int, str]:
    """The engine of a run's folder, and the functions that it started, by process id."""
    scratch = next(
        (settings["scratch"] for settings in engines() if (settings["recording"] or "").startswith(str(out))), None
    )
    found: dict[int, str] = {}
    for pid, environment in environments():
        if str(out) in environment.get("TASKGUARD_ENGINE", ""):
            found[pid] = "engine"
        elif scratch is not None and _works_in(pid, scratch):
            found[pid] = "function"
    return found


def _works_in(pid: int, scratch: str) -> bool:
    """Whether a process is at home there, as functions are in their packages: one that was forked does not show its environment."""
    with suppress(psutil.Error):
        folder = Path(psutil.Process(pid).cwd())
        return any(folder.is_relative_to(home) for home in (scratch, part_in_memory(scratch)))
    return False


def engines() -> Iterator[dict[str, Any]]:
    """The settings of all engines that run."""
    for _, environment in environments():
        if "TASKGUARD_ENGINE" in environment:
            yield json.loads(environment["TASKGUARD_ENGINE"])


def environments() -> Iterator[tuple[int, dict[str, str]]]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                yield process.pid, process.environ()


def test_a_graded_run_ends_with_the_two_numbers_and_can_be_judged_again(tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = taskguard("grade", str(PROJECT), "--tasks", "4", "--seed", "4", "--out", str(out), folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    history = SavedRun.read(out).history
    # Probes are counted apart.
    failed = {e.task_id for e in history.of_kind(Delivered) if e.receive_count == 2} - history.chosen
    assert lines[-2:] == [f"SUCCESS: {4 - len(failed)}", f"FAILURE: {len(failed)}"]
    assert "\x1b" not in done.stdout
    assert processes_of(out) == {}

    again = taskguard("check", str(out), folder=tmp_path)
    assert again.returncode == 0
    assert again.stdout.splitlines()[-2:] == lines[-2:]
    assert again.stdout.splitlines() == lines[-len(again.stdout.splitlines()) :]

    same = taskguard("compare", str(out), str(out), folder=tmp_path)
    assert (same.returncode, same.stdout.splitlines()[-1].split(":")[0]) == (0, "SAME")

    judged = (out / "grade.json").read_bytes()
    spoil(out / HISTORY_FILE)
    assert taskguard("check", str(out), folder=tmp_path).returncode == 2
    spoiled = taskguard("check", str(out), "--edited", folder=tmp_path)
    assert spoiled.returncode == 5
    assert "settlement" in spoiled.stdout
    assert "grade.json says otherwise" in spoiled.stderr
    assert (out / "grade.json").read_bytes() == judged


def test_a_default_run_gives_both_consumers_batches_with_failures_and_exercises_every_check(tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = taskguard(
        "grade", str(PROJECT), "--seed", "2026", "--clock-scale", "60", "--fresh", "--out", str(out), folder=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-2:] == ["SUCCESS: 22", "FAILURE: 8"]
    assert "19 probes beside them, in none of the numbers: 17 completed, 2 dead-lettered" in done.stdout
    assert "not exercised" not in done.stdout
    saved = SavedRun.read(out)
    assert saved.manifest.tasks == 30
    history = saved.history
    failed = {(event.delivery_id, event.task_id) for event in history.of_kind(AttemptFailed)}
    batches = batched((event.delivery_id, event.task_id) for event in history.of_kind(Delivered))
    with_failures = [ids for delivery, ids in batches.items() if any((delivery, each) in failed for each in ids)]
    assert max(map(len, batches.values())) == 10
    assert any(0 < sum((delivery, each) in failed for each in ids) < len(ids) > 1 for delivery, ids in batches.items())
    assert any(len(ids) > 1 for ids in with_failures)
    # Those that one invocation was handed were seen in the dead-letter queue at one moment.
    deaths = batched((event.at_ms, event.task_id) for event in history.of_kind(DeadLettered))
    assert max(map(len, deaths.values())) >= 2
    assert {event.queue for event in history.of_kind(ConsumersOff)} == {"work", "dead-letter"}
    assert not (out / "engine" / NOTE).exists()


def batched(named: Iterable[tuple[Any, str | None]]) -> dict[Any, list[str | None]]:
    found: dict[Any, list[str | None]] = {}
    for name, task_id in named:
        found.setdefault(name, []).append(task_id)
    return found


def spoil(path: Path) -> None:
    """Take the first task's success out of a history."""
    lines = path.read_text().splitlines(keepends=True)
    first = next(line for line in lines if json.loads(line)["event"] == "AttemptSucceeded")
    path.write_text("".join(line for line in lines if line != first))


@pytest.mark.parametrize("request_to_stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_leaves_nothing_running(tmp_path: Path, request_to_stop: signal.Signals) -> None:
    out = tmp_path / "run"
    run = graded_in_the_background(out)
    before = processes_of(out)
    assert {"engine", "function"} <= set(before.values())
    os.kill(run.pid, request_to_stop)
    _, errors = run.communicate(timeout=30)
    assert run.returncode == 128 + request_to_stop
    assert "the run ended early: it was interrupted" in errors
    assert "Traceback" not in errors
    wait_for(lambda: not any(is_running(pid) for pid in before), seconds=10)
    ended_early(out, "it was interrupted")


def ended_early(out: Path, reason: str) -> None:
    """What was seen is there, and judged again it is neither a pass nor held against the pipeline."""
    kept = SavedRun.read(out)
    assert reason in (kept.manifest.ended_early or "")
    assert kept.history.accepted
    assert kept.history.of_kind(Delivered)
    again = taskguard("check", str(out), "--json", folder=out)
    assert again.returncode == 2, again.stdout + again.stderr
    outcomes = {each["outcome"] for each in json.loads(again.stdout)["checks"]}
    assert outcomes - {"not applicable"} == {"unknown"}
    assert (out / "report.html").exists()


def test_an_engine_that_is_killed_ends_the_run_and_what_was_seen_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = graded_in_the_background(out)
    before = processes_of(out)
    [engine] = [pid for pid, name in before.items() if name == "engine"]
    os.kill(engine, signal.SIGKILL)
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 3
    assert "the run ended early: the engine ended\nIts process is gone" in errors
    assert "Traceback" not in errors
    assert "region" not in errors
    wait_for(lambda: not any(is_running(pid) for pid in before), seconds=10)
    ended_early(out, "the engine ended")


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="Linux alone limits another process")
def test_a_recorder_that_can_write_no_more_ends_the_run_and_what_was_seen_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "run"
    run = graded_in_the_background(out)
    [engine] = [pid for pid, name in processes_of(out).items() if name == "engine"]
    # As if the disk were full from now on; a stream of the table with what large probes send may be the first to find that.
    size = (out / "engine" / "flight-recorder.jsonl").stat().st_size
    resource.prlimit(engine, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 3, errors
    assert "the run ended early: the operating system refused: [Errno 27] File too large: '" in errors
    assert "Traceback" not in errors
    ended_early(out, "File too large")


def graded_in_the_background(out: Path, **options: Any) -> subprocess.Popen[str]:
    """The command, when one function has been called."""
    run = subprocess.Popen(
        [*HEEDING_INTERRUPTS, TASKGUARD, "grade", str(PROJECT), "--tasks", "5", "--seed", "42", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    wait_for(lambda: "processTask" in recording(out) or run.poll() is not None, seconds=90)
    return run


def recording(out: Path) -> str:
    path = out / "engine" / "flight-recorder.jsonl"
    return path.read_text() if path.exists() else ""


def test_a_stack_that_is_up_takes_tasks_and_goes_down(tmp_path: Path) -> None:
    places = Places.of(copy_of_service(tmp_path))
    (tmp_path / ".venv").symlink_to(sys.prefix)
    try:
        up = taskguard("up", "--port", "0", "--rate", "0", "--clock-scale", "60", folder=tmp_path)
        assert up.returncode == 0, up.stdout + up.stderr
        values = dict(line.split("=", 1) for line in places.env_file.read_text().splitlines() if "=" in line)
        assert {"TASKS_QUEUE_URL", "DLQ_URL", "API_ID", "AWS_REGION", "AWS_ENDPOINT_URL"} <= values.keys()

        curl = up.stdout.strip().splitlines()[-1].strip()
        assert curl.startswith("curl ")
        pasted = subprocess.run(["/bin/sh", "-c", curl], capture_output=True, text=True, check=True)
        task_id = json.loads(pasted.stdout)["taskId"]
        wait_for(lambda: '"COMPLETED"' in taskguard("status", task_id, folder=tmp_path).stdout, seconds=30)

        assert "work" in taskguard("status", folder=tmp_path).stdout
        submitted = taskguard("submit", "--task-id", "mine", "--payload", '{"a": 1}', folder=tmp_path)
        assert (submitted.returncode, submitted.stdout) == (0, "mine\n")
        second = taskguard("up", folder=tmp_path)
        assert second.returncode == 3
        assert "up already" in second.stderr

        helper = subprocess.run(
            ["/bin/sh", str(shutil.copy2(PROJECT / "check_pipeline.sh", tmp_path))],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        # At a rate of 0 nothing fails, and nothing waits on a stack that others use.
        assert helper.returncode == 2, helper.stdout + helper.stderr
        assert "\nUNKNOWN: backoff, partial_batches, redrive, dead_letter_log (4 of 16 checks)\n" in helper.stdout
        assert helper.stdout.splitlines()[-2:] == ["SUCCESS: 30", "FAILURE: 0"]

        graded_again_it_deploys_only_what_is_not_there(tmp_path)
        graded_twice_at_once_each_run_has_a_stage_of_its_own(tmp_path)
    finally:
        running = RunningStack.load(places)
        down = taskguard("down", folder=tmp_path)
    assert (down.returncode, down.stdout) == (0, "Stopped.\n")
    assert running is not None
    assert not running.instance.is_running()
    assert not places.env_file.exists()


def graded_again_it_deploys_only_what_is_not_there(folder: Path) -> None:
    first, again = graded_where_it_is_up(folder / "first"), graded_where_it_is_up(folder / "again", "--json")
    assert ("Deploying" in first.stdout, "Deploying" in again.stderr) == (True, False), again.stderr
    assert json.loads(again.stdout) == json.loads((folder / "again" / "grade.json").read_text())
    compared = taskguard("compare", "first", "again", folder=folder)
    assert compared.returncode == 0, compared.stdout
    assert untimed(folder / "first") == untimed(folder / "again")

    running = RunningStack.load(Places.of(folder))
    assert running is not None
    endpoint = running.instance.endpoint()
    stage = SavedRun.read(folder / "again").manifest.stage
    endpoint.functions().update_function_configuration(FunctionName=f"TaskGuard-{stage}-getTask", MemorySize=512)
    after_a_change = graded_where_it_is_up(folder / "after-a-change")
    assert "Deploying" in after_a_change.stdout
    assert untimed(folder / "after-a-change")["success"] == untimed(folder / "first")["success"]


def graded_twice_at_once_each_run_has_a_stage_of_its_own(folder: Path) -> None:
    outs = [folder / "one", folder / "another"]
    with ThreadPoolExecutor(len(outs)) as pool:
        list(pool.map(graded_where_it_is_up, outs))
    assert len({SavedRun.read(out).manifest.stage for out in outs}) == len(outs)
    for out in outs:
        assert untimed(out) == untimed(folder / "first")


def graded_where_it_is_up(out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    # Under this seed some tasks fail first; the clock must be the running engine's.
    options = ("--tasks", "6", "--seed", "4", "--clock-scale", "60", "--timings", "--out", str(out))
    done = taskguard("grade", *options, *more, folder=out.parent)
    told = done.stderr if "--json" in more else done.stdout
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Using the engine that is up" in told
    assert "beyond the slowest task's schedule" in told
    assert "up to 60 times as fast" in told or "--json" in more
    return done


def untimed(out: Path) -> dict[str, Any]:
    """A grade without what depends on the clock."""
    document: dict[str, Any] = json.loads((out / "grade.json").read_text())
    del document["times"]
    return document
