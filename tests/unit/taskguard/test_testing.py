"""What a pipeline test asks of the evidence while it waits."""

from __future__ import annotations

from pathlib import Path

import pytest
from taskguard.evidence.recorder.recording import Recording
from taskguard.run.running import Run
from taskguard.testing.pipeline import Pipeline

from tests.terms import our_terms
from tests.unit.taskguard.fake_aws import Fakes
from tests.unit.taskguard.recorder_lines import STACK, ended, recording_of, sqs_record, started


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    monkeypatch.setattr("taskguard.testing.pipeline.client_of", lambda *_: None)
    run = Run(endpoint=Fakes(), stack=STACK, terms=our_terms())
    return Pipeline(run=run, prefix="t", folder=tmp_path)


def test_a_task_is_at_rest_while_one_is_at_work_whose_id_its_own_is_part_of(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = recording_of(tmp_path, started("r1", sqs_record("m1")), ended("r1"), started("r2", sqs_record("m10")))

    def recording(_: object) -> Recording:
        return found

    monkeypatch.setattr(Run, "recording", recording)
    assert pipeline._at_rest(["task-of-m1"])
    assert not pipeline._at_rest(["task-of-m1", "task-of-m10"])
