"""A run on the engine that ``taskguard up`` left running, on a stage that is kept there for such runs."""

from __future__ import annotations

import hashlib
import itertools
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from taskguard.errors import DeploymentError, OtherTemplate
from taskguard.evidence.queues import Queues
from taskguard.evidence.sources import source_at
from taskguard.run.events import Announced, Tell, phase
from taskguard.run.forgetting import forget
from taskguard.run.manifests import digests_of_service
from taskguard.run.running import Run
from taskguard.run.stages import WantedStage
from taskguard.run.watch import all_empty
from taskguard.service import deployment
from taskguard.service.config import config_of
from taskguard.service.deployers.choosing import chosen
from taskguard.service.event_sources import mappings_of
from taskguard.service.kept import RunningStack
from taskguard.service.resources import stacks_of
from taskguard.service.stack import Stack
from taskguard.support.this_command import runnable
from taskguard.targets.base import Endpoint
from taskguard.targets.localstack import LocalStackInstance
from taskguard.targets.registry import TargetOptions


def on_engine_that_is_up(
    options: TargetOptions, wanted: WantedStage, task_ids: Sequence[str], tell: Tell, held: ExitStack
) -> Run | None:
    """The run on the engine that ``taskguard up`` left running; none when there is none like the one that is asked for.

    The stage is deployed once for a service and its failure settings, and found again as long as nobody has changed it; where nothing but
    code changed, that is put there.
    It is at rest, and knows nothing of ``task_ids``, when this returns, and no other run uses it until ``held`` closes.

    Raises:
        SetupError, DeploymentError: when the stage cannot be deployed.
    """
    running = RunningStack.load(wanted.places)
    if running is None or not isinstance(running.instance, LocalStackInstance) or not running.instance.answers():
        return None
    endpoint = running.instance.endpoint().in_region(options.region)
    if other := next(_what_is_other(endpoint, options, wanted), None):
        tell(Announced(f"The engine that is up at {endpoint.place} is not used: {other}"))
        return None
    tell(Announced(f"Using the engine that is up at {endpoint.place} (`--fresh` starts one for this run alone)"))
    kept = _a_free_one(endpoint, Path(running.instance.scratch), wanted, held)
    log, digests = options.folder / "deploy.log", kept.digests_now()
    stack = kept.there(digests, tell, log, task_ids)
    if stack is None:
        deployment.get_ready(wanted.places, wanted.deployer)
        stage = kept.new_name()
        stack = wanted.deploy(endpoint, stage, log, tell)
        kept.remember(stack, stage, digests)
    return run_on(stack, endpoint, wanted)


def run_on(stack: Stack, endpoint: Endpoint, wanted: WantedStage) -> Run:
    """A run on a stage that is kept, of which all that happened before is not looked at."""
    endpoint, terms = endpoint.in_region(stack.region), wanted.terms()
    source = source_at(endpoint, stack, terms.dialect, since_ms=endpoint.clock.now_ms())
    return Run(endpoint=endpoint, stack=stack, terms=terms, source=source)


def _what_is_other(endpoint: Endpoint, options: TargetOptions, wanted: WantedStage) -> Iterator[str]:
    """Each reason why a run with these options cannot be made on this engine."""
    deployer = chosen(wanted.places.service, wanted.deployer)
    if not deployer.stages_apart:
        yield f"the names of what {deployer.name} deploys do not tell one stage from another"
    if wanted.stage:
        yield f"stage {wanted.stage} is named (--stage, or stage in taskguard.toml), and stages that are kept there have other names"
    if options.port and endpoint.url != (wanted_url := f"http://127.0.0.1:{options.port}"):
        yield f"an engine at {wanted_url} is asked for"
    if endpoint.clock.scale != options.clock_scale:
        one_like_it = runnable(f"taskguard up --clock-scale {options.clock_scale:g}")
        yield f"its clock scale is {endpoint.clock.scale:g}, not {options.clock_scale:g} (`{one_like_it}` starts one of that scale)"
    if endpoint.sandboxed is not options.sandboxed:
        yield f"its functions run {'in a' if endpoint.sandboxed else 'without a'} sandbox, and those of this run are not to"


def _a_free_one(endpoint: Endpoint, scratch: Path, wanted: WantedStage, held: ExitStack) -> KeptStage:
    """The first of the kept stages that no other run uses: runs at once have one each. The lock of a run that is killed goes with
    its process."""
    for number in itertools.count(1):
        kept = KeptStage(endpoint, scratch, wanted, number)
        with suppress(Timeout):
            held.enter_context(kept.lock.acquire(blocking=False))
            break
    return kept


@dataclass(frozen=True, slots=True)
class _Found:
    """The stage that is there, by which name it was asked for (none: the service's own), and what the files were that were deployed."""

    stack: Stack
    asked_for: str | None
    digests: Mapping[str, str]


class KeptStage:
    """A stage of one service with its failure settings, on one engine; its note goes with the engine. There is another by each
    ``number``, from 1."""

    def __init__(self, endpoint: Endpoint, scratch: Path, wanted: WantedStage, number: int) -> None:
        self._endpoint, self._wanted, self._service = endpoint, wanted, wanted.places.service
        # Not by its code, which is changed where it is.
        settings = [str(self._service.resolve()), wanted.deployer, wanted.region, wanted.parameters()]
        about = json.dumps(settings, sort_keys=True)
        first = f"grade-{hashlib.sha256(about.encode()).hexdigest()[:8]}"
        self._name = first if number == 1 else f"{first}-{number}"
        self._note = scratch / f"{self._name}.json"
        self.lock = FileLock(scratch / f"{self._name}.lock")

    def digests_now(self) -> dict[str, str]:
        """What a deploy would send. To be asked before one: what is changed during it is deployed the next time."""
        return dict(digests_of_service(self._service, self._wanted.deployer))

    def there(self, digests: Mapping[str, str], tell: Tell, log: Path, task_ids: Sequence[str]) -> Stack | None:
        """The stage with the service's files that have these ``digests``, which knows nothing of these tasks; none when it is not there, was
        changed or left in the middle of a run, or more than code differs."""
        with phase(tell, "look for the stage"):
            found = self._find()
        if found is None:
            return None
        stack: Stack | None = found.stack
        if found.digests != digests:
            stack = self._with_new_code(found.asked_for, tell, log)
            if stack is None:
                return None
            self.remember(stack, found.asked_for, digests)
        with phase(tell, "forget the tasks of before"):
            forget(self._endpoint.in_region(found.stack.region), found.stack, task_ids)
        return stack

    def _find(self) -> _Found | None:
        """The stage, if it is as it was deployed, and at rest."""
        try:
            note = json.loads(self._note.read_text())
            choices = config_of(self._service).choices
            endpoint = self._endpoint.in_region(note["region"])
            stack = deployment.read_stack(endpoint, note["stage"], name=note["name"], choices=choices)
            as_it_was = self._state(stack) == note["state"]
        except (OSError, ValueError, KeyError, DeploymentError):
            return None
        queues = Queues(endpoint, stack)
        if not (as_it_was and all_empty(queues.queue_depths(), stack.stays_filled) and queues.are_empty_beside()):
            return None
        return _Found(replace(stack, set_aside=tuple(note["set_aside"])), note["asked_for"], note["digests"])

    def _with_new_code(self, stage: str | None, tell: Tell, log: Path) -> Stack | None:
        """The stage with the service's present code, where nothing else of it changed."""
        try:
            with phase(tell, "put new code there"):
                renewed = self._wanted.with_code_alone(self._endpoint, stage, log)
        except OtherTemplate:
            return None
        tell(Announced("Nothing but code changed: it has been put into the functions of the stage that is there"))
        return renewed

    def new_name(self) -> str:
        """What to call the stage when it is deployed: not as one that was changed or left in the middle of a run."""
        return self._name if not self._note.exists() else f"{self._name}-{secrets.token_hex(2)}"

    def remember(self, stack: Stack, asked_for: str | None, digests: Mapping[str, str]) -> None:
        """This stack is as it was deployed, as the stage that was ``asked_for``, of files with these digests."""
        note = {
            "asked_for": asked_for,
            "stage": stack.stage,
            "name": stack.name,
            "region": stack.region,
            "state": self._state(stack),
            "set_aside": stack.set_aside,
            "digests": digests,
        }
        self._note.write_text(json.dumps(note))

    def _state(self, stack: Stack) -> dict[str, Any]:
        """What changes when somebody deploys the stage again, or changes a function or a queue of it by hand."""
        endpoint = self._endpoint.in_region(stack.region)
        descriptions = [
            endpoint.cloudformation().describe_stacks(StackName=name)["Stacks"][0] for name in stacks_of(stack.name)
        ]
        functions, sqs = endpoint.functions(), endpoint.sqs()
        names = [each.name for each in stack.functions]
        queues = [*stack.queues.values(), *stack.beside]
        mappings = [mappings_of(endpoint, queue.arn) for queue in queues]
        attributes = [
            sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["All"])["Attributes"] for queue in queues
        ]
        return {
            "stacks": {
                each["StackId"]: str(each.get("LastUpdatedTime", each["CreationTime"])) for each in descriptions
            },
            "functions": {
                name: functions.get_function_configuration(FunctionName=name)["RevisionId"] for name in names
            },
            # A run that was killed may have left them off.
            "off": [m["UUID"] for found in mappings for m in found if m.get("State") in ("Disabled", "Disabling")],
            "queues": [
                {key: value for key, value in sorted(each.items()) if not key.startswith("Approximate")}
                for each in attributes
            ],
        }
