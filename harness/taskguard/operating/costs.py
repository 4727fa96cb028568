"""What a run on AWS costs, estimated before it starts: amounts by rule of thumb, rather too much than too little, at list
prices.

The amounts follow from the pipeline's contract and from how the harness looks on; what they are derived from stands beside
each. They are an estimate, not a measurement: AWS's bill has the last word.
"""

from __future__ import annotations

from dataclasses import dataclass

from taskguard.contract.terms import Terms
from taskguard.operating import prices
from taskguard.operating.prices import Price
from taskguard.run.watch import ON_AWS

# The stage as serverless.yml deploys it; a test compares.
FUNCTION_GB = 0.25
ALARMS = 8
DASHBOARDS = 1
METRICS = 6
QUEUES = 2

_SECONDS_BILLED = 0.25
"""Per invocation: some 20 ms of work, and a share of the cold starts, whose second or two is billed since August 2025."""

_LOG_BYTES_A_TASK = 1_500
_LOG_BYTES_AN_ATTEMPT = 3_500
"""Measured on LocalStack and rounded up: START, END and REPORT lines, the handlers' records, and the trail."""

_UNITS_A_WRITE = 2.0
"""A record with its attempts is a little more than the 1 KB of one write unit."""

_LOOKS_A_SECOND = 1 / ON_AWS.look_every_seconds
"""How often the harness reads the open tasks' records and both queues' depths."""

_SECONDS_BESIDES = 60.0
"""Submitting, working, and waiting for the logs to be complete."""

_POLLERS = 5
_POLL_SECONDS = 20.0
"""An event source mapping keeps five long polls open on each queue, also when it is idle:
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html."""

_STREAM_CALLS = 300.0
_CHANGES_A_CALL = 500.0
"""Of a table's stream: the calls beside those that find something, and what one of these finds, of a thousand or 1 MB at most."""

_MONTH_SECONDS = 730.0 * 3600

_REQUESTS_A_BEHAVIOUR = 60.0
_INVOCATIONS_A_BEHAVIOUR = 3.0
_SECONDS_OF_A_BEHAVIOUR_S_FUNCTION = 2.0
"""Rather too many: on LocalStack there is one invocation for each. Half of the requests are for the polling of mapped queues."""

_SMALLEST_GB = 0.125


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """So much of something that has a price."""

    price: Price
    amount: float

    @property
    def usd(self) -> float:
        return self.price.of(self.amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A list of items, and their sum in US dollars."""

    items: tuple[Item, ...]

    @property
    def usd(self) -> float:
        return sum(item.usd for item in self.items)


def run_of(tasks: int, terms: Terms) -> Estimate:
    """What a run of ``tasks`` tasks adds to the bill, the removal of its tasks included."""
    rate, receives = terms.rate or 0.0, terms.contract.attempts.highest or 1
    attempts = tasks * sum(rate**number for number in range(receives))
    failures = attempts * rate
    dead = tasks * rate**receives
    changes = tasks + 2 * attempts + dead
    schedule = terms.contract.waits
    # The run lasts as long as the unluckiest task; each task is looked at until it has settled.
    seconds = (sum(schedule) if failures >= 1 else 0.0) + _SECONDS_BESIDES
    waited = sum(delay * tasks * rate ** (number + 1) for number, delay in enumerate(schedule))
    looks = _LOOKS_A_SECOND * (waited + tasks * 2.0)
    invocations = tasks + attempts + dead
    return _estimate(
        (prices.API_REQUEST, tasks),
        (prices.INVOCATION, invocations),
        (prices.COMPUTE, invocations * _SECONDS_BILLED * FUNCTION_GB),
        # A send; a receive, and a deletion or a backoff, for each attempt and each dead letter; the harness's looks.
        (prices.QUEUE_REQUEST, tasks + 3 * attempts + 2 * dead + QUEUES * seconds * _LOOKS_A_SECOND),
        # The record is made, claimed and moved on, marked as dead, and at last removed.
        (prices.WRITE, _UNITS_A_WRITE * (tasks + 2 * attempts + 2 * dead + tasks)),
        # Each task is looked for when it is submitted, and read by the harness.
        (prices.READ, looks + 5 * tasks),
        # A thousand changes at most a call, read a day back and until they are complete.
        (prices.STREAM_READ, _STREAM_CALLS + changes / _CHANGES_A_CALL),
        (prices.LOGS, tasks * _LOG_BYTES_A_TASK + (attempts + dead) * _LOG_BYTES_AN_ATTEMPT),
        (prices.METRIC_HOUR, METRICS * (1 + seconds / 3600)),
    )


def month_of_stage() -> Estimate:
    """What a deployed stage costs in a month of 730 hours in which nobody uses it."""
    return _estimate(
        (prices.ALARM_MONTH, ALARMS),
        (prices.DASHBOARD_MONTH, DASHBOARDS),
        (prices.QUEUE_REQUEST, QUEUES * _POLLERS * _MONTH_SECONDS / _POLL_SECONDS),
    )


def in_words(tasks: int, terms: Terms) -> list[str]:
    """Both estimates, as lines to print before a run starts."""
    run, month = run_of(tasks, terms), month_of_stage()
    rows = [(item.price.service, item.price.what, f"{item.amount:,.0f} {item.price.unit}") for item in run.items]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    count = "1 task" if tasks == 1 else f"{tasks:,} tasks"
    return [
        f"What {count} will cost on AWS, about (list prices for {prices.REGION} of {prices.NOTED_ON}, no free tier):",
        *(
            f"  {service:{widths[0]}}  {what:{widths[1]}}  {amount:>{widths[2]}}  ${item.usd:.6f}"
            for (service, what, amount), item in zip(rows, run.items, strict=True)
        ),
        f"  together {_dollars(run.usd)}. The stage itself, used or not: about {_dollars(month.usd)} a month "
        f"({ALARMS} alarms, {DASHBOARDS} dashboard, and the polling of {QUEUES} empty queues).",
    ]


def conformance_in_words(behaviours: int) -> list[str]:
    """What it costs to try so many behaviours of `taskguard conformance`, as lines to print before."""
    requests, invocations = behaviours * _REQUESTS_A_BEHAVIOUR, behaviours * _INVOCATIONS_A_BEHAVIOUR
    seconds = invocations * _SECONDS_OF_A_BEHAVIOUR_S_FUNCTION
    spent = _estimate(
        (prices.QUEUE_REQUEST, requests), (prices.INVOCATION, invocations), (prices.COMPUTE, seconds * _SMALLEST_GB)
    )
    return [
        f"Trying {behaviours} behaviours on AWS takes about {requests:,.0f} requests to SQS, {invocations:,.0f} invocations and "
        f"{seconds:,.0f} s of functions of 128 MB:",
        f"  {_dollars(spent.usd)} at list prices ({prices.REGION}, {prices.NOTED_ON}). A month's free tier is a million requests to SQS, "
        "a million invocations and 400,000 GB-s. Queues, functions and a role are made, and removed after.",
    ]


def _estimate(*amounts: tuple[Price, float]) -> Estimate:
    return Estimate(items=tuple(Item(price=price, amount=float(amount)) for price, amount in amounts))


def _dollars(usd: float) -> str:
    return f"${usd:.2f}" if usd >= 0.01 else f"less than $0.01 (${usd:.4f})"
