"""LocalStack: an attempt meets the process of the attempt before, a new one, or another one, by turns.

LocalStack takes the first environment that is free, which Lambda does not promise
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html). What was handed to one out of a burst comes back alone, and
so hardly ever meets the same one again; and a new one only where none is free.

Needed as long as that is left to chance: ``tests/engine/test_functions.py`` fails without it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from localstack.services.lambda_.invocation.assignment import AssignmentService
from localstack.services.lambda_.invocation.execution_environment import (
    ExecutionEnvironment,
    InvalidStatusException,
    RuntimeStatus,
)
from localstack.services.lambda_.invocation.version_manager import LambdaVersionManager

from taskguard.engine.events import gathering
from taskguard.engine.functions.placement import placement

_here = threading.local()
"""Of the invocation that this thread is about: its payload, and which environments it is not for."""


def apply() -> None:
    invoke, get_environment = LambdaVersionManager.invoke, AssignmentService.get_environment
    reserve = ExecutionEnvironment.reserve

    def invoke_by_turns(manager: LambdaVersionManager, *, invocation: Any) -> Any:
        _here.payload = invocation.payload.decode(errors="replace")
        try:
            with gathering.waiting():
                return invoke(manager, invocation=invocation)
        finally:
            _here.payload, _here.passed_over = "", frozenset()

    @contextmanager
    def get_environment_by_turns(
        service: AssignmentService, manager_id: str, *args: Any, **named: Any
    ) -> Iterator[ExecutionEnvironment]:
        free = {
            environment.id: environment.runtime_executor.process_name()
            for environment in [*service.environments[manager_id].values()]
            if environment.status is RuntimeStatus.READY
        }
        choice = placement().choose(manager_id, _here.payload, free)
        _here.passed_over = choice.passed_over
        with get_environment(service, manager_id, *args, **named) as environment:
            if choice.new:
                environment.runtime_executor.renew()
            yield environment

    def reserve_unless_passed_over(environment: ExecutionEnvironment) -> None:
        if environment.id in getattr(_here, "passed_over", ()):
            raise InvalidStatusException("It is not this one's turn.")
        reserve(environment)

    LambdaVersionManager.invoke = invoke_by_turns
    AssignmentService.get_environment = get_environment_by_turns
    ExecutionEnvironment.reserve = reserve_unless_passed_over
