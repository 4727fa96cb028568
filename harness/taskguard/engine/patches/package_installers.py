"""LocalStack: before Python 3.13 no state machine can be made.

``localstack.packages.api``, which Step Functions import, has ``Lock | None`` as an annotation, and ``threading.Lock`` is a class only since
Python 3.13: the module cannot be loaded, and each call of Step Functions fails.

Needed until the engine runs on Python 3.13 alone, or LocalStack writes that otherwise: ``tests/engine/test_state_machines.py`` fails then.
"""

import sys
import threading
from typing import Any


class _Lock:
    """What ``threading.Lock`` is called for, as a part of an annotation, too."""

    def __init__(self, make: Any) -> None:
        self._make = make

    def __call__(self) -> Any:
        return self._make()

    def __or__(self, other: Any) -> Any:
        return other


def apply() -> None:
    if sys.version_info >= (3, 13):
        return
    own = threading.Lock
    threading.Lock = _Lock(own)  # type: ignore[assignment]  # for as long as the module is loaded
    try:
        import localstack.packages.api  # noqa: F401, PLC0415
    finally:
        threading.Lock = own
