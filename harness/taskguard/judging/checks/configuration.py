"""The pipeline is set up as the contract asks, by what is deployed: not by what a file says.

A queue whose settings are right by chance in one run may do wrong in the next, so these are judged beside the behaviour. Each setting
has its weight in the contract; of one that is only advised it is told what would be better, and one that is off is not looked at:

- *visibility*: a message stays hidden for at least as long as its consumer may work on it (AWS refuses less, and advises six times as
  long, which is not demanded: it is leeway for throttling, and nothing goes wrong without);
- *partial_batches*: consumers report the failed messages of a batch one by one;
- *encryption*: queues and records are encrypted at rest; *tls*: queues refuse who comes without it;
- *retention*: a message is kept for longer than the longest wait hides it, and in the dead-letter queue for no shorter than in the
  work queue, since its age goes on;
- *least_privilege*: nothing may do any action, or something to any resource.

What other demands need is a must: the work queue moves a message to the dead-letter queue after the receives that are allowed,
queues have consumers, and these are switched on. A setting that could not be read is unknown. This module must not know how
settings are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from taskguard.contract.contract import Contract, Weight
from taskguard.contract.terms import Terms
from taskguard.history import ConfigurationObserved, ConsumerSettings, History, Permission, QueueSettings
from taskguard.history.wording import seconds, times
from taskguard.judging.checks.conclusion import Advice, Doubt, Question, Violation, conclude
from taskguard.judging.verdict import Verdict

QUESTION = Question(
    check="configuration",
    claim="The pipeline is deployed with the settings that its behaviour needs.",
    needs=(ConfigurationObserved,),
)

UNSCOPED_ACTIONS = frozenset({"xray:PutTraceSegments", "xray:PutTelemetryRecords"})
"""Those that nobody can limit to a resource."""

_WILD = ("*", "?")


@dataclass(frozen=True, slots=True)
class _Said:
    """Something to say of a setting, and how much that weighs. A part that was not seen may be there, if evidence is missing."""

    weight: Weight
    message: str
    of_a_part_unseen: bool = False


def judge(history: History, terms: Terms) -> Verdict:
    """Judge the settings as they were last read."""
    settings, contract = history.configuration, terms.contract
    faults = [] if settings is None else list(_faults(settings, contract))
    unread = [] if settings is None else list(_unread(settings, contract))
    shown = () if settings is None else (settings,)
    violations = [
        Violation(None, fault.message, shown, (ConfigurationObserved,) if fault.of_a_part_unseen else ())
        for fault in faults
        if fault.weight is Weight.MUST
    ]
    doubts = [Doubt(None, each.message, shown) for each in unread if each.weight is Weight.MUST]
    if settings is None:
        doubts.append(Doubt(None, "how the pipeline is set up was not read"))
    return conclude(
        QUESTION,
        history,
        expected=_expected(contract),
        observed=_observed(settings) if settings is not None else "nothing was read",
        violations=violations,
        doubts=doubts,
        advice=[
            Advice(f"advised otherwise: {each.message}", shown)
            for each in (*faults, *unread)
            if each.weight is Weight.ADVICE
        ],
        figures={"violations": len(violations)},
    )


def _expected(contract: Contract) -> str:
    attempts, settings = contract.attempts, contract.settings
    batches = " with partial batches" if settings.partial_batches is Weight.MUST else ""
    wanted = [
        (f"{attempts.in_words()} {'receive' if attempts.number == 1 else 'receives'} before death", attempts.range),
        ("hidden while worked on", settings.visibility is Weight.MUST),
        (f"consumers on{batches}", True),
        ("encryption", settings.encryption is Weight.MUST),
        ("retention above the backoff", settings.retention is Weight.MUST),
        ("no wildcards", settings.least_privilege is Weight.MUST),
    ]
    return ", ".join(text for text, asked in wanted if asked)


def _observed(settings: ConfigurationObserved) -> str:
    queues, consumers, grants = (len(each) for each in (settings.queues, settings.consumers, settings.permissions))
    return f"{times(queues, 'queue')}, {times(consumers, 'consumer')} and {times(grants, 'permission')} read back"


def _faults(settings: ConfigurationObserved, contract: Contract) -> Iterator[_Said]:
    """What is set otherwise than the contract asks."""
    weights = contract.settings
    for queue in settings.queues:
        if queue.queue == "work":
            yield from (_Said(Weight.MUST, message) for message in _redrive(queue, contract))
        if queue.encrypted is False:
            yield _Said(weights.encryption, f"the {queue.queue} queue is not encrypted at rest")
        if queue.unencrypted_refused is False:
            yield _Said(weights.tls, f"the {queue.queue} queue does not refuse unencrypted transport")
        yield from (_Said(weights.retention, message) for message in _retention(queue, contract))
        for consumer in settings.consumers:
            if consumer.queue == queue.queue:
                yield from _consumer(consumer, queue, contract)
    queues: dict[str, QueueSettings] = {queue.queue: queue for queue in settings.queues}
    yield from (_Said(weights.retention, message) for message in _retention_of_dead_letters(queues))
    if settings.store_encrypted is False:
        yield _Said(weights.encryption, "the tasks' records are not encrypted at rest")
    for permission in settings.permissions:
        yield from (_Said(weights.least_privilege, message) for message in _permission(permission))
    for queue in settings.queues:
        is_needed = queue.queue == "work" or contract.dead_letter.log
        if is_needed and not any(consumer.queue == queue.queue for consumer in settings.consumers):
            yield _Said(Weight.MUST, f"the {queue.queue} queue has no consumer", of_a_part_unseen=True)


def _redrive(queue: QueueSettings, contract: Contract) -> Iterator[str]:
    allowed = contract.attempts.range
    if queue.max_receives == 0:
        if allowed is not None or contract.dead_letter.log:
            yield "the work queue has no dead-letter queue"
        return
    if queue.dead_letters_watched is False:
        yield "the work queue moves dead messages to another queue than the pipeline's dead-letter queue"
    if queue.max_receives is not None and allowed is not None and not allowed[0] <= queue.max_receives <= allowed[1]:
        found = times(queue.max_receives, "receive")
        yield f"the work queue gives a message up after {found}, expected {contract.attempts.in_words()}"


def _retention(queue: QueueSettings, contract: Contract) -> Iterator[str]:
    longest, kept = max(contract.waits, default=None), queue.retention_seconds
    if kept is not None and longest is not None and kept <= longest:
        yield f"the {queue.queue} queue keeps a message for {seconds(kept)}, no longer than the longest backoff, {seconds(longest)}"


def _retention_of_dead_letters(queues: dict[str, QueueSettings]) -> Iterator[str]:
    kept = {name: queue.retention_seconds for name, queue in queues.items()}
    work, dead = kept.get("work"), kept.get("dead-letter")
    if work is not None and dead is not None and dead < work:
        yield f"the dead-letter queue keeps a message for {seconds(dead)}, the work queue for {seconds(work)}: its age goes on"


def _consumer(consumer: ConsumerSettings, queue: QueueSettings, contract: Contract) -> Iterator[_Said]:
    weights, what = contract.settings, f"{consumer.name}, the consumer of the {consumer.queue} queue,"
    if consumer.enabled is False:
        yield _Said(Weight.MUST, f"{what} is switched off")
    if consumer.partial_batches is False:
        message = f"{what} cannot report one message of a batch as failed without the others"
        yield _Said(weights.partial_batches, message)
    hidden, works = queue.visibility_timeout_seconds, consumer.timeout_seconds
    if hidden is not None and works is not None and hidden < works:
        message = f"{what} may work for {seconds(works)}, and a message is hidden for {seconds(hidden)} only"
        yield _Said(weights.visibility, message)


def _permission(permission: Permission) -> Iterator[str]:
    for action in permission.actions:
        if _is_wild(action):
            yield f"{permission.holder} may do {action}"
    if set(permission.actions) <= UNSCOPED_ACTIONS:
        return
    for resource in permission.resources:
        if _is_wild(_without_what_is_inside(resource)):
            yield f"{permission.holder} may do {', '.join(permission.actions)} to {resource}"


def _is_wild(pattern: str) -> bool:
    return any(character in pattern for character in _WILD)


def _without_what_is_inside(resource: str) -> str:
    """The name alone, where a pattern stands for all that is inside of one named thing: ``…:log-group:name:*``."""
    kind_and_name = resource.split(":", 5)[-1]
    named = kind_and_name[:-2] if kind_and_name.endswith((":*", "/*")) else kind_and_name
    return resource.removesuffix(kind_and_name) + (named if ":" in named or "/" in named else kind_and_name)


def _unread(settings: ConfigurationObserved, contract: Contract) -> Iterator[_Said]:
    """What is asked for and could not be read."""
    weights = contract.settings
    attempts = Weight.OFF if contract.attempts.most is None else Weight.MUST
    for queue in settings.queues:
        for weight, what, value in (
            (weights.visibility, "visibility timeout", queue.visibility_timeout_seconds),
            (weights.retention, "retention", queue.retention_seconds),
            (weights.encryption, "encryption", queue.encrypted),
            (attempts, "limit of receives", queue.max_receives),
        ):
            if value is None:
                yield _Said(weight, f"the {what} of the {queue.queue} queue could not be read")
    for consumer in settings.consumers:
        for weight, what, state in (
            (Weight.MUST, "whether it is switched on", consumer.enabled),
            (weights.partial_batches, "whether it reports partial batches", consumer.partial_batches),
            (weights.visibility, "its timeout", consumer.timeout_seconds),
        ):
            if state is None:
                yield _Said(weight, f"{consumer.name}: {what} could not be read")
    if settings.store_encrypted is None and settings.table is not False:
        yield _Said(weights.encryption, "the encryption of the tasks' records could not be read")
    if not settings.permissions:
        yield _Said(weights.least_privilege, "no permission of any part of the pipeline could be read")
