"""LocalStack: of functions, as of queues (see ``SQS_DISABLE_CLOUDWATCH_METRICS``), no metrics are kept.

It starts a thread for each invocation, which calls CloudWatch. Nothing here reads that; what functions measure themselves is in their logs.

Needed until LocalStack has a setting for it as it has for queues.
"""

from typing import Any

from localstack.services.lambda_.invocation import version_manager


def apply() -> None:
    start = version_manager.start_thread

    def start_unless_for_metrics(method: Any, *args: Any, name: str = "", **named: Any) -> Any:
        return None if name.startswith("record-cloudwatch-metric") else start(method, *args, name=name, **named)

    version_manager.start_thread = start_unless_for_metrics
