"""CPython: an id is not asked of the operating system, at which call other threads go first.

LocalStack makes several for each request. They need to differ here, and need not be hard to guess.

Needed until a task costs the engine no more time without it: ``python -m bench.throughput``.
"""

import random
import uuid
from types import SimpleNamespace

from localstack.utils.xray import trace_header, traceid


def apply() -> None:
    uuid.uuid4 = lambda: uuid.UUID(int=random.getrandbits(128), version=4)
    trace_header.os = traceid.os = SimpleNamespace(urandom=random.randbytes)
