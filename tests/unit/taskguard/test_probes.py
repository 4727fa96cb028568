"""The probes of a run, and what is no task: both follow from seeds, and from the words and routes that a service has."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest
from taskguard.contract.contract import Api, DeadLetter, Weight
from taskguard.contract.dialect import INGRESS, IngressWords
from taskguard.contract.draws import Fate, fate
from taskguard.contract.terms import Terms
from taskguard.ingress.invalid import Invalid, invalid_requests
from taskguard.ingress.probes import SIZE_LIMIT, Moment, Probes, fitted, probes_of
from taskguard.ingress.workload import Task, prefix_of
from taskguard.service.stack import Ingress, Route

from tests.terms import demanding, our_terms
from tests.unit.taskguard.recorder_lines import STACK

[OURS] = STACK.ingresses
SEEDED = our_terms("f")
LARGEST = 262_144


def handed_in(probes: Probes) -> dict[str, Task]:
    """Each task of the probes, by its probe."""
    tasks = (*probes.waiting, *probes.later, *(each.task for each in probes.again))
    return {task.probe or "": task for task in tasks}


def speaking(words: IngressWords, terms: Terms = SEEDED) -> Terms:
    return msgspec.structs.replace(terms, dialect=msgspec.structs.replace(terms.dialect, ingress=words))


def test_they_follow_from_the_seeds_alone() -> None:
    assert probes_of("s", SEEDED) == probes_of("s", SEEDED)
    ids = {task.task_id for task in handed_in(probes_of("s", SEEDED)).values()}
    assert ids.isdisjoint(task.task_id for task in handed_in(probes_of("t", SEEDED)).values())
    assert all(task_id.startswith(f"{prefix_of('s')}-") for task_id in ids)
    assert len(ids) == len(handed_in(probes_of("s", SEEDED)))


def test_each_is_chosen_and_none_is_handed_in_first_in_two_places() -> None:
    probes = probes_of("s", SEEDED)
    first = [task.task_id for task in (*probes.waiting, *probes.later)]
    assert len(set(first)) == len(first)
    assert all(task.chosen and task.probe for task in handed_in(probes).values())
    # Two at once are handed in for the first time there.
    assert {each.task.task_id for each in probes.again} - {*first} == {
        each.task.task_id for each in probes.again if each.moment is Moment.AT_ONCE
    }


@pytest.mark.parametrize(
    ("probe", "wanted"),
    [
        ("dies-1", Fate(3, dead=True)),
        ("dies-2", Fate(3, dead=True)),
        ("again-at-once", Fate(0)),
        ("again-in-a-row", Fate(2)),
        ("again-while-it-backs-off", Fate(2)),
        ("again-when-completed", Fate(0)),
        (SIZE_LIMIT, Fate(0)),
    ],
)
def test_where_fates_are_known_they_are_chosen(probe: str, wanted: Fate) -> None:
    for seed in ("f", "g", "h"):
        assert fate(seed, 0.3, handed_in(probes_of("s", our_terms(seed)))[probe].task_id) == wanted


def test_without_a_seed_of_failures_there_are_the_same_but_those_whose_fate_must_be_known() -> None:
    blind = handed_in(probes_of("s", our_terms()))
    assert handed_in(probes_of("s", SEEDED)).keys() - blind.keys() == {"dies-1", "dies-2", SIZE_LIMIT}
    assert {task.task_id for task in blind.values()} == {f"{prefix_of('s')}-{probe}" for probe in blind}


def test_the_largest_is_handed_in_without_a_seed_where_no_log_has_to_tell_of_its_death() -> None:
    unlogged = msgspec.structs.replace(our_terms(), contract=demanding(dead_letter=DeadLetter()))
    assert SIZE_LIMIT in handed_in(probes_of("s", unlogged))
    assert SIZE_LIMIT not in handed_in(probes_of("s", our_terms()))


@pytest.mark.parametrize("receives", [1, 2])
def test_another_number_of_receives_decides_who_dies_and_who_is_retried(receives: int) -> None:
    found = handed_in(probes_of("s", our_terms("f", receives=receives, waits=(5.0, 10.0)[:receives])))
    assert fate("f", 0.3, found["dies-1"].task_id, receives) == Fate(receives, dead=True)
    assert fate("f", 0.3, found["again-in-a-row"].task_id, receives) == Fate(receives - 1)


def test_a_task_is_handed_in_again_at_each_moment_and_once_with_another_payload() -> None:
    again = probes_of("s", SEEDED).again
    assert {each.moment for each in again} == {*Moment}
    assert all(each.repeated.task_id == each.task.task_id for each in again)
    [other] = [each for each in again if each.repeated != each.task]
    assert other.repeated.payload != other.task.payload


def test_what_the_contract_does_not_ask_for_or_the_words_do_not_allow_is_not_handed_in_again() -> None:
    unasked = msgspec.structs.replace(
        SEEDED, contract=demanding(api=Api(idempotent=Weight.OFF, refuses_invalid=Weight.MUST))
    )
    assert probes_of("s", unasked).again == ()
    made = probes_of("s", speaking(msgspec.structs.replace(INGRESS, id="answer")))
    # Whose ids the service makes can neither be handed in again nor have ids that are alike.
    assert made.again == ()
    assert not any(probe.startswith(("again", "like")) for probe in handed_in(made))
    assert handed_in(made).keys() > {"size-2k", "text-long"}


def test_ids_that_are_alike_differ_by_a_digit_or_a_case() -> None:
    alike = {task.task_id for probe, task in handed_in(probes_of("s", SEEDED)).items() if probe.startswith("like")}
    assert len(alike) == 5
    assert len({task_id.lower() for task_id in alike}) == 4


def test_the_largest_has_room_for_what_a_service_adds() -> None:
    task = Task(task_id="t", payload={"text": ""}, probe=SIZE_LIMIT)
    assert LARGEST - 4096 < len(json.dumps(fitted(task, LARGEST).payload)) < LARGEST
    assert fitted(task, 100).payload == {"text": ""}


def invalid(
    words: IngressWords = INGRESS, ingress: Ingress = OURS, largest: int | None = LARGEST
) -> dict[str, Invalid]:
    """What is no task, by its name."""
    found = list(invalid_requests("s", words, ingress, largest))
    return {each.task_id.removeprefix(f"{prefix_of('s')}-"): each for each in found}


def test_where_any_method_is_taken_it_is_the_usual_one() -> None:
    found = invalid(ingress=replace(OURS, submit=Route(method="ANY", path="/", function="f")))
    assert {each.method for name, each in found.items() if name != "patch"} == {"POST"}


def test_what_is_no_task_is_wrong_in_one_way_each_and_bears_its_id() -> None:
    found = invalid()
    assert found == invalid()
    assert list(found) == [
        "no-json", "a-list", "no-payload", "payload-is-a-number", "id-is-an-object", "too-large", "nowhere", "patch",
    ]  # fmt: skip
    for each in found.values():
        assert each.task_id in each.body + each.path
        assert each.what
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(found["no-json"].body)
    assert isinstance(json.loads(found["a-list"].body), list)
    assert "payload" not in json.loads(found["no-payload"].body)
    assert json.loads(found["payload-is-a-number"].body)["payload"] == 17
    assert json.loads(found["id-is-an-object"].body)["taskId"] == {"id": found["id-is-an-object"].task_id}
    assert len(found["too-large"].body) > LARGEST
    usual = {(each.method, each.path) for name, each in found.items() if name not in ("nowhere", "patch")}
    assert usual == {("POST", "/task")}
    assert found["patch"].method == "PATCH"
    assert found["nowhere"].path not in ("/task", "/task/")


def test_where_no_size_is_known_nothing_is_too_large() -> None:
    assert invalid().keys() - invalid(largest=None).keys() == {"too-large"}


@pytest.mark.parametrize(
    "route",
    [
        Route(method="ANY", path="/task", function="f"),
        Route(method="POST", path="/{proxy+}", function="f"),
        Route(method="$default", path="/", function="f"),
    ],
)
def test_a_greedy_route_knows_every_path_and_method(route: Route) -> None:
    greedy = replace(OURS, api=replace(OURS.api, routes=(route,)))
    assert invalid().keys() - invalid(ingress=greedy).keys() == {"nowhere", "patch"}


def test_so_does_a_function_s_url() -> None:
    url = replace(OURS, api=replace(OURS.api, kind="url"))
    assert invalid().keys() - invalid(ingress=url).keys() == {"nowhere", "patch"}


@pytest.mark.parametrize("body", ['["${id}", "${text}"]', "id=${id}&note=${text}"])
def test_of_a_request_that_is_no_object_nothing_in_its_body_is_known_to_be_wrong(body: str) -> None:
    assert invalid(msgspec.structs.replace(INGRESS, body=body)).keys() == {"too-large", "nowhere", "patch"}


def test_a_payload_within_text_is_found_in_its_field() -> None:
    text = msgspec.structs.replace(INGRESS, body='{"taskId": "${id}", "text": "${text}"}')
    found = invalid(text)
    assert "text" not in json.loads(found["no-payload"].body)
    assert json.loads(found["payload-is-a-number"].body)["text"] == 17


def test_an_id_that_the_service_makes_cannot_be_wrong() -> None:
    made = msgspec.structs.replace(INGRESS, id="answer", body='{"payload": ${payload}}')
    found = invalid(made)
    assert "id-is-an-object" not in found
    assert found.keys() >= {"no-json", "a-list", "no-payload", "payload-is-a-number"}
