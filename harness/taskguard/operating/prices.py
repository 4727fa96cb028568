"""What AWS asks for: one table of list prices, with the day they were noted and the pages that have today's.

Without the free tier, taxes, and discounts for large amounts. It must not know how much of anything a run uses.
"""

from __future__ import annotations

from dataclasses import dataclass

NOTED_ON = "2025-06-30"
REGION = "eu-central-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars for ``per`` units of something; ``page`` has the current figure."""

    service: str
    what: str
    usd: float
    per: float
    unit: str
    page: str

    def of(self, amount: float) -> float:
        """What ``amount`` units cost, in US dollars."""
        return amount / self.per * self.usd


_MILLION = 1_000_000.0
_GATEWAY = "https://aws.amazon.com/api-gateway/pricing/"
_LAMBDA = "https://aws.amazon.com/lambda/pricing/"
_SQS = "https://aws.amazon.com/sqs/pricing/"
_DYNAMODB = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
_CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"

API_REQUEST = Price(service="API Gateway", what="REST API", usd=3.70, per=_MILLION, unit="requests", page=_GATEWAY)
INVOCATION = Price(service="Lambda", what="invocations", usd=0.20, per=_MILLION, unit="requests", page=_LAMBDA)
COMPUTE = Price(service="Lambda", what="compute, x86", usd=0.0000166667, per=1.0, unit="GB-s", page=_LAMBDA)
QUEUE_REQUEST = Price(service="SQS", what="standard queues", usd=0.40, per=_MILLION, unit="requests", page=_SQS)
WRITE = Price(
    service="DynamoDB", what="writes, on demand", usd=0.7625, per=_MILLION, unit="write units", page=_DYNAMODB
)
READ = Price(service="DynamoDB", what="reads, on demand", usd=0.1525, per=_MILLION, unit="read units", page=_DYNAMODB)
STREAM_READ = Price(
    service="DynamoDB", what="reads of the stream", usd=0.025, per=100_000.0, unit="requests", page=_DYNAMODB
)
LOGS = Price(service="CloudWatch", what="logs taken in", usd=0.63, per=1e9, unit="bytes", page=_CLOUDWATCH)
# A custom metric is paid for each hour in which it has a value: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_billing.html.
METRIC_HOUR = Price(
    service="CloudWatch", what="custom metrics", usd=0.30, per=730.0, unit="metric-hours", page=_CLOUDWATCH
)
ALARM_MONTH = Price(service="CloudWatch", what="alarms", usd=0.10, per=1.0, unit="alarm-months", page=_CLOUDWATCH)
DASHBOARD_MONTH = Price(
    service="CloudWatch", what="dashboards", usd=3.00, per=1.0, unit="dashboard-months", page=_CLOUDWATCH
)
