"""What AWS asks for: one table of list prices, with the day they were noted and the pages that have today's.

Without the free tier, taxes, and discounts for large amounts. It must not know how much of anything a run uses.
"""

from __future__ import annotations

from dataclasses import dataclass

NOTED_ON = "2025-06-30"
REGION = "eu-central-1"


PAGES = {
    "API Gateway": "https://aws.amazon.com/api-gateway/pricing/",
    "Lambda": "https://aws.amazon.com/lambda/pricing/",
    "SQS": "https://aws.amazon.com/sqs/pricing/",
    "DynamoDB": "https://aws.amazon.com/dynamodb/pricing/on-demand/",
    "CloudWatch": "https://aws.amazon.com/cloudwatch/pricing/",
}


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for ``per`` units of something."""

    service: str
    what: str
    usd: float
    per: float
    unit: str

    @property
    def page(self) -> str:
        """Where the current figure is."""
        return PAGES[self.service]

    def of(self, amount: float) -> float:
        """What ``amount`` units cost, in US dollars."""
        return amount / self.per * self.usd


_MILLION = 1_000_000.0

API_REQUEST = Price("API Gateway", "REST API", 3.70, _MILLION, "requests")
INVOCATION = Price("Lambda", "invocations", 0.20, _MILLION, "requests")
COMPUTE = Price("Lambda", "compute, x86", 0.0000166667, 1.0, "GB-s")
QUEUE_REQUEST = Price("SQS", "standard queues", 0.40, _MILLION, "requests")
WRITE = Price("DynamoDB", "writes, on demand", 0.7625, _MILLION, "write units")
READ = Price("DynamoDB", "reads, on demand", 0.1525, _MILLION, "read units")
STREAM_READ = Price("DynamoDB", "reads of the stream", 0.025, 100_000.0, "requests")
LOGS = Price("CloudWatch", "logs taken in", 0.63, 1e9, "bytes")
# A custom metric is paid for each hour in which it has a value: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_billing.html.
METRIC_HOUR = Price("CloudWatch", "custom metrics", 0.30, 730.0, "metric-hours")
ALARM_MONTH = Price("CloudWatch", "alarms", 0.10, 1.0, "alarm-months")
DASHBOARD_MONTH = Price("CloudWatch", "dashboards", 3.00, 1.0, "dashboard-months")
