"""The pipeline is set up as its behaviour needs, by what is deployed: not by what a file says.

A queue whose settings are right by chance in one run may do wrong in the next, so these are judged beside the behaviour: the
work queue moves a message to the dead-letter queue after the receives that are allowed; a message stays hidden for at least as
long as its consumer may work on it (AWS refuses less, and advises six times as long, which is not demanded: it is leeway for
throttling, and nothing goes wrong without); consumers are switched on and report the failed messages of a batch one by one;
queues and records are encrypted at rest, and queues refuse who comes without TLS; a message is kept for longer than the longest backoff hides it, and in the dead-letter
queue for no shorter than in the work queue, since its age goes on; nothing may do any action, or something to any resource. A
setting that could not be read is unknown. This module must not know how settings are read.
"""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.contract.expectations import Expectations
from taskguard.history import ConfigurationObserved, ConsumerSettings, History, Permission, QueueSettings
from taskguard.history.wording import seconds, times
from taskguard.judging.checks.conclusion import Doubt, Question, Violation, conclude
from taskguard.judging.verdict import Verdict

QUESTION = Question(
    check="configuration",
    claim="The pipeline is deployed with the settings that its behaviour needs.",
    needs=(ConfigurationObserved,),
)

_WILD = ("*", "?")


def judge(history: History, expectations: Expectations) -> Verdict:
    """Judge the settings as they were last read."""
    observed = history.of_kind(ConfigurationObserved)
    faults = list(_violations(observed[-1], expectations)) if observed else []
    return conclude(
        QUESTION,
        history,
        expected=(
            f"{times(expectations.max_receives, 'receive')} before death, hidden while worked on, consumers on with partial "
            "batches, encryption, retention above the backoff, no wildcards"
        ),
        observed=_observed(observed[-1]) if observed else "nothing was read",
        violations=faults,
        doubts=[Doubt(None, message, observed[-1:]) for message in _doubts(observed)],
        figures={"violations": len(faults)},
    )


def _observed(settings: ConfigurationObserved) -> str:
    queues, consumers, grants = (len(each) for each in (settings.queues, settings.consumers, settings.permissions))
    return f"{times(queues, 'queue')}, {times(consumers, 'consumer')} and {times(grants, 'permission')} read back"


def _violations(settings: ConfigurationObserved, expectations: Expectations) -> Iterator[Violation]:
    for message in _faults(settings, expectations):
        yield Violation(None, message, (settings,))
    for queue in settings.queues:
        if not any(consumer.queue == queue.queue for consumer in settings.consumers):
            message = f"the {queue.queue} queue has no consumer"
            yield Violation(None, message, (settings,), (ConfigurationObserved,))


def _faults(settings: ConfigurationObserved, expectations: Expectations) -> Iterator[str]:
    for queue in settings.queues:
        consumers = [consumer for consumer in settings.consumers if consumer.queue == queue.queue]
        if queue.queue == "work":
            yield from _redrive(queue, expectations)
        if queue.encrypted is False:
            yield f"the {queue.queue} queue is not encrypted at rest"
        if queue.unencrypted_refused is False:
            yield f"the {queue.queue} queue does not refuse unencrypted transport"
        yield from _retention(queue, expectations)
        for consumer in consumers:
            yield from _consumer(consumer, queue)
    yield from _retention_of_dead_letters({queue.queue: queue for queue in settings.queues})
    if settings.store_encrypted is False:
        yield "the tasks' records are not encrypted at rest"
    for permission in settings.permissions:
        yield from _permission(permission, expectations)


def _redrive(queue: QueueSettings, expectations: Expectations) -> Iterator[str]:
    if queue.max_receives == 0:
        yield "the work queue has no dead-letter queue"
        return
    if queue.dead_letters_watched is False:
        yield "the work queue moves dead messages to another queue than the pipeline's dead-letter queue"
    if queue.max_receives not in (None, expectations.max_receives):
        found = times(queue.max_receives or 0, "receive")
        yield f"the work queue gives a message up after {found}, expected {expectations.max_receives}"


def _retention(queue: QueueSettings, expectations: Expectations) -> Iterator[str]:
    longest = max(expectations.backoff_schedule_seconds)
    kept = queue.retention_seconds
    if kept is not None and kept <= longest:
        yield f"the {queue.queue} queue keeps a message for {seconds(kept)}, no longer than the longest backoff, {seconds(longest)}"


def _retention_of_dead_letters(queues: dict[str, QueueSettings]) -> Iterator[str]:
    kept = {name: queue.retention_seconds for name, queue in queues.items()}
    work, dead = kept.get("work"), kept.get("dead-letter")
    if work is not None and dead is not None and dead < work:
        yield f"the dead-letter queue keeps a message for {seconds(dead)}, the work queue for {seconds(work)}: its age goes on"


def _consumer(consumer: ConsumerSettings, queue: QueueSettings) -> Iterator[str]:
    what = f"{consumer.name}, the consumer of the {consumer.queue} queue,"
    if consumer.enabled is False:
        yield f"{what} is switched off"
    if consumer.partial_batches is False:
        yield f"{what} cannot report one message of a batch as failed without the others"
    hidden, works = queue.visibility_timeout_seconds, consumer.timeout_seconds
    if hidden is not None and works is not None and hidden < works:
        yield f"{what} may work for {seconds(works)}, and a message is hidden for {seconds(hidden)} only"


def _permission(permission: Permission, expectations: Expectations) -> Iterator[str]:
    for action in permission.actions:
        if _is_wild(action):
            yield f"{permission.holder} may do {action}"
    if set(permission.actions) <= set(expectations.unscoped_actions):
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


def _doubts(observed: tuple[ConfigurationObserved, ...]) -> Iterator[str]:
    if not observed:
        yield "how the pipeline is set up was not read"
        return
    settings = observed[-1]
    for queue in settings.queues:
        for what, value in (
            ("visibility timeout", queue.visibility_timeout_seconds),
            ("retention", queue.retention_seconds),
            ("encryption", queue.encrypted),
            ("limit of receives", queue.max_receives),
        ):
            if value is None:
                yield f"the {what} of the {queue.queue} queue could not be read"
    for consumer in settings.consumers:
        for what, state in (
            ("whether it is switched on", consumer.enabled),
            ("whether it reports partial batches", consumer.partial_batches),
            ("its timeout", consumer.timeout_seconds),
        ):
            if state is None:
                yield f"{consumer.name}: {what} could not be read"
    if settings.store_encrypted is None:
        yield "the encryption of the tasks' records could not be read"
    if not settings.permissions:
        yield "no permission of any part of the pipeline could be read"
