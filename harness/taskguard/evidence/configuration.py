"""How a stack is set up, read back from where it runs: queues, their consumers, the table, the functions' roles.

What an engine does not tell of a queue's or the table's encryption is read from the template that the stack was made from, as
the engine has it; what cannot be read at all is said. It must not know what the settings should be.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import cached_property, partial
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from taskguard.evidence.queues import attributes_of
from taskguard.evidence.transport import listed, refuses_unencrypted
from taskguard.history import ConfigurationObserved, ConsumerSettings, Event, EvidenceMissing, Permission, QueueSettings
from taskguard.history.settings import EventRule
from taskguard.history.values import QueueName
from taskguard.service.deployers.templates import document_of, is_template
from taskguard.service.event_sources import function_of, mappings_of, reports_failures
from taskguard.service.resources import stacks_of
from taskguard.service.role_policies import parsed, policies_of
from taskguard.service.stack import Queue, Stack
from taskguard.targets.base import Endpoint

SOURCE = "the deployed stack"
_RULE = "AWS::Events::Rule"

T = TypeVar("T")
_Settings = Mapping[str, Any]


class Configuration:
    """The settings of one stack, read in a thread of their own, so that nobody need wait while the pipeline works."""

    def __init__(self, endpoint: Endpoint, stack: Stack) -> None:
        self._endpoint = endpoint
        self._stack = stack
        self._reading: Future[list[Event]] | None = None
        self.before: Sequence[Event] = ()
        """What was read before of the same stack, whose settings were not changed since."""

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

    def known(self) -> Sequence[Event]:
        """What has been read of it up to now, or was before."""
        reading = self._reading
        return reading.result() if reading is not None and reading.done() and not reading.exception() else self.before


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
        read = {
            name: self._try(f"the consumers of the {name} queue", partial(mappings_of, self._endpoint, queue.arn))
            for name, queue in stack.queues.items()
        }
        mappings, watched = {name: found or [] for name, found in read.items()}, read.get("dead-letter")
        names = {each.name for each in stack.functions}
        names |= {function_of(mapping) for found in mappings.values() for mapping in found}
        function: Callable[..., _Settings] = self._endpoint.functions().get_function_configuration
        functions = {
            name: self._try(f"the settings of {name}", partial(function, FunctionName=name)) or {} for name in names
        }
        observed = ConfigurationObserved(
            at_ms=self._endpoint.clock.now_ms(),
            queues=tuple(self._queue(name, queue) for name, queue in stack.queues.items()),
            consumers=tuple(
                self._consumer(queue, mapping, functions) for queue, found in mappings.items() for mapping in found
            ),
            store_encrypted=self._try("the encryption of the table", partial(self._table_encrypted, stack.table.name))
            if stack.table is not None
            else None,
            permissions=tuple(
                permission
                for function, settings in sorted(functions.items())
                for permission in self._try(f"the role of {function}", partial(self._role, function, settings)) or []
            ),
            table=None if stack.tables_in_doubt else stack.table is not None,
            store=stack.table.logical_id if stack.table is not None else None,
            api=any(not each.is_queue for each in stack.ingresses) if stack.ingresses else None,
            dead_letter_queue="dead-letter" in read,
            dead_letter_consumer=None if "dead-letter" in read and watched is None else bool(watched),
        )
        now_ms, affects = self._endpoint.clock.now_ms(), ("ConfigurationObserved",)
        missing = (EvidenceMissing(at_ms=now_ms, source=SOURCE, what=what, affects=affects) for what in self._unread)
        return [observed, *missing]

    def _queue(self, name: QueueName, queue: Queue) -> QueueSettings:
        read = partial(attributes_of, self._endpoint, queue.url, "All")
        told = self._try(f"the settings of the {name} queue", read) or {}
        policy: _Settings = json.loads(told.get("RedrivePolicy") or "{}")
        watched = self._stack.is_dead_letter_queue(policy.get("deadLetterTargetArn"))
        return QueueSettings(
            queue=name,
            visibility_timeout_seconds=_number(told.get("VisibilityTimeout")),
            retention_seconds=_number(told.get("MessageRetentionPeriod")),
            encrypted=self._try(
                f"the encryption of the {name} queue", partial(self._queue_encrypted, told, queue.name)
            ),
            max_receives=int(policy.get("maxReceiveCount", 0)) if told else None,
            dead_letters_watched=watched if told else None,
            own_policy=_allows(parsed(told.get("Policy") or "{}")),
            unencrypted_refused=refuses_unencrypted(parsed(told.get("Policy") or "{}"), queue.arn) if told else None,
            # No other queue's name may end so, nor may theirs end otherwise.
            fifo=queue.name.endswith(".fifo"),
            delay_seconds=_number(told.get("DelaySeconds")),
            rules=tuple(self._rules(queue.arn)),
            logical_id=queue.logical_id,
        )

    def _rules(self, arn: str) -> Iterator[EventRule]:
        # As with concurrency: they explain what is missed, and nothing is judged by them.
        with suppress(ClientError):
            if not any(_RULE in self._template_of(each) for each in stacks_of(self._stack.name)):
                return
            events = self._endpoint.client("events")
            for bus in events.list_event_buses()["EventBuses"]:
                for name in events.list_rule_names_by_target(TargetArn=arn, EventBusName=bus["Name"])["RuleNames"]:
                    told = events.describe_rule(Name=name, EventBusName=bus["Name"])
                    if pattern := told.get("EventPattern"):
                        yield EventRule(name=name, pattern=pattern, enabled=told.get("State") == "ENABLED")

    def _consumer(self, queue: QueueName, mapping: _Settings, functions: Mapping[str, _Settings]) -> ConsumerSettings:
        name, state = function_of(mapping), mapping.get("State")
        filters = (mapping.get("FilterCriteria") or {}).get("Filters") or ()
        return ConsumerSettings(
            name=name,
            queue=queue,
            enabled=None if state is None else state == "Enabled",
            partial_batches=reports_failures(mapping),
            timeout_seconds=_number(functions[name].get("Timeout")),
            batch_size=mapping.get("BatchSize"),
            window_seconds=_number(mapping.get("MaximumBatchingWindowInSeconds")),
            # One without a pattern lets everything through.
            filters=tuple(str(each.get("Pattern") or "{}") for each in filters),
            most_at_once=(mapping.get("ScalingConfig") or {}).get("MaximumConcurrency"),
            reserved=self._reserved(name),
            label=next((each.label for each in self._stack.functions if each.name == name), None),
        )

    def _reserved(self, function: str) -> int | None:
        # Only advice hangs on it, so that it is no evidence that is missed where an engine or a role does not allow to read it.
        with suppress(ClientError):
            told: _Settings = self._endpoint.functions().get_function_concurrency(FunctionName=function)
            return told.get("ReservedConcurrentExecutions")
        return None

    def _queue_encrypted(self, told: _Settings, name: str) -> bool | None:
        if not told:
            return None
        if "KmsMasterKeyId" in told or "SqsManagedSseEnabled" in told:
            return _is_encrypted(told)
        return self._as_in_template("AWS::SQS::Queue", "QueueName", name, _is_encrypted)

    def _table_encrypted(self, name: str) -> bool | None:
        table: Any = self._endpoint.dynamodb().describe_table(TableName=name)["Table"]
        status = table.get("SSEDescription", {}).get("Status")
        if status is not None:
            return str(status) in ("ENABLED", "ENABLING", "UPDATING")
        return self._as_in_template(
            "AWS::DynamoDB::Table",
            "TableName",
            name,
            lambda properties: _is_true(properties.get("SSESpecification", {}).get("SSEEnabled")),
        )

    def _as_in_template(self, kind: str, name: str, named: str, read: Callable[[_Settings], bool]) -> bool | None:
        found = [each["Properties"] for each in self._resources if each.get("Type") == kind and "Properties" in each]
        return next((read(each) for each in found if each.get(name) == named), None)

    @cached_property
    def _resources(self) -> Sequence[_Settings]:
        return [each for name in stacks_of(self._stack.name) for each in self._resources_of(name)]

    def _resources_of(self, stack: str) -> Sequence[_Settings]:
        template = document_of(self._template_of(stack))
        resources = template["Resources"].values() if is_template(template) else ()
        return [each for each in resources if isinstance(each, dict)]

    def _template_of(self, stack: str) -> str:
        answer: Any = self._endpoint.cloudformation().get_template(StackName=stack)
        body = answer["TemplateBody"]
        # Of YAML it is the text, as it was deployed.
        return body if isinstance(body, str) else json.dumps(body)

    def _role(self, function: str, settings: _Settings) -> list[Permission]:
        if not settings:
            return []
        return [
            _permission(function, statement)
            for policy in policies_of(self._endpoint, settings["Role"])
            for statement in listed(policy.document.get("Statement"))
            if statement.get("Effect") == "Allow"
        ]

    def _try(self, what: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except (ClientError, BotoCoreError) as error:
            self._unread.append(f"{what} ({error})")
            return None


def _permission(function: str, statement: _Settings) -> Permission:
    # "All but these" is as wide as "all".
    actions = statement.get("Action", "*" if "NotAction" in statement else None)
    resources = statement.get("Resource", "*" if "NotResource" in statement else None)
    return Permission(holder=function, actions=tuple(listed(actions)), resources=tuple(listed(resources)))


def _allows(policy: _Settings) -> bool:
    """Whether the policy lets anybody in, whoever that is."""
    return any(statement.get("Effect") == "Allow" for statement in listed(policy.get("Statement")))


def _is_encrypted(queue: _Settings) -> bool:
    return bool(queue.get("KmsMasterKeyId")) or _is_true(queue.get("SqsManagedSseEnabled"))


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
