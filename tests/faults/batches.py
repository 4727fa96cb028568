"""Lets a stage's consumers have one message at a time: a process that dies takes no other test's task with it."""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.service.stack import Stack
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint

_SWITCHING_SECONDS = 60.0


def one_message_at_a_time(endpoint: Endpoint, stack: Stack) -> None:
    """Set both event source mappings to batches of one, and wait until they are."""
    functions = endpoint.functions()
    mappings = list(_mappings(endpoint, stack))
    for uuid in mappings:
        functions.update_event_source_mapping(UUID=uuid, BatchSize=1)

    def is_set(uuid: str) -> bool:
        found = functions.get_event_source_mapping(UUID=uuid)
        return found["BatchSize"] == 1 and found["State"] == "Enabled"

    wait_for(lambda: all(map(is_set, mappings)), seconds=_SWITCHING_SECONDS)


def _mappings(endpoint: Endpoint, stack: Stack) -> Iterator[str]:
    for queue in (stack.work_queue.arn, stack.queues["dead-letter"].arn):
        for mapping in endpoint.functions().list_event_source_mappings(EventSourceArn=queue)["EventSourceMappings"]:
            yield mapping["UUID"]
