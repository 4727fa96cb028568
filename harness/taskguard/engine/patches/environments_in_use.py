"""LocalStack: a function's environments can be looked through while one is added.

An invocation looks through them for a free one, without a lock. While another one adds a new environment, that ends with "dictionary changed
size during iteration": the invocation fails before the function has seen it, and a message has lost a receive.

Needed until LocalStack looks through a copy (``AssignmentService.get_environment``).
"""

from collections import defaultdict
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LookedThrough(dict[K, V]):
    """A dictionary whose values, once asked for, stay as they were."""

    def values(self) -> list[V]:  # type: ignore[override]  # whoever looks through them needs no view
        # Made at once, as far as other threads can see.
        return list(super().values())


def apply() -> None:
    from localstack.services.lambda_.invocation.assignment import AssignmentService  # noqa: PLC0415

    make = AssignmentService.__init__

    def made(service: AssignmentService, *args: Any, **named: Any) -> None:
        make(service, *args, **named)
        service.environments = defaultdict(LookedThrough)

    AssignmentService.__init__ = made
