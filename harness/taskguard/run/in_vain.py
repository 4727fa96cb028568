"""Whether dead letters are left that their consumer will never finish: it fails each time that it is handed them.

They have nobody to be handed to after it, and would come back until they expire. It must not know who waits for them.
"""

from __future__ import annotations

from collections import defaultdict

from taskguard.evidence.recorder.answers import failure_reason
from taskguard.evidence.recorder.recording import Recording
from taskguard.service.stack import Stack

_TIMES = 3
_FOR_MS = 300_000.0
"""After how many failures in a row, and of how long, a dead letter is not waited for any more: its consumer may mean to take it later."""


def are_buried_in_vain(recording: Recording | None, stack: Stack, since_ms: float, left: int) -> bool:
    """Whether so many dead letters as are ``left`` were handed to their consumer since then, each several times and always in vain.
    Where nothing is recorded that is not known."""
    failed = defaultdict[str, list[float]](list)
    invocations = [] if recording is None else list(recording.invocations.values())
    ended = (each for each in invocations if each.ended_at_ms is not None and each.ended_at_ms >= since_ms)
    for invocation in sorted(ended, key=lambda each: each.started_at_ms):
        for message in invocation.messages:
            if stack.is_dead_letter_queue(message.queue_arn):
                if failure_reason(invocation, message.message_id) is None:
                    failed.pop(message.message_id, None)
                else:
                    failed[message.message_id].append(invocation.started_at_ms)
    return len(failed) == left and all(
        len(times) >= _TIMES and times[-1] - times[0] >= _FOR_MS for times in failed.values()
    )
