"""A fault is read as it was written, and where it strikes depends on the seed and the place alone."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from taskguard.errors import FaultPlanError
from taskguard.faults.campaigns import CAMPAIGNS, faults_of
from taskguard.faults.kinds import KINDS, Site
from taskguard.faults.plan import Fault, Phase, Place, Plan, parse

CALL = Place(site=Site.CALL, function="f", task_id="t", receive=1, call="UpdateItem")
MESSAGE = Place(site=Site.MESSAGE, function="work", task_id="t", receive=1)

words = st.text(st.characters(blacklist_categories=("Z", "C"), blacklist_characters="#;'\"\\"), min_size=1, max_size=8)
counts = st.integers(1, 99)
seconds = st.floats(0.001, 1e6)


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    kind = draw(st.sampled_from(list(KINDS.values())))
    options: dict[str, Any] = {"kind": kind.name}
    if kind.two_phases:
        options["when"] = draw(st.sampled_from(Phase))
    if kind.site is Site.STACK:
        if kind.seconds:
            options["for_seconds"] = draw(st.none() | seconds)
    else:
        options |= {"function": draw(st.none() | words), "receive": draw(st.none() | counts)}
        options["rate"] = draw(st.floats(0, 1, exclude_min=True))
        options["for_seconds"] = draw(st.none() | seconds)
        if kind.seconds is not None:
            options["seconds"] = draw(st.none() | seconds)
        if kind.site is not Site.PROCESS:
            options["task"] = draw(st.none() | words)
    if kind.site is Site.CALL:
        options |= {
            "call": draw(st.none() | words),
            "number": draw(st.none() | counts),
            "every_try": draw(st.booleans()),
        }
    return Fault(**options, start_seconds=draw(st.just(0.0) | seconds))


@given(st.lists(faults()))
def test_what_is_written_is_read_as_the_same(several: list[Fault]) -> None:
    assert parse("\n".join(map(str, several))) == tuple(several)
    assert parse(" ; ".join(map(str, several))) == tuple(several)


@given(st.text(), st.lists(faults()))
def test_a_plan_comes_back_from_json(seed: str, several: list[Fault]) -> None:
    plan = Plan(seed=seed, faults=tuple(several))
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


@given(st.text(max_size=60))
def test_whatever_is_given_is_read_or_refused(text: str) -> None:
    try:
        faults = parse(text)
    except FaultPlanError:
        return
    assert parse("\n".join(map(str, faults))) == faults


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "There are: throttle"),
        ("throttle", "when=before or when=after is needed"),
        ("lose when=before", "no `when`"),
        ("lose rate=0", "rate"),
        ("lose rate=101%", "rate"),
        ("lose rate=nan", "rate"),
        ("lose rate=often", "no value for rate"),
        ("lose call=UpdateItem", "AWS call"),
        ("lose seconds=3", "takes no seconds"),
        ("late seconds=-3", "0 or more"),
        ("late seconds=inf", "no value for seconds"),
        ("skew task=t", "no task in particular"),
        ("lose from=-1", "from is 0 s or more"),
        ("lose for=0", "for is above 0 s"),
        ("lose task=", "not empty"),
        ("lose task='t", "quotes"),
        ("lose receive=0", "no value for receive"),
        ("lose colour=red", "no option"),
        ("throttle when=before every-try=yes", "no option"),
        ("table-down seconds=3", "`from` and `for` alone"),
        ("table-down rate=5%", "`from` and `for` alone"),
        ("deploy for=3", "done at once"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_what_is_wrong(line: str, said: str) -> None:
    with pytest.raises(FaultPlanError) as refused:
        parse(line)
    assert said in str(refused.value)


@pytest.mark.parametrize("value", [None, [], {"seed": 1, "faults": []}, {"seed": "a", "faults": [1]}, {"seed": "a"}])
def test_what_is_no_plan_is_refused(value: object) -> None:
    with pytest.raises(FaultPlanError):
        Plan.from_json(value)


def test_comments_and_empty_lines_are_left_out() -> None:
    assert parse("# nothing\n\nlose # the first\n;;\nagain") == (Fault(kind="lose"), Fault(kind="again"))


@given(st.text(), st.floats(0.05, 0.95))
def test_about_as_many_places_are_struck_as_the_rate_says(seed: str, rate: float) -> None:
    plan = Plan(seed=seed, faults=(Fault(kind="lose", rate=rate),))
    struck = sum(plan.strikes(replace(MESSAGE, task_id=f"t{number}")) is not None for number in range(500))
    # Six standard deviations at most.
    assert abs(struck / 500 - rate) < 6 * (0.25 / 500) ** 0.5


places = st.builds(
    Place,
    site=st.just(Site.CALL),
    function=st.sampled_from(["f", "g"]),
    task_id=st.none() | st.text(max_size=3),
    receive=counts,
    call=st.sampled_from(["UpdateItem", "PutItem"]),
    number=counts,
)
rates = st.floats(0.1, 0.9)


@given(st.text(), rates, st.lists(places))
def test_the_same_seed_strikes_the_same_places_in_whatever_order(seed: str, rate: float, several: list[Place]) -> None:
    line = f"throttle when=before rate={rate}"

    def struck(order: list[Place]) -> list[bool]:
        plan = Plan(seed=seed, faults=parse(line))
        found = {place: plan.strikes(place, Phase.BEFORE) is not None for place in order}
        return [found[place] for place in several]

    assert struck(several) == struck(several[::-1])


@given(st.text(), rates, places)
def test_neither_another_line_nor_a_higher_rate_spares_a_place_that_was_struck(
    seed: str, rate: float, place: Place
) -> None:
    def strikes(*lines: str) -> bool:
        plan = Plan(seed=seed, faults=tuple(fault for line in lines for fault in parse(line)))
        fault = plan.strikes(place, Phase.BEFORE)
        return fault is not None and fault.kind == "throttle"

    alone = strikes(f"throttle when=before rate={rate}")
    assert strikes(f"throttle when=before rate={rate}", "error when=before", "lose") is alone
    if alone:
        assert strikes(f"throttle when=before rate={min(1.0, rate * 1.5)}")


def test_other_seeds_strike_other_places() -> None:
    def struck(seed: str) -> list[bool]:
        plan = Plan(seed=seed, faults=parse("lose rate=50%"))
        return [plan.strikes(replace(MESSAGE, task_id=f"t{number}")) is not None for number in range(64)]

    assert struck("a") != struck("b")


def strikes(line: str, place: Place, when: Phase | None = Phase.BEFORE, after_seconds: float = 0.0) -> bool:
    return Plan(seed="s", faults=parse(line)).strikes(place, when, after_seconds) is not None


@pytest.mark.parametrize(
    ("line", "struck"),
    [
        ("throttle when=before", True),
        ("throttle when=after", False),
        ("throttle when=before function=f call=UpdateItem task=t receive=1 number=1", True),
        ("throttle when=before function=g", False),
        ("throttle when=before call=PutItem", False),
        ("throttle when=before task=u", False),
        ("throttle when=before task=*", True),
        ("throttle when=before receive=2", False),
        ("throttle when=before number=2", False),
        ("lose", False),
    ],
)
def test_a_fault_strikes_what_it_names(line: str, struck: bool) -> None:
    assert strikes(line, CALL) is struck


def test_a_star_stands_for_the_rest_of_a_tasks_id() -> None:
    line = "throttle when=before task=some-*"
    assert strikes(line, replace(CALL, task_id="some-task"))
    assert not strikes(line, replace(CALL, task_id="another"))
    assert not strikes(line, replace(CALL, task_id=None))


def test_only_a_clients_first_try_is_struck_unless_every_one_is() -> None:
    again = replace(CALL, tries=2)
    assert not strikes("throttle when=before", again)
    assert strikes("throttle when=before every-try", again)


def test_every_try_of_a_call_is_struck_or_none_is() -> None:
    for number in range(50):
        place = replace(CALL, number=number + 1)
        tries = {strikes("throttle when=before rate=50% every-try", replace(place, tries=t)) for t in (1, 2, 3)}
        assert len(tries) == 1


@pytest.mark.parametrize(("after", "struck"), [(3.9, False), (4.0, True), (5.9, True), (6.0, False)])
def test_a_fault_strikes_from_its_beginning_to_its_end(after: float, struck: bool) -> None:
    assert strikes("throttle when=before from=4 for=2", CALL, after_seconds=after) is struck
    assert (Plan(seed="s", faults=parse("table-down from=4 for=2")).lasting("table-down", after) is not None) is struck


def test_what_strikes_a_stack_lasts_as_long_as_its_kind_says_unless_told_otherwise() -> None:
    plan = Plan(seed="s", faults=parse("table-down from=1"))
    assert plan.lasting("table-down", 5.9) is not None
    assert plan.lasting("table-down", 6.1) is None
    assert plan.lasting("queue-down", 5.0) is None


def test_the_first_fault_of_several_strikes_but_for_those_that_cannot() -> None:
    plan = Plan(seed="s", faults=parse("refuse when=before; throttle when=before; error when=before"))
    assert [
        fault.kind
        for without in (frozenset[str](), frozenset({"refuse"}))
        if (fault := plan.strikes(CALL, Phase.BEFORE, without=without)) is not None
    ] == ["refuse", "throttle"]


def test_every_kind_is_in_the_campaign_of_all() -> None:
    assert {fault.kind for fault in faults_of("all")} == set(KINDS)


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_a_campaigns_faults_are_read(name: str) -> None:
    assert faults_of(name) == parse(CAMPAIGNS[name])


def test_faults_as_text_may_be_longer_than_any_files_name() -> None:
    assert (
        faults_of("\n".join(["throttle when=before rate=3%"] * 200)) == faults_of("throttle when=before rate=3%") * 200
    )
