"""How a stack is set up, read back from where it runs: queues, their consumers, the table, the functions' roles.

What an engine does not tell of a queue's or the table's encryption is read from the template that the stack was made from, as
the engine has it; what cannot be read at all is said. It must not know what the settings should be.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import cached_property, partial
from typing import Any, TypeVar
from urllib.parse import unquote

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.evidence.transport import refuses_unencrypted
from taskguard.history import ConfigurationObserved, ConsumerSettings, Event, EvidenceMissing, Permission, QueueSettings
from taskguard.history.events import QueueName
from taskguard.service.deployment import Stack, stack_name
from taskguard.targets.base import Endpoint

SOURCE = "the deployed stack"

T = TypeVar("T")
_Settings = Mapping[str, Any]


class Configuration:
    """The settings of one stack, read in a thread of their own, so that nobody need wait while the pipeline works."""

    def __init__(self, endpoint: Endpoint, stack: Stack) -> None:
        self._endpoint = endpoint
        self._stack = stack
        self._reading: Future[list[Event]] | None = None

    def begin(self) -> Future[list[Event]]:
        """Read them as they are from now on, and not as they were before."""
        self._reading = reading = Future[list[Event]]()

        def read() -> None:
            try:
                reading.set_result(configuration_of(self._endpoint, self._stack))
            except BaseException as error:  # whoever asks for it is told
                reading.set_exception(error)

        # A pool's thread would hold up the end of a run that was interrupted, call by call to an engine that is gone.
        threading.Thread(target=read, name="configuration", daemon=True).start()
        return reading

    def events(self) -> list[Event]:
        """What was read when it was last begun, or is read now when it never was."""
        return list((self._reading or self.begin()).result())


def configuration_of(endpoint: Endpoint, stack: Stack) -> list[Event]:
    """What is told of ``stack`` as it is now: one event with its settings, and one for each thing that could not be read."""
    return _Reader(endpoint, stack).read()


class _Reader:
    def __init__(self, endpoint: Endpoint, stack: Stack) -> None:
        self._endpoint = endpoint
        self._stack = stack
        self._unread: list[str] = []

    def read(self) -> list[Event]:
        stack = self._stack
        urls: dict[QueueName, str] = {"work": stack.task_queue_url, "dead-letter": stack.dead_letter_queue_url}
        arns: dict[QueueName, str] = {"work": stack.task_queue_arn, "dead-letter": stack.dead_letter_queue_arn}
        # A part that the stack lacks has no name.
        has_table, has_dead_letter_queue = bool(stack.table), bool(stack.dead_letter_queue_arn)
        if not has_dead_letter_queue:
            del urls["dead-letter"], arns["dead-letter"]
        read = {
            queue: self._try(f"the consumers of the {queue} queue", partial(self._mappings, arn))
            for queue, arn in arns.items()
        }
        mappings = {queue: found or [] for queue, found in read.items()}
        watched = read.get("dead-letter")
        names = {value for key, value in stack.outputs.items() if key.endswith("FunctionName")}
        names |= {_function_of(mapping) for found in mappings.values() for mapping in found}
        functions = {name: self._try(f"the settings of {name}", partial(self._function, name)) or {} for name in names}
        observed = ConfigurationObserved(
            at_ms=self._endpoint.clock.now_ms(),
            queues=tuple(self._queue(queue, url, arns[queue]) for queue, url in urls.items()),
            consumers=tuple(
                _consumer(queue, mapping, functions) for queue, found in mappings.items() for mapping in found
            ),
            store_encrypted=self._try("the encryption of the table", self._table_encrypted) if has_table else None,
            permissions=tuple(
                permission
                for function, settings in sorted(functions.items())
                for permission in self._try(f"the role of {function}", partial(self._role, function, settings)) or []
            ),
            table=has_table,
            dead_letter_queue=has_dead_letter_queue,
            dead_letter_consumer=None if has_dead_letter_queue and watched is None else bool(watched),
        )
        return [observed, *(self._missing(what) for what in self._unread)]

    def _queue(self, queue: QueueName, url: str, arn: str) -> QueueSettings:
        told = self._try(f"the settings of the {queue} queue", partial(self._attributes, url)) or {}
        policy: _Settings = json.loads(told.get("RedrivePolicy") or "{}")
        watched = policy.get("deadLetterTargetArn") == self._stack.dead_letter_queue_arn
        return QueueSettings(
            queue=queue,
            visibility_timeout_seconds=_number(told.get("VisibilityTimeout")),
            retention_seconds=_number(told.get("MessageRetentionPeriod")),
            encrypted=self._try(f"the encryption of the {queue} queue", partial(self._queue_encrypted, told, url)),
            max_receives=int(policy.get("maxReceiveCount", 0)) if told else None,
            dead_letters_watched=watched if told else None,
            unencrypted_refused=refuses_unencrypted(_parsed(told.get("Policy") or "{}"), arn) if told else None,
        )

    def _attributes(self, url: str) -> _Settings:
        answer = self._endpoint.sqs().get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        return {str(name): value for name, value in answer["Attributes"].items()}

    def _queue_encrypted(self, told: _Settings, url: str) -> bool | None:
        if not told:
            return None
        if "KmsMasterKeyId" in told or "SqsManagedSseEnabled" in told:
            return _is_encrypted(told)
        return self._as_in_template("AWS::SQS::Queue", "QueueName", url.rsplit("/", 1)[-1], _is_encrypted)

    def _table_encrypted(self) -> bool | None:
        table: Any = self._endpoint.dynamodb().describe_table(TableName=self._stack.table)["Table"]
        status = table.get("SSEDescription", {}).get("Status")
        if status is not None:
            return str(status) in ("ENABLED", "ENABLING", "UPDATING")
        return self._as_in_template(
            "AWS::DynamoDB::Table",
            "TableName",
            self._stack.table,
            lambda properties: _is_true(properties.get("SSESpecification", {}).get("SSEEnabled")),
        )

    def _as_in_template(self, kind: str, name: str, named: str, read: Callable[[_Settings], bool]) -> bool | None:
        found = [each["Properties"] for each in self._resources if each["Type"] == kind and "Properties" in each]
        return next((read(each) for each in found if each.get(name) == named), None)

    @cached_property
    def _resources(self) -> Sequence[_Settings]:
        answer: Any = self._endpoint.cloudformation().get_template(StackName=stack_name(self._stack.stage))
        body = answer["TemplateBody"]
        return list((json.loads(body) if isinstance(body, str) else body)["Resources"].values())

    def _mappings(self, arn: str) -> list[_Settings]:
        pages = self._endpoint.functions().get_paginator("list_event_source_mappings").paginate(EventSourceArn=arn)
        return [dict(mapping) for page in pages for mapping in page["EventSourceMappings"]]

    def _function(self, name: str) -> _Settings:
        return dict(self._endpoint.functions().get_function_configuration(FunctionName=name))

    def _role(self, function: str, settings: _Settings) -> list[Permission]:
        if not settings:
            return []
        role = settings["Role"].rsplit("/", 1)[-1]
        return [
            _permission(function, statement)
            for document in self._documents(role)
            for statement in _listed(document.get("Statement"))
            if statement.get("Effect") == "Allow"
        ]

    def _documents(self, role: str) -> Iterator[_Settings]:
        iam = self._endpoint.client("iam")
        for page in iam.get_paginator("list_role_policies").paginate(RoleName=role):
            for name in page["PolicyNames"]:
                yield _parsed(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
        for page in iam.get_paginator("list_attached_role_policies").paginate(RoleName=role):
            for attached in page["AttachedPolicies"]:
                arn = attached["PolicyArn"]
                version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
                yield _parsed(iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])

    def _try(self, what: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except (ClientError, BotoCoreError) as error:
            self._unread.append(f"{what} ({error})")
            return None

    def _missing(self, what: str) -> EvidenceMissing:
        at_ms = self._endpoint.clock.now_ms()
        return EvidenceMissing(at_ms=at_ms, source=SOURCE, what=what, affects=("ConfigurationObserved",))


def _consumer(queue: QueueName, mapping: _Settings, functions: Mapping[str, _Settings]) -> ConsumerSettings:
    name, state = _function_of(mapping), mapping.get("State")
    return ConsumerSettings(
        name=name,
        queue=queue,
        enabled=None if state is None else state == "Enabled",
        # Where none is set the list may be left out.
        partial_batches="ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or []),
        timeout_seconds=_number(functions[name].get("Timeout")),
    )


def _function_of(mapping: _Settings) -> str:
    return str(mapping["FunctionArn"]).split(":")[6]


def _permission(function: str, statement: _Settings) -> Permission:
    # "All but these" is as wide as "all".
    actions = statement.get("Action", "*" if "NotAction" in statement else None)
    resources = statement.get("Resource", "*" if "NotResource" in statement else None)
    return Permission(holder=function, actions=tuple(_listed(actions)), resources=tuple(_listed(resources)))


def _is_encrypted(queue: _Settings) -> bool:
    return bool(queue.get("KmsMasterKeyId")) or _is_true(queue.get("SqsManagedSseEnabled"))


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _parsed(document: Any) -> _Settings:
    # botocore decodes it; IAM itself answers with URL-encoded text, and some engine may do so twice.
    parsed: _Settings = json.loads(unquote(document)) if isinstance(document, str) else document
    return parsed
