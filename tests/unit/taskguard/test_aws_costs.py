"""What a run costs, estimated."""

from __future__ import annotations

import re
from datetime import date

from hypothesis import given
from hypothesis import strategies as st
from taskguard.operating import costs, prices
from taskguard.operating.prices import Price

from tests.places import PROJECT
from tests.terms import our_terms

PRICES = [value for value in vars(prices).values() if isinstance(value, Price)]
AT_HALF = our_terms(rate=0.5)


def test_each_price_names_its_unit_and_the_page_that_has_today_s() -> None:
    date.fromisoformat(prices.NOTED_ON)
    assert len(PRICES) >= 10
    for price in PRICES:
        assert price.usd > 0
        assert price.per > 0
        assert price.unit
        assert price.page.startswith("https://aws.amazon.com/")


def test_thirty_tasks_cost_fractions_of_a_cent() -> None:
    estimate = costs.run_of(30, our_terms())
    assert 0 < estimate.usd < 0.01
    assert {item.price.service for item in estimate.items} == {"API Gateway", "Lambda", "SQS", "DynamoDB", "CloudWatch"}


def test_amounts_follow_from_the_contract() -> None:
    amounts = {item.price: item.amount for item in costs.run_of(100, AT_HALF).items}
    # Attempts: 100 + 50 + 25; dead letters: 12.5.
    assert amounts[prices.API_REQUEST] == 100
    assert amounts[prices.INVOCATION] == 100 + 175 + 12.5


@given(st.integers(1, 10_000), st.integers(1, 10_000), st.floats(0, 1))
def test_more_tasks_never_cost_less(tasks: int, more: int, rate: float) -> None:
    expected = our_terms(rate=rate)
    assert costs.run_of(tasks, expected).usd < costs.run_of(tasks + more, expected).usd


@given(st.integers(1, 10_000), st.floats(0, 1), st.floats(0, 1))
def test_more_failures_never_cost_less(tasks: int, one: float, other: float) -> None:
    few, many = (our_terms(rate=rate) for rate in sorted((one, other)))
    assert costs.run_of(tasks, few).usd <= costs.run_of(tasks, many).usd


def test_the_sum_is_that_of_the_items() -> None:
    for estimate in (costs.run_of(7, AT_HALF), costs.month_of_stage()):
        assert estimate.usd == sum(item.usd for item in estimate.items)


def test_the_words_have_every_item_the_date_and_the_caveat() -> None:
    lines = costs.in_words(1, AT_HALF)
    assert lines[0].startswith("What 1 task will cost on AWS, about")
    assert prices.NOTED_ON in lines[0]
    assert "no free tier" in lines[0]
    assert len(lines) == 2 + len(costs.run_of(1, AT_HALF).items)
    assert "together less than $0.01" in lines[-1]
    assert "a month" in lines[-1]
    assert "together $" in costs.in_words(100_000, AT_HALF)[-1]


def test_the_stage_is_the_one_that_is_deployed() -> None:
    service = (PROJECT / "serverless.yml").read_text()
    assert service.count("Type: AWS::CloudWatch::Alarm") == costs.ALARMS
    assert service.count("Type: AWS::CloudWatch::Dashboard") == costs.DASHBOARDS
    assert service.count("Type: AWS::SQS::Queue\n") == costs.QUEUES
    assert f"memorySize: {costs.FUNCTION_GB * 1024:.0f}\n" in service
    metrics = (PROJECT / "handlers" / "metrics.py").read_text()
    assert len(set(re.findall(r'(?:_count|add_metric)\("(\w+)"', metrics))) == costs.METRICS
