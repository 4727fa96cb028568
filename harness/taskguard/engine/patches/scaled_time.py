"""CPython: an engine that has a clock of its own is told the time by that clock.

LocalStack and moto ask ``time`` and ``datetime``, in dozens of places.

Needed as long as an engine's clock may run faster than the machine's, and the machine's may be set while a pipeline runs:
``tests/engine/test_clock.py`` fails without it.
"""

from taskguard.engine.settings import EngineSettings
from taskguard.support import scaled_clock


def apply() -> None:
    if (clock := EngineSettings.from_environment().clock) is not None:
        scaled_clock.install(clock)
