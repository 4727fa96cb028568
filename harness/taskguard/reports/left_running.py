"""What a service is told of processes that its functions left running, one sentence a function. It judges nothing."""

from __future__ import annotations

from collections.abc import Iterator

from taskguard.history import History, ProcessesLeft
from taskguard.history.wording import processes, times

_MOST_COMMANDS = 3


def left_running(history: History) -> Iterator[str]:
    """Yield a sentence for each function that left any."""
    by_function: dict[str, list[ProcessesLeft]] = {}
    for event in history.of_kind(ProcessesLeft):
        by_function.setdefault(event.function, []).append(event)
    for function, events in by_function.items():
        commands = list(dict.fromkeys(command for event in events for command in event.commands))
        told = ", ".join(f"`{command}`" for command in commands[:_MOST_COMMANDS])
        more = ", …" if len(commands) > _MOST_COMMANDS else ""
        again = f", and others after {times(len(events) - 1, 'more invocation')}" if len(events) > 1 else ""
        yield (
            f"{function} left {processes(events[0].count)} running after its invocation{again}: {told}{more}. "
            "On Lambda they would be frozen with the environment."
        )
