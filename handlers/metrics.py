"""What operators watch: how many tasks are submitted, retried and settled, and how long that takes.

An effect is counted, never a delivery: callers count where a conditional write took effect, so a duplicate adds nothing. Each
invocation that counted something writes one line in CloudWatch's embedded metric format, whatever else becomes of it; CloudWatch
makes the metrics from the line, so no call is made and no permission needed. This module must not know of records or queues.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import ParamSpec, TypeVar

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


class Metrics:
    """The metrics of one stage. Times are ISO 8601 in UTC."""

    def __init__(self, stage: str) -> None:
        self._emf = EphemeralMetrics(namespace="TaskGuard", service="TaskGuard", default_dimensions={"stage": stage})

    def task_submitted(self) -> None:
        """A new task was stored."""
        self._count("TasksSubmitted")

    def attempt_begun(self, attempt: int) -> None:
        """Attempt number `attempt` (1, 2, 3 …) of a task was claimed."""
        if attempt > 1:
            self._count("Retries")

    def attempt_failed(self, attempt: int) -> None:
        """Attempt number `attempt` (1, 2, 3 …) of a task was recorded as failed."""
        if attempt == 1:
            self._count("FirstAttemptFailures")

    def task_completed(self, *, created_at: str, completed_at: str) -> None:
        """A task became COMPLETED."""
        self._count("TasksCompleted")
        self._settled(created_at, completed_at)

    def task_dead_lettered(self, *, created_at: str, marked_at: str) -> None:
        """A task became DEAD_LETTER."""
        self._count("TasksDeadLettered")
        self._settled(created_at, marked_at)

    def published(self, handler: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
        """Writes what was counted when the handler is done, also when it raises. Nothing counted, nothing written."""

        @wraps(handler)
        def around(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
            try:
                return handler(*args, **kwargs)
            finally:
                # Powertools' own decorator would warn about every invocation that counts nothing.
                if self._emf.metric_set:
                    self._emf.flush_metrics()

        return around

    def _count(self, name: str) -> None:
        self._emf.add_metric(name, MetricUnit.Count, 1)

    def _settled(self, created_at: str, settled_at: str) -> None:
        taken = datetime.fromisoformat(settled_at) - datetime.fromisoformat(created_at)
        # The two times come from different machines, whose clocks may differ by some milliseconds.
        self._emf.add_metric("TimeToSettle", MetricUnit.Milliseconds, max(0, round(taken.total_seconds() * 1000)))
