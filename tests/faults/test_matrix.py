"""Whatever goes wrong at whichever place: nothing is lost, nothing is done twice, and nothing stays as it is for ever.

One test for each story, place and kind of fault, each with a task of its own, all of them in the pipeline at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import pytest
from taskguard.contract.draws import find_task_id
from taskguard.evidence.sources import source_at
from taskguard.faults.plan import Phase, Plan
from taskguard.history import FaultInjected, History, SavedRun
from taskguard.ingress.load import load_with
from taskguard.ingress.workload import Task
from taskguard.judging.guarantees import GUARANTEES, faults_met
from taskguard.judging.verdict import Outcome
from taskguard.reports.timeline import timeline
from taskguard.run.injecting.planned_faults import PlannedFaults
from taskguard.run.manifests import manifest_of
from taskguard.run.outside import Outside
from taskguard.run.running import Run
from taskguard.service.ours import failure_parameters
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint
from taskguard.testing.shared_engine import SharedEngine

from tests.faults.batches import one_message_at_a_time
from tests.faults.matrix import Case, cases_of
from tests.faults.stories import STORIES, scenes_of
from tests.terms import our_terms

pytestmark = pytest.mark.in_process

STAGE = "matrix"
SEED = "matrix"
RATE = 0.3
LATE_SECONDS = 60.0
"""Late is no matter here: the pipeline is full of crashes."""

EXPECTED = our_terms(seed=SEED, rate=RATE, late_seconds=LATE_SECONDS)


def test_nothing_is_lost_or_done_twice_wherever_a_fault_strikes(
    endpoint: Endpoint,
    deploy: Callable[..., Stack],
    shared_engine: SharedEngine,
    subtests: pytest.Subtests,
) -> None:
    stack = deploy(STAGE, **failure_parameters(SEED, RATE))
    one_message_at_a_time(endpoint, stack)
    cases = _cases(endpoint, stack)
    plan = Plan(seed=SEED, faults=tuple(case.fault for case in cases))
    source = source_at(endpoint, stack, since_ms=endpoint.clock.now_ms())
    run = Run(endpoint=endpoint, stack=stack, terms=EXPECTED, source=source)

    outside = Outside(faults=PlannedFaults(endpoint, stack, plan))
    history = run.of(load_with([case.task for case in cases]), outside=outside)
    folder = shared_engine.folder / "matrix"
    SavedRun(history=history, manifest=manifest_of(run, len(cases), {})).write(folder)

    findings = _findings(history)
    met = {(event.fault, task_id) for event in history.of_kind(FaultInjected) for task_id in event.task_ids}
    for case in cases:
        with subtests.test(case.name):
            was_met = (str(case.fault), case.task.task_id) in met
            if not was_met and _was_refused_anyway(case, run):
                pytest.skip("the write was refused without a fault: somebody else had stored the record by then")
            assert was_met, f"{case.fault} was never met; its history is in {folder}"
            found = findings.get(case.task.task_id, [])
            assert not found, "\n".join([*found, timeline(history, case.task.task_id), f"History: {folder}"])
    assert not findings.get(None), findings[None]


def _cases(endpoint: Endpoint, stack: Stack) -> Sequence[Case]:
    """What can be struck, found by watching one task of each story unharmed."""
    run = Run(endpoint=endpoint, stack=stack, terms=EXPECTED)
    watched = {story: find_task_id(SEED, RATE, fate, f"watched-{story}") for story, fate in STORIES.items()}
    history = run.of(load_with([Task(task_id=task_id, payload={"story": story}) for story, task_id in watched.items()]))
    assert set(history.accepted) == set(watched.values())
    recording = run.recording()
    assert recording is not None
    scenes = scenes_of(recording, stack, watched)
    assert {scene.function for scene in scenes} == {"submitTask", "processTask", "monitorDLQ"}
    assert all(scene.calls for scene in scenes)
    return cases_of(scenes, SEED, RATE)


def _was_refused_anyway(case: Case, run: Run) -> bool:
    """Whether the call was refused by itself, so that there was no effect of which nothing, or something else, could be told."""
    recording = run.recording()
    return (case.fault.when is Phase.AFTER and case.fault.kind != "slow") and any(
        call.operation == case.fault.call
        and call.error_code == "ConditionalCheckFailedException"
        and case.task.task_id in str(call.parameters)
        for call in (recording.calls if recording else ())
    )


def _findings(history: History) -> dict[str | None, list[str]]:
    """What any guarantee found, by task."""
    found: dict[str | None, list[str]] = defaultdict(list)
    for name, judge in GUARANTEES.items():
        verdict = judge(history, EXPECTED)
        # That each fault was met is asked of each case.
        if verdict.outcome is not Outcome.PASS and name != faults_met.QUESTION.check:
            for finding in verdict.findings:
                found[finding.task_id].append(f"{name}: {finding.message}")
    return found
