"""LocalStack: of functions, as of queues (see ``SQS_DISABLE_CLOUDWATCH_METRICS``), no metrics are kept.

It calls CloudWatch for each invocation. Nothing here reads that; what functions measure themselves is in their logs.

Needed until LocalStack has a setting for it as it has for queues.
"""

from localstack.services.lambda_.invocation import version_manager


def apply() -> None:
    version_manager.record_cw_metric_invocation = version_manager.record_cw_metric_error = lambda **_names: None
