"""Which process an attempt meets: by turns the one of the attempt before, a new one, and another one that is warm.

On Lambda that is chance, and so it would be here: most attempts would meet another. What a process remembers of an attempt, or does
not know of one, shows only when each happens. It must not know of faults, nor of how a process is started.
"""

import itertools
import json
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

_MOST_REMEMBERED = 10_000


class _Turn(Enum):
    SAME = auto()
    NEW = auto()
    OTHER = auto()


# A new process costs more than most attempts do, and so has the fewest turns.
_TURNS = (_Turn.SAME, _Turn.NEW, _Turn.SAME, _Turn.OTHER, _Turn.SAME, _Turn.OTHER)


@dataclass(frozen=True, slots=True)
class Choice:
    """The free environments that an invocation is not for, and whether the one that it comes to begins a ``new`` process for it."""

    passed_over: frozenset[str] = frozenset()
    new: bool = False


class Placement:
    """What each process was handed, of all functions: a process is known by its name."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._last: OrderedDict[str, str] = OrderedDict()
        self._turns: defaultdict[str, Iterator[_Turn]] = defaultdict(lambda: itertools.cycle(_TURNS))

    def handed(self, process: str, payload: str) -> None:
        """This process works on the messages of this payload now."""
        with self._changing:
            for message_id in _messages(payload):
                self._last[message_id] = process
                self._last.move_to_end(message_id)
            while len(self._last) > _MOST_REMEMBERED:
                self._last.popitem(last=False)

    def choose(self, function: str, payload: str, free: Mapping[str, str]) -> Choice:
        """What this payload is for of the ``free`` environments of a function, each with the name of its process. Where the process of
        the attempt before is not among them, any."""
        with self._changing:
            known = {self._last.get(message_id) for message_id in _messages(payload)}
            same = frozenset(environment for environment, process in free.items() if process in known)
            if not same:
                return Choice()
            others = frozenset(free) - same
            match next(self._turns[function]):
                case _Turn.SAME:
                    return Choice(others)
                case _Turn.NEW:
                    return Choice(new=True)
                case _Turn.OTHER:
                    return Choice(same if others else frozenset())


def _messages(payload: str) -> list[str]:
    try:
        return [str(record["messageId"]) for record in json.loads(payload)["Records"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        # Not of a queue.
        return []


_placement = Placement()


def placement() -> Placement:
    """Those of this engine."""
    return _placement
