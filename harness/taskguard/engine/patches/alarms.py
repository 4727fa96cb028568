"""LocalStack: an alarm on one of AWS's own metrics is not evaluated.

There are no such metrics here (``SQS_DISABLE_CLOUDWATCH_METRICS``, ``function_metrics.py``), so it would look for them in vain, over and over
while the clock runs fast: an eighth of the engine's time.

Needed as long as those are left out.
"""

from localstack.aws.api.cloudwatch import MetricAlarm
from localstack.services.cloudwatch.alarm_scheduler import AlarmScheduler

_OF_AWS = "AWS/"
"""How their namespaces begin; nobody else can put metrics there: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html"""


def apply() -> None:
    is_supported = AlarmScheduler._is_alarm_supported

    def is_evaluated(scheduler: AlarmScheduler, alarm: MetricAlarm) -> bool:
        return not alarm.get("Namespace", "").startswith(_OF_AWS) and is_supported(scheduler, alarm)

    AlarmScheduler._is_alarm_supported = is_evaluated
