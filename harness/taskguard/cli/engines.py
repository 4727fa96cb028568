"""Where a graded run takes place: an engine of its own, or the one that is up, on a stage that is kept for such runs."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from taskguard.cli.progress import ProgressLine
from taskguard.cli.stack import auth_parameters
from taskguard.contract.expectations import Expectations
from taskguard.contract.names import Names
from taskguard.errors import DeploymentError
from taskguard.evidence.stack import StackReader
from taskguard.ingress.access import ApiAuth
from taskguard.places import Places
from taskguard.run.manifests import digests_of_service
from taskguard.run.running import Run
from taskguard.run.timings import Timings
from taskguard.service import deployment
from taskguard.service.deployment import Stack
from taskguard.service.kept import RunningStack
from taskguard.targets.base import Endpoint, Target
from taskguard.targets.localstack import LocalStack, LocalStackInstance
from taskguard.targets.registry import TargetOptions

_BATCH = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the user wants a run on: the service in ``places``, the stage (none: whichever), how attempts fail, and who may call the API (none: as
    ``serverless.yml`` has it)."""

    places: Places
    stage: str | None
    seed: str | None
    rate: float
    api_auth: ApiAuth | None = None

    def parameters(self) -> dict[str, str]:
        return deployment.failure_parameters(self.seed, self.rate) | auth_parameters(self.api_auth)

    def expectations(self) -> Expectations:
        return Expectations(failure_seed=self.seed, failure_rate=self.rate)


def on_own_engine(
    line: ProgressLine, engine: Target, options: TargetOptions, wanted: Wanted, stacks: ExitStack, timings: Timings
) -> Run:
    """Start ``engine`` and deploy to it. What would outlive it is removed when ``stacks`` closes, however far the deploy
    came."""
    deployment.get_ready(wanted.places)
    line.say(f"Starting the engine (its log: {options.folder})")
    if isinstance(engine, LocalStack):
        return _deployed_meanwhile(line, engine, options, wanted, timings)
    with timings.phase("engine: start"):
        endpoint = engine.start()
    stage = wanted.stage
    if not engine.running.takes_stacks_along:
        stage = stage or f"run-{secrets.token_hex(3)}"
        deployment.make_sure_is_free(endpoint, stage)
        stacks.callback(_remove, line, endpoint, stage, wanted.places, options.folder / "remove.log")
    return _deployed(line, endpoint, stage or "dev", options, wanted, timings)


def _deployed_meanwhile(
    line: ProgressLine, engine: LocalStack, options: TargetOptions, wanted: Wanted, timings: Timings
) -> Run:
    """Let the CLI get ready while the engine does: its first call waits until the engine answers."""
    with ThreadPoolExecutor(1) as pool:
        deploying: list[Future[Run]] = []
        abandoned = threading.Event()

        def deploy(endpoint: Endpoint) -> None:
            stage = wanted.stage or "dev"
            deploying.append(pool.submit(_deployed, line, endpoint, stage, options, wanted, timings, abandoned))

        engine.on_launch = deploy
        try:
            with timings.phase("engine: start"):
                engine.start()
            return deploying[-1].result()
        except BaseException:
            abandoned.set()
            deployment.stop_the_cli()
            raise


def _deployed(
    line: ProgressLine,
    endpoint: Endpoint,
    stage: str,
    options: TargetOptions,
    wanted: Wanted,
    timings: Timings,
    abandoned: threading.Event | None = None,
) -> Run:
    line.say(f"Deploying the pipeline to {endpoint.place}, stage {stage}")
    with timings.phase("deploy"):
        log = options.folder / "deploy.log"
        stack = deployment.deploy(
            endpoint, stage, places=wanted.places, parameters=wanted.parameters(), log=log, abandoned=abandoned
        )
    return Run(endpoint=endpoint, stack=stack, expectations=wanted.expectations())


def _remove(line: ProgressLine, endpoint: Endpoint, stage: str, places: Places, log: Path) -> None:
    if deployment.is_deployed(endpoint, stage):
        line.say(f"Removing stage {stage} from {endpoint.place}")
        deployment.remove(endpoint, stage, places=places, log=log)


def on_engine_that_is_up(
    line: ProgressLine, options: TargetOptions, wanted: Wanted, task_ids: Sequence[str], timings: Timings
) -> Run | None:
    """The run on the engine that ``taskguard up`` left running; none when there is none like the one that is asked for.

    The stage is deployed once for a service and its failure settings, and found again as long as nobody has changed it.
    It is at rest, and knows nothing of ``task_ids``, when this returns.

    Raises:
        SetupError, DeploymentError: when the stage cannot be deployed.
    """
    running = RunningStack.load(wanted.places)
    if running is None or not isinstance(running.instance, LocalStackInstance) or not running.instance.answers():
        return None
    endpoint = running.instance.endpoint()
    if (endpoint.region, endpoint.clock.scale) != (options.region, options.clock_scale):
        return None
    line.say(f"Using the engine that is up at {endpoint.place} (`--fresh` starts one for this run alone)")
    kept = _KeptStage(endpoint, Path(running.instance.scratch), wanted)
    with timings.phase("look for the stage"):
        stack = kept.find()
    if stack is None:
        deployment.get_ready(wanted.places)
        stage = kept.new_name()
        line.say(f"Deploying the pipeline to {endpoint.place}, stage {stage}")
        with timings.phase("deploy"):
            stack = deployment.deploy(
                endpoint,
                stage,
                places=wanted.places,
                parameters=wanted.parameters(),
                log=options.folder / "deploy.log",
            )
            kept.remember(stack)
    else:
        with timings.phase("forget the tasks of before"):
            _forget(endpoint, stack, task_ids)
    return Run(endpoint=endpoint, stack=stack, expectations=wanted.expectations(), since_ms=endpoint.clock.now_ms())


class _KeptStage:
    """The stage of one service with its failure settings, on one engine; its note goes with the engine."""

    def __init__(self, endpoint: Endpoint, scratch: Path, wanted: Wanted) -> None:
        self._endpoint = endpoint
        about = json.dumps([digests_of_service(wanted.places.service), wanted.parameters()], sort_keys=True)
        self._name = f"grade-{hashlib.sha256(about.encode()).hexdigest()[:8]}"
        self._note = scratch / f"{self._name}.json"

    def find(self) -> Stack | None:
        """The stage, if it is as it was deployed, and at rest."""
        try:
            note = json.loads(self._note.read_text())
            stack = deployment.read_stack(self._endpoint, note["stage"])
            as_it_was = self._state(stack) == note["state"]
        except (OSError, ValueError, KeyError, DeploymentError):
            return None
        reader = StackReader(self._endpoint, stack, Names())
        return stack if as_it_was and all(depth.total == 0 for depth in reader.queue_depths()) else None

    def new_name(self) -> str:
        """What to call the stage when it is deployed: not as one that was changed or left in the middle of a run."""
        return self._name if not self._note.exists() else f"{self._name}-{secrets.token_hex(2)}"

    def remember(self, stack: Stack) -> None:
        """This stack is as it was deployed."""
        self._note.write_text(json.dumps({"stage": stack.stage, "state": self._state(stack)}))

    def _state(self, stack: Stack) -> dict[str, Any]:
        """What changes when somebody deploys the stage again, or changes a function or a queue of it by hand."""
        name = deployment.stack_name(stack.stage)
        description = self._endpoint.cloudformation().describe_stacks(StackName=name)["Stacks"][0]
        functions, sqs = self._endpoint.functions(), self._endpoint.sqs()
        names = [value for key, value in sorted(stack.outputs.items()) if key.endswith("FunctionName")]
        queues = (stack.task_queue_url, stack.dead_letter_queue_url)
        attributes = [sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"] for url in queues]
        return {
            "stack": description["StackId"],
            "deployed": str(description.get("LastUpdatedTime", description["CreationTime"])),
            "functions": {
                name: functions.get_function_configuration(FunctionName=name)["RevisionId"] for name in names
            },
            "queues": [
                {key: value for key, value in sorted(each.items()) if not key.startswith("Approximate")}
                for each in attributes
            ],
        }


def _forget(endpoint: Endpoint, stack: Stack, task_ids: Sequence[str]) -> None:
    """Remove the records of these tasks: with the same seed a run has the ids of the one before, whose work is done."""
    key, rest = Names().table.task_id, iter(task_ids)
    while batch := list(islice(rest, _BATCH)):
        requests: Any = {stack.table: [{"DeleteRequest": {"Key": {key: {"S": task_id}}}} for task_id in batch]}
        while requests:
            requests = endpoint.dynamodb().batch_write_item(RequestItems=requests).get("UnprocessedItems")
