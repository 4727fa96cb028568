"""``--target aws``, rehearsed on the session's engine: all that it does on AWS, but for AWS itself."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from taskguard.cli.app import app
from taskguard.contract.dialect import TASKGUARD
from taskguard.errors import ExitCode
from taskguard.evidence.records import Records
from taskguard.history import SavedRun
from taskguard.ingress.workload import tasks as workload
from taskguard.operating.ledger import LEDGER_FILE
from taskguard.reports.as_junit import JUNIT_FILE
from taskguard.service.stack import Stack
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint
from typer.testing import CliRunner

from tests.places import PROJECT

pytestmark = pytest.mark.heavy

SEED = "rehearsal"
API_GATEWAY = "arn:aws:apigateway:REGION::"
OF_THE_API = ("GetApiKey", "GetResources", "GetStages", "GetUsagePlans", "GetUsagePlanKeys")
ON_AWS = ["grade", "--target", "aws", "--stage"]


@pytest.fixture
def stage(
    request: pytest.FixtureRequest, endpoint: Endpoint, deploy: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch
) -> Stack:
    """A stage of the test's own, with a key as on AWS, where AWS's calls are sent to the session's engine: what is left in its queues
    is of no other test."""
    stack = deploy(f"rehearsal-{len(request.node.name)}", failureSeed=SEED, apiAuth="apiKey")
    monkeypatch.setenv("AWS_ENDPOINT_URL", str(endpoint.url))
    return stack


def test_a_graded_run_passes_leaves_no_task_and_makes_only_the_calls_it_is_to_be_allowed(
    stage: Stack, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    records, made = Records(endpoint, stage, TASKGUARD), set[str]()
    asked_for: set[str] = set()
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def noted(client: Any, operation: str, arguments: Any) -> Any:
        made.add(f"{client.meta.service_model.signing_name}:{operation}")
        if operation in OF_THE_API:
            # API Gateway's permissions are named after the methods of HTTP, and its resources after the paths.
            made.add("apigateway:GET")
            made.discard(f"apigateway:{operation}")
            path = client.meta.service_model.operation_model(operation).http["requestUri"].partition("?")[0]
            asked_for.add(re.sub(r"\{[^{}]+\}", "x", path))
        return call(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    out = tmp_path / "run"
    ended = CliRunner().invoke(app, [*ON_AWS, stage.stage, "--seed", SEED, "--tasks", "6", "--out", str(out)])
    # On a stage that others may use nothing waits, and of so few tasks it is chance whether a batch of several comes.
    in_batches = "\nUNKNOWN: partial_batches (1 of 16 checks)\n" not in ended.output
    assert ended.exit_code == (ExitCode.PASSED if in_batches else ExitCode.UNKNOWN), ended.output
    assert "What 32 tasks will cost on AWS" in ended.output
    assert f"This is a rehearsal at {endpoint.url}" in ended.output
    assert SavedRun.read(out).manifest.target == f"aws (at {endpoint.url})"
    assert (out / JUNIT_FILE).exists()

    ids = [task.task_id for task in workload(SEED, 6)]
    assert records.statuses(ids) == {}
    assert not (out / LEDGER_FILE).exists()

    # Who is asking may be asked by anybody; what kind of engine answers, and what it does not tell, in a rehearsal only.
    of_engines = {
        "sts:GetCallerIdentity",
        "apigateway:GetRestApis",
        "cloudformation:GetTemplate",
        # Needed instead of the key on a stage of IAM's; it is no call of an SDK's.
        "execute-api:Invoke",
    }
    assert made - of_engines == allowed_to_grade("Action") - of_engines
    for path in asked_for:
        assert any(fnmatchcase(f"{API_GATEWAY}{path}", each) for each in allowed_to_grade("Resource")), path


def allowed_to_grade(what: str) -> set[str]:
    """The actions, or the resources, of the policy that docs/aws.md offers for whoever grades."""
    policy = json.loads((PROJECT / "docs" / "iam" / "harness.json").read_text())
    told = [each[what] for each in policy["Statement"] if each["Sid"].startswith("Grade")]
    # What may be read of anything is no resource of API Gateway's.
    return {one for each in told for one in ([each] if isinstance(each, str) else each)} - {"*"}


def test_what_a_killed_run_left_is_removed_by_clean_up(stage: Stack, endpoint: Endpoint, tmp_path: Path) -> None:
    records = Records(endpoint, stage, TASKGUARD)
    taskguard, out = str(Path(sys.executable).with_name("taskguard")), tmp_path / "run"
    command = [taskguard, *ON_AWS, stage.stage, "--tasks", "5", "--out", str(out)]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for((out / LEDGER_FILE).exists, seconds=60)
        ids = [json.loads(line)["taskId"] for line in (out / LEDGER_FILE).read_text().splitlines()]
        wait_for(lambda: records.statuses(ids), seconds=30)
    finally:
        run.kill()
        run.wait()
    cleaned = subprocess.run(
        [taskguard, "clean-up", str(out)], capture_output=True, text=True, check=False, timeout=180, env=os.environ
    )
    assert cleaned.returncode == 0, cleaned.stdout + cleaned.stderr
    assert "Removed " in cleaned.stdout
    assert records.statuses(ids) == {}
    assert not (out / LEDGER_FILE).exists()
