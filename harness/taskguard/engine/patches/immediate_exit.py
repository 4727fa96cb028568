"""LocalStack: its signal handlers let the engine end at once.

It would take its services down one by one, for seconds, and nothing in them is worth saving.

Needed until LocalStack ends as fast by itself: ``tests/engine/test_lifecycle.py`` says how long an end may take.
"""

from localstack.runtime.runtime import LocalstackRuntime

from taskguard.engine.leaving import leave


def apply() -> None:
    LocalstackRuntime.exit = leave
