"""Finds out what is deployed of a service, from the names of its CloudFormation stacks: through the platform's APIs alone.

No output, no naming scheme and no environment variable is relied on. The work queue is the queue with a consumer and a redrive
policy; the dead-letter queue is where that policy leads; consumers are what event source mappings invoke; routes and what they
invoke are API Gateway's. Where more than one thing is possible, and the user has not decided, that is an error that says how to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Literal, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.errors import DiscoveryError
from taskguard.history import Unsupported
from taskguard.history.settings import IMPORT
from taskguard.service.event_sources import function_of, is_schedule, mappings_of, reports_failures
from taskguard.service.failed_invocations import failures_by_queue
from taskguard.service.imports import missing_imports
from taskguard.service.ingresses import ingresses_of
from taskguard.service.resources import Resource, resources_of
from taskguard.service.stack import (
    Api,
    Choices,
    Function,
    Queue,
    Stack,
    Table,
    default_log_group,
    only_one,
)
from taskguard.service.ways import WAYS, Reading, Way, is_unknown_here
from taskguard.support.this_command import runnable
from taskguard.targets.aws_errors import explain
from taskguard.targets.base import Endpoint

T = TypeVar("T")
R = TypeVar("R", Queue, Table)

_AT_ONCE = 8
_NOTHING_CHOSEN = Choices()

_QUEUE, _FUNCTION, _TABLE = "AWS::SQS::Queue", "AWS::Lambda::Function", "AWS::DynamoDB::Table"
_TOPIC, _RULE = "AWS::SNS::Topic", "AWS::Events::Rule"
_OF_QUEUES: Sequence[Literal["QueueArn", "RedrivePolicy", "DelaySeconds", "VisibilityTimeout"]] = (
    "QueueArn",
    "RedrivePolicy",
    "DelaySeconds",
    "VisibilityTimeout",
)
_RELAYS = (
    "AWS::Events::EventBus",
    _RULE,
    "AWS::Pipes::Pipe",
    _TOPIC,
    "AWS::StepFunctions::StateMachine",
)
"""A message may pass through these before it comes to a queue."""

_SCHEDULE, _MAPPING = "AWS::Scheduler::Schedule", "AWS::Lambda::EventSourceMapping"

_NOT_MADE = "unknown"
"""What LocalStack calls a resource of a type that it does not know: it takes it, and makes nothing of it
(``localstack/services/cloudformation/engine/v2/change_set_model_executor.py``)."""

# What CDK adds to the id of a construct: https://docs.aws.amazon.com/cdk/v2/guide/identifiers.html
_CDKS_HASH = re.compile(r"[0-9A-F]{8}$")
# https://github.com/oss-serverless/serverless/blob/main/lib/plugins/aws/lib/naming.js
_SERVERLESS_SUFFIX = "LambdaFunction"


def discover(endpoint: Endpoint, name: str, *, stage: str, choices: Choices = _NOTHING_CHOSEN) -> Stack:
    """What the stack ``name`` is made of; of several stacks, what they are made of together (:mod:`taskguard.service.resources`).

    Raises:
        DiscoveryError: it cannot be read, it has no work queue, or what is meant is ambiguous and not decided by ``choices``.
    """
    try:
        return _Discovery(endpoint, name, stage, choices).stack()
    except (ClientError, BotoCoreError) as error:
        raise cannot_read(name, endpoint, error) from error


def cannot_read(name: str, endpoint: Endpoint, error: ClientError | BotoCoreError) -> DiscoveryError:
    """What to tell the user of this error, met while the stack was read."""
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html: no stack is a ValidationError.
    if "does not exist" in str(error):
        why = (
            f"{error}. Deploy it first (`{runnable('taskguard up')}`, or `make deploy` on AWS), or name another stage."
        )
    else:
        why = explain(error)
    return DiscoveryError(f"reading the stack {name} at {endpoint.place}: {why}")


class _Discovery:
    def __init__(self, endpoint: Endpoint, name: str, stage: str, choices: Choices) -> None:
        self._endpoint, self._name, self._stage, self._choices = endpoint, name, stage, choices
        every = list(resources_of(endpoint, name))
        self._unsupported = [each for each in every if endpoint.url is not None and each.physical_id == _NOT_MADE]
        self._resources = [each for each in every if each not in self._unsupported]
        # A client is made once, and not by several threads at once.
        self._clients = [endpoint.functions(), endpoint.sqs(), endpoint.dynamodb(), endpoint.apigateway()]
        self._dead_letters_to: dict[str, str] = {}
        """The ARNs of queues' dead-letter queues, by the queues' own."""
        self._of_queues: set[str] = set()
        """The ids of queues' event source mappings."""

    def stack(self) -> Stack:
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="discovery") as pool:
            apis = self._apis(pool)
            tables = [pool.submit(self._table, each) for each in self._of(_TABLE)]
            functions = [pool.submit(self._function, each.physical_id, each.logical_id) for each in self._of(_FUNCTION)]
            queues = list(pool.map(self._queue, self._of(_QUEUE)))
            work = self._work_queue(queues)
            dead = self._dead_letter_queue(work, queues)
            beside = tuple(each for each in queues if each not in (work, dead))
            found = [each.result() for each in functions]
            consumers = [*work.consumers, *(dead.consumers if dead is not None else ())]
            # A queue may have consumers of another stack's.
            known = {each.name for each in found}
            found += pool.map(self._function, [name for name in dict.fromkeys(consumers) if name not in known])
            all_tables = [each.result() for each in tables]
            in_doubt = len(all_tables) > 1 and self._choices.table is None and not self._choices.records
            all_apis = [api for each in apis if (api := each.result()) is not None]
            return Stack(
                name=self._name,
                stage=self._stage,
                region=self._endpoint.region,
                work_queue=work,
                dead_letter_queue=dead,
                functions=tuple(sorted(found, key=lambda each: (each.label, each.name))),
                table=None if in_doubt else self._decided("table", all_tables, all_tables),
                tables_in_doubt=tuple(sorted(each.in_template for each in all_tables)) if in_doubt else (),
                ingresses=ingresses_of(
                    self._name, all_apis, work, consumers, [each.name for each in found], self._choices.route
                ),
                unsupported=(
                    *(Unsupported(type=each.kind, logical_id=each.logical_id) for each in self._unsupported),
                    *(
                        Unsupported(type=IMPORT, logical_id=name)
                        for name in missing_imports(self._endpoint, self._name)
                    ),
                ),
                relays=tuple(sorted({each.kind for each in self._resources if each.kind in _RELAYS})),
                beside=beside,
                expiring=tuple(each for each in all_tables if each.expires_by is not None),
                sends_later=self._sends_later(),
            )

    def _of(self, kind: str) -> list[Resource]:
        return [each for each in self._resources if each.kind == kind]

    # Queues

    def _queue(self, resource: Resource) -> Queue:
        sqs, url = self._endpoint.sqs(), resource.physical_id
        if "://" not in url:
            # An engine may take its name for a queue's id.
            url = sqs.get_queue_url(QueueName=url.rpartition(":")[2])["QueueUrl"]
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=_OF_QUEUES)["Attributes"]
        if dead := json.loads(told.get("RedrivePolicy") or "{}").get("deadLetterTargetArn"):
            self._dead_letters_to[told["QueueArn"]] = dead
        hidden = told.get("VisibilityTimeout")
        return replace(
            self._consumed(resource.logical_id, url, told["QueueArn"]),
            delay_seconds=float(told.get("DelaySeconds", 0)),
            hidden_seconds=float(hidden) if hidden is not None else None,
        )

    def _consumed(self, logical_id: str, url: str, arn: str) -> Queue:
        mappings = mappings_of(self._endpoint, arn)
        self._of_queues.update(each["UUID"] for each in mappings)
        names, reporting = (
            {function_of(each) for each in found} for found in (mappings, filter(reports_failures, mappings))
        )
        return Queue(
            logical_id=logical_id, url=url, arn=arn, consumers=tuple(sorted(names)), reporting=frozenset(reporting)
        )

    def _sends_later(self) -> bool:
        # Elsewhere than on an engine nobody is kept from sending anything.
        if self._endpoint.url is None:
            return False
        of_streams = {each.physical_id for each in self._of(_MAPPING)} - self._of_queues
        rules = [each.physical_id for each in self._of(_RULE)]
        return bool(of_streams or self._of(_SCHEDULE)) or any(is_schedule(self._endpoint, each) for each in rules)

    def _work_queue(self, queues: Sequence[Queue]) -> Queue:
        fed = self._dead_letters_to.values()
        consumed = [each for each in queues if each.consumers and each.arn not in fed]
        # One that takes another's dead letters may have a redrive policy too, and without any policy a dead-letter queue is none.
        candidates = [each for each in consumed if each.arn in self._dead_letters_to]
        failures: Mapping[str, str] = {}
        if not candidates:
            failures = failures_by_queue(
                self._endpoint, *([each.physical_id for each in self._of(kind)] for kind in (_FUNCTION, _TOPIC, _RULE))
            )
            candidates = [each for each in consumed if each.arn not in failures]
        found = self._decided("work_queue", queues, candidates)
        if found is None:
            have = [each.name + (f" (takes {failures[each.arn]})" if each.arn in failures else "") for each in queues]
            left = [f"{each.logical_id} ({each.kind})" for each in self._unsupported]
            not_made = f" The engine did not make {', '.join(left)}." if left else ""
            raise DiscoveryError(
                f"looking for the work queue of the stack {self._name}: no queue has an event source mapping to a function and is "
                f"not another's dead-letter queue, and only what is handed to a function so can be judged. Its queues: "
                f"{', '.join(have) or 'none'}.{not_made}"
            )
        return found

    def _dead_letter_queue(self, work: Queue, queues: Sequence[Queue]) -> Queue | None:
        arn = self._dead_letters_to.get(work.arn)
        if arn is None:
            return None
        for each in queues:
            if each.arn == arn:
                return each
        # It is another stack's.
        account, name = arn.split(":")[-2:]
        url = self._endpoint.sqs().get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
        return self._consumed("", url, arn)

    def _decided(self, key: Literal["work_queue", "table"], every: Sequence[R], candidates: Sequence[R]) -> R | None:
        """The one that the user has named by its name or logical id, or else the only candidate; none without any."""
        what, chosen = f"the {key.replace('_', ' ')} of the stack {self._name}", getattr(self._choices, key)
        if chosen is not None:
            named = [each for each in every if chosen in (each.name, each.logical_id)]
            return _named(named, chosen, what, key, [each.in_template for each in every])
        if key == "work_queue" and not self._dead_letters_to:
            what += ", of which no queue has a RedrivePolicy that names a dead-letter queue"
        return candidates[only_one([each.in_template for each in candidates], what, key)] if candidates else None

    # Functions and table

    def _function(self, name: str, logical_id: str = "") -> Function:
        told: Mapping[str, Any] = self._endpoint.functions().get_function_configuration(FunctionName=name)
        chosen = self._choices.functions
        return Function(
            logical_id=logical_id,
            name=told["FunctionName"],
            arn=told["FunctionArn"],
            label=chosen.get(logical_id) or chosen.get(name) or label_of(logical_id, name, self._name),
            # https://docs.aws.amazon.com/lambda/latest/api/API_LoggingConfig.html
            log_group=told.get("LoggingConfig", {}).get("LogGroup") or default_log_group(told["FunctionName"]),
            role=told["Role"],
            runtime=told.get("Runtime", ""),
            processor=next(iter(told.get("Architectures", ())), ""),
            code=f"{digest} {told.get('Handler', '')}" if (digest := told.get("CodeSha256")) else "",
        )

    def _table(self, resource: Resource) -> Table:
        told = self._endpoint.dynamodb().describe_table(TableName=resource.physical_id)["Table"]
        key = next(each["AttributeName"] for each in told["KeySchema"] if each["KeyType"] == "HASH")
        expires_by = self._expires_by(told["TableName"], told.get("LatestStreamArn"))
        return Table(logical_id=resource.logical_id, name=told["TableName"], key=key, expires_by=expires_by)

    def _expires_by(self, table: str, stream: str | None) -> str | None:
        # On AWS items do expire.
        if self._endpoint.url is None or stream is None or not mappings_of(self._endpoint, stream):
            return None
        told = self._endpoint.dynamodb().describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        return told.get("AttributeName")

    # APIs

    def _apis(self, pool: ThreadPoolExecutor) -> list[Future[Api | None]]:
        resources: dict[str, list[str]] = {}
        for each in self._resources:
            resources.setdefault(each.kind, []).append(each.physical_id)
        reading = Reading(endpoint=self._endpoint, stage=self._stage, resources=resources)
        return [pool.submit(self._api, way, reading, each) for way in WAYS for each in self._of(way.resource)]

    def _api(self, way: Way, reading: Reading, resource: Resource) -> Api | None:
        try:
            return way.read(reading, resource.logical_id, resource.physical_id)
        except ClientError as error:
            if not is_unknown_here(error):
                raise
            self._unsupported.append(resource)
            return None


def _named(found: Sequence[T], chosen: str, what: str, key: str, known: Sequence[str]) -> T:
    """What the user has named.

    Raises:
        DiscoveryError: there is no such thing.
    """
    if found:
        return found[0]
    raise DiscoveryError(
        f'looking for {what}: taskguard.toml says {key} = "{chosen}", and there is none. There are: {", ".join(known) or "none"}.'
    )


def label_of(logical_id: str, name: str, stack: str) -> str:
    """What a function's author calls it: its name in ``serverless.yml``, its logical id in a template of SAM's, its construct's id
    in an app of CDK's. A function of another stack's has its full name."""
    if not logical_id:
        return name
    if logical_id.endswith(_SERVERLESS_SUFFIX):
        given = logical_id.removesuffix(_SERVERLESS_SUFFIX).replace("Dash", "-").replace("Underscore", "_")
        # The framework makes the first letter a capital one; in the name that it gives the function it is kept.
        here = name.removeprefix(f"{stack}-")
        return here if here.lower() == given.lower() else given[:1].lower() + given[1:]
    return _CDKS_HASH.sub("", logical_id) or logical_id
