"""Somebody's own tests of a service that is not ours, by the pytest plugin: tasks of known fate, though the service has no seed, makes the
ids of its tasks and fails at random where nobody keeps it from that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from taskguard.service import sandboxing
from taskguard.support.sandbox.availability import sandbox_here
from taskguard.testing.plugin import asked

from tests.services.test_services import service_of

pytestmark = pytest.mark.in_process
NAME = "makes-its-ids"

THEIR_TESTS = """
import pytest
from taskguard.errors import FaultPlanError
from taskguard.history import DeadLettered

VISIBILITY_MS = 60_000


def test_tasks_fail_as_often_as_they_are_to(pipeline):
    tasks = [pipeline.task(failures=failures) for failures in (0, 2, 3)]
    done_twice = pipeline.task(failures=1, when="after")
    pipeline.submit(*tasks, done_twice)
    history = pipeline.settle(*tasks, done_twice)
    never, twice, dies, after = (history.attempts_of(pipeline.id_of(task)) for task in (*tasks, done_twice))
    assert [attempt.failed is not None for attempt in never] == [False]
    assert [attempt.failed is not None for attempt in twice] == [True, True, False]
    assert [attempt.failed is not None for attempt in dies] == [True, True, True]
    assert [attempt.failed is not None for attempt in after] == [True, False]
    waits = [later.at_ms - attempt.at_ms for attempt, later in zip(twice, twice[1:])]
    assert all(VISIBILITY_MS - 1000 <= wait for wait in waits), waits
    [death] = history.of_kind(DeadLettered)
    assert death.task_id == pipeline.id_of(tasks[2])


def test_more_failures_than_the_queue_allows_are_refused(pipeline):
    with pytest.raises(FaultPlanError, match="4 failures are wanted.* after 3 receives"):
        pipeline.task(failures=4)
"""


def test_somebody_s_tests_know_what_becomes_of_each_task(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    service_of(NAME, tmp_path / "service")
    (tmp_path / "test_theirs.py").write_text(THEIR_TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--taskguard-service", "service"]
    options = [
        f"--taskguard-clock-scale={asked(request.config, 'clock-scale')}",
        f"--taskguard-sandbox={'on' if sandbox_here() else 'off'}",
    ]
    # A session of its own, as from a shell: none of this one's settings reach it.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTEST_") and name != sandboxing.VARIABLE
    }
    done = subprocess.run(
        [*command, *options], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
