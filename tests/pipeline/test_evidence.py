"""The two kinds of evidence: what the flight recorder saw, and what the logs and the table tell of the same tasks."""

import pytest
from taskguard.evidence.sources import log_source
from taskguard.history import History
from taskguard.run.running import Run
from taskguard.testing.pipeline import Pipeline

from tests.comparison import differences
from tests.pipeline.judging import not_passed

# Two clocks of one machine, and the way between a function and the engine when the machine is busy.
TOLERANCE_MS = 500.0


@pytest.mark.long
def test_the_logs_tell_what_the_flight_recorder_saw(pipeline: Pipeline) -> None:
    if pipeline.run.endpoint.recording is None:
        pytest.skip("this engine has no flight recorder to compare the logs with")
    endpoint, stack = pipeline.run.endpoint, pipeline.run.stack
    logs = Run(
        endpoint=endpoint,
        stack=stack,
        terms=pipeline.run.terms,
        source=log_source(endpoint, stack),
    )
    tasks = [pipeline.task(failures=failures) for failures in (0, 1, 2, 3)]
    tasks.append(pipeline.task(payload={"name": "Zoë", "amounts": [1, 1.0, 1e-07], "nothing": None}))
    pipeline.submit(*tasks)
    seen = pipeline.settle(*tasks)
    told = history(logs, pipeline)
    assert differences(seen, told, tolerance_ms=TOLERANCE_MS) == []
    assert not_passed(told, logs.terms) == {}


def history(run: Run, pipeline: Pipeline) -> History:
    ids = frozenset(e.task_id for e in pipeline.submitted if e.task_id is not None)
    return run.history(pipeline.submitted, deadline_reached=False, only=ids)
