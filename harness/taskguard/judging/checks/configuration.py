"""The pipeline is set up as the contract asks, by what is deployed: not by what a file says.

A queue whose settings are right by chance in one run may do wrong in the next, so these are judged beside the behaviour. Each setting
has its weight in the contract; of one that is only advised it is told what would be better, and one that is off is not looked at:

- *visibility*: a message stays hidden for at least as long as it may be gathered for a batch and worked on (`durations` says why);
- *partial_batches*: the work queue's consumers report the failed messages of a batch one by one. Of who reads dead letters that is advised
  at most: a letter that comes again with its neighbours is logged twice, and none is lost. Who is handed one at a time has no neighbours;
- *encryption*: queues and records are encrypted at rest; *tls*: queues refuse who comes without it;
- *retention*: a message is kept for longer than all its waits together, and in the dead-letter queue for no shorter than in the
  work queue, since its age goes on;
- *least_privilege*: nothing may do any action, or something to any resource. What a role was granted and no function of it used
  is advised against, once a task has failed and one has died: before that the ways were not taken that may need it.

What other demands need is a must: the work queue moves a message to the dead-letter queue after the receives that are allowed,
queues have consumers, and these are switched on; and roles grant what was done in their name, which AWS would refuse otherwise. Where the
stack is to say when a message dies and never lets it, that is advised against. What is set on purpose, such as a filter, is told (`on_purpose`). A setting that
could not be read is unknown. This module must not know how settings are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

import msgspec

from taskguard.contract.contract import Contract, Settings, Weight
from taskguard.contract.points import of_setting
from taskguard.contract.terms import Terms
from taskguard.contract.waiting import AS_DEPLOYED
from taskguard.history import (
    AttemptFailed,
    ConfigurationObserved,
    ConsumerSettings,
    DeadLettered,
    History,
    Permission,
    QueueSettings,
)
from taskguard.history.wording import times
from taskguard.judging import places
from taskguard.judging.checks import durations, on_purpose
from taskguard.judging.checks.asked import sends_again
from taskguard.judging.checks.durations import Said
from taskguard.judging.verdict import Advice, Doubt, Found, Question, Verdict, Violation, conclude, weighed

QUESTION = Question(
    check="configuration",
    claim="The pipeline is deployed with the settings that its behaviour needs.",
    needs=(ConfigurationObserved,),
)

_UNSCOPED_ACTIONS = frozenset(
    {
        "cloudwatch:PutMetricData",
        "dynamodb:ListTables",
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
        "sqs:ListQueues",
        "xray:GetSamplingRules",
        "xray:GetSamplingStatisticSummaries",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
)
"""Those that nobody can limit to a resource, https://docs.aws.amazon.com/service-authorization/latest/reference/; and what a function in a
VPC needs for network interfaces that are not there yet, https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html."""

_SECRET_S_END = "-??????"
"""What Secrets Manager adds to a name: https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html."""

_BY_TLS = "a policy that denies what comes without aws:SecureTransport"
_READER = places.Place(words="an event source mapping of it")


def judge(history: History, terms: Terms) -> Verdict:
    """Judge the settings as they were last read."""
    settings = history.configuration
    found: list[Found] = [Doubt(None, "how the pipeline is set up was not read")]
    if settings is not None:
        found = [*_found(history, settings, terms.contract), *_unused(history, settings, terms.contract)]
    return conclude(
        QUESTION,
        history,
        found,
        expected=_expected(terms.contract),
        observed=_observed(settings) if settings is not None else "nothing was read",
        figures={"violations": sum(isinstance(each, Violation) for each in found)},
        parts=_musts(terms.contract.settings),
    )


def _musts(settings: Settings) -> list[str]:
    """The settings that are a must, each judged by itself."""
    return [of_setting(name) for name, weight in msgspec.structs.asdict(settings).items() if weight is Weight.MUST]


def _found(history: History, settings: ConfigurationObserved, contract: Contract) -> list[Found]:
    shown = (settings,)
    return [
        *(
            each
            for said in (
                *_faults(settings, contract, again=sends_again(history)),
                *_without_an_end(history, settings, contract),
                *durations.of_retention(history, settings, contract),
            )
            for each in weighed(
                said.weight, Violation(None, said.message, shown, part=_part_of(said), place=said.place)
            )
        ),
        # What was not seen may be there, if evidence is missing.
        *(
            Violation(None, f"the {queue.queue} queue has no consumer", shown, (ConfigurationObserved,), place=_READER)
            for queue in _not_consumed(settings, contract)
        ),
        *(
            each
            for said in _unread(settings, contract)
            for each in weighed(said.weight, Doubt(None, said.message, shown, part=_part_of(said), place=said.place))
        ),
    ]


def _part_of(said: Said) -> str:
    return QUESTION.check if said.setting is None else of_setting(said.setting)


def _expected(contract: Contract) -> str:
    attempts, settings = contract.attempts, contract.settings
    batches = " with partial batches" if settings.partial_batches is Weight.MUST else ""
    wanted = [
        (f"{attempts.range_in_words} {'receive' if attempts.number == 1 else 'receives'} before death", attempts.range),
        ("hidden while worked on", settings.visibility is Weight.MUST),
        (f"consumers on{batches}", True),
        ("encryption", settings.encryption is Weight.MUST),
        ("retention above the waits", settings.retention is Weight.MUST),
        ("no wildcards", settings.least_privilege is Weight.MUST),
    ]
    return ", ".join(text for text, asked in wanted if asked)


def _observed(settings: ConfigurationObserved) -> str:
    queues, consumers, grants = (len(each) for each in (settings.queues, settings.consumers, settings.permissions))
    read = f"{times(queues, 'queue')}, {times(consumers, 'consumer')} and {times(grants, 'permission')} read back"
    return "; ".join([read, *on_purpose.in_words(settings)])


def _faults(settings: ConfigurationObserved, contract: Contract, *, again: bool) -> Iterator[Said]:
    """What is set otherwise than the contract asks; ``again`` is whether retries are new messages."""
    weights = contract.settings
    for queue in settings.queues:
        if queue.queue == "work":
            yield from _redrive(queue, contract, again=again)
        keys, policy = places.of_queue(queue, "SqsManagedSseEnabled", "KmsMasterKeyId"), places.of_queue(queue, _BY_TLS)
        if queue.encrypted is False:
            yield Said(weights.encryption, f"the {queue.queue} queue is not encrypted at rest", "encryption", keys)
        if queue.unencrypted_refused is False:
            yield Said(weights.tls, f"the {queue.queue} queue does not refuse unencrypted transport", "tls", policy)
        for consumer in settings.consumers:
            if consumer.queue == queue.queue:
                yield from _consumer(consumer, queue, contract)
    if settings.store_encrypted is False:
        place = places.of_resource(settings.store or "the table", "SSESpecification")
        yield Said(weights.encryption, "the tasks' records are not encrypted at rest", "encryption", place)
    yield from _lacking(settings.lacking)
    for permission in settings.permissions:
        for message in _permission(permission):
            yield Said(weights.least_privilege, message, "least_privilege", _role_of(permission.holder))


def _not_consumed(settings: ConfigurationObserved, contract: Contract) -> Iterator[QueueSettings]:
    consumed = {consumer.queue for consumer in settings.consumers}
    for queue in settings.queues:
        is_needed = queue.queue == "work" or contract.dead_letter.log
        if is_needed and queue.queue not in consumed:
            yield queue


def _redrive(queue: QueueSettings, contract: Contract, *, again: bool) -> Iterator[Said]:
    allowed = contract.attempts.range
    if queue.max_receives == 0:
        if allowed is not None or contract.dead_letter.log:
            yield Said(
                Weight.MUST, "the work queue has no dead-letter queue", place=places.of_queue(queue, places.REDRIVE)
            )
        return
    if queue.dead_letters_watched is False:
        elsewhere = "the work queue moves dead messages to another queue than the pipeline's dead-letter queue"
        yield Said(Weight.MUST, elsewhere, place=places.of_queue(queue, f"{places.REDRIVE}.deadLetterTargetArn"))
    if queue.max_receives is not None and allowed is not None and not allowed[0] <= queue.max_receives <= allowed[1]:
        found = times(queue.max_receives, "receive")
        what = f"the work queue gives a message up after {found}, expected {contract.attempts.range_in_words}"
        # It counts the receives of each message, and not those of a task that its consumer sends again.
        is_own = again and contract.attempts.by != "redrive"
        place = places.of_queue(queue, f"{places.REDRIVE}.maxReceiveCount")
        weight, what = (Weight.ADVICE, f"{what} where a task is not sent again") if is_own else (Weight.MUST, what)
        yield Said(weight, what, place=place)


def _without_an_end(history: History, settings: ConfigurationObserved, contract: Contract) -> Iterator[Said]:
    """That nothing ends the retries of what always fails, where the contract leaves to the stack whether anything does: in a FIFO queue
    that keeps the order, and a consumer may give up itself."""
    ends = history.of_kind(DeadLettered) or sends_again(history)
    for queue in settings.queues if contract.attempts.by == AS_DEPLOYED and contract.attempts.range is None else ():
        if queue.queue == "work" and queue.max_receives == 0 and not queue.fifo and not ends:
            message = (
                "the work queue has no dead-letter queue: a message that always fails comes again and again until it is too old, and is then "
                "deleted"
            )
            yield Said(Weight.ADVICE, message, place=places.of_queue(queue, places.REDRIVE))


def _consumer(consumer: ConsumerSettings, queue: QueueSettings, contract: Contract) -> Iterator[Said]:
    weights, what = contract.settings, f"{consumer.name}, the consumer of the {consumer.queue} queue,"
    if consumer.enabled is False:
        yield Said(Weight.MUST, f"{what} is switched off", place=places.of_mapping(consumer, "Enabled"))
    if consumer.partial_batches is False:
        message = f"{what} cannot report one message of a batch as failed without the others"
        place = places.of_mapping(consumer, places.RESPONSES)
        yield Said(_weight_of_batches(consumer, weights), message, "partial_batches", place)
    yield from durations.of_consumer(consumer, queue, weights.visibility)


def _weight_of_batches(consumer: ConsumerSettings, weights: Settings) -> Weight:
    """How much it weighs that this consumer reports failed messages one by one."""
    if consumer.batch_size == 1:
        return Weight.OFF
    asked = weights.partial_batches
    if consumer.queue == "work":
        return asked
    return Weight.ADVICE if asked is Weight.MUST else Weight.OFF


def _role_of(holder: str) -> places.Place:
    return places.Place(words=f"the policies of the role of {holder}", names=(holder,))


def _permission(permission: Permission) -> Iterator[str]:
    for action in permission.actions:
        if _is_wild(action):
            yield f"{permission.holder} may do {action}"
    limited = [action for action in permission.actions if action not in _UNSCOPED_ACTIONS]
    for resource in permission.resources if limited else ():
        named = resource.removesuffix(_SECRET_S_END) if ":secret:" in resource else resource
        if _is_wild(_without_what_is_inside(named)):
            yield f"{permission.holder} may do {', '.join(limited)} to {resource}"


def _lacking(permissions: Sequence[Permission]) -> Iterator[Said]:
    of_whom = attrgetter("holder")
    for holder, needed in groupby(sorted(permissions, key=of_whom), of_whom):
        # The last part of an ARN says which thing it is.
        actions = [f"{action} on {each.resources[0].rpartition(':')[-1]}" for each in needed for action in each.actions]
        message = f"the role of {holder} does not grant what was done in its name: {', '.join(actions)}; AWS would refuse that"
        yield Said(Weight.MUST, message, place=_role_of(holder))


def _unused(history: History, settings: ConfigurationObserved, contract: Contract) -> Iterator[Advice]:
    """What each role was granted and did not use, in a run in which a task failed and one died."""
    took_all_ways = all(bool(history.of_kind(kind)) for kind in (AttemptFailed, DeadLettered))
    if contract.settings.least_privilege is Weight.OFF or not took_all_ways:
        return
    of_holder: dict[str, list[str]] = {}
    for each in settings.unused:
        # The last part of an ARN says which thing it is.
        names = ", ".join(resource.rpartition(":")[-1] for resource in each.resources)
        of_holder.setdefault(each.holder, []).append(f"{', '.join(each.actions)} on {names}")
    for holder, granted in of_holder.items():
        message = f"{holder} did not use in this run what its role grants: {'; '.join(granted)}"
        yield Advice(None, message, (settings,), place=_role_of(holder))


def _is_wild(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


def _without_what_is_inside(resource: str) -> str:
    """The name alone, where a pattern stands for all that is inside of one named thing: ``…:log-group:name:*``."""
    kind_and_name = resource.split(":", 5)[-1]
    named = kind_and_name[:-2] if kind_and_name.endswith((":*", "/*")) else kind_and_name
    return resource.removesuffix(kind_and_name) + (named if ":" in named or "/" in named else kind_and_name)


def _unread(settings: ConfigurationObserved, contract: Contract) -> Iterator[Said]:
    """What is asked for and could not be read."""
    weights = contract.settings
    attempts = Weight.OFF if contract.attempts.most is None else Weight.MUST
    asked: list[tuple[object, Weight, str, str | None]] = []
    for queue in settings.queues:
        name = f"of the {queue.queue} queue"
        asked += [
            (queue.visibility_timeout_seconds, weights.visibility, f"the visibility timeout {name}", "visibility"),
            (queue.retention_seconds, weights.retention, f"the retention {name}", "retention"),
            (queue.encrypted, weights.encryption, f"the encryption {name}", "encryption"),
            (queue.max_receives, attempts, f"the limit of receives {name}", None),
        ]
    for consumer in settings.consumers:
        name, batches = consumer.name, _weight_of_batches(consumer, weights)
        asked += [
            (consumer.enabled, Weight.MUST, f"{name}: whether it is switched on", None),
            (consumer.partial_batches, batches, f"{name}: whether it reports partial batches", "partial_batches"),
            (consumer.timeout_seconds, weights.visibility, f"{name}: its timeout", "visibility"),
        ]
    if settings.table is not False:
        asked.append(
            (settings.store_encrypted, weights.encryption, "the encryption of the tasks' records", "encryption")
        )
    for value, weight, what, setting in asked:
        if value is None:
            yield Said(weight, f"{what} could not be read", setting)
    if not settings.permissions:
        nothing = "no permission of any part of the pipeline could be read"
        yield Said(weights.least_privilege, nothing, "least_privilege")
