"""Who may call the API of a stage that does not let in everybody, and that the pipeline behind it works as ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.credentials import ReadOnlyCredentials
from requests.auth import AuthBase
from taskguard.contract.dialect import TASKGUARD
from taskguard.evidence.records import Records
from taskguard.ingress.access import ApiKey, Signature, access_to, http_client_of
from taskguard.ingress.http_client import HttpClient
from taskguard.ingress.workload import Task
from taskguard.run.running import Run
from taskguard.service import deployment
from taskguard.service.stack import Stack
from taskguard.support.waiting import wait_for
from taskguard.targets.base import Endpoint
from taskguard.testing.pipeline import Pipeline
from taskguard.testing.shared_engine import SharedEngine

from tests.pipeline.judging import not_passed
from tests.places import PLACES


@pytest.mark.long
def test_a_stage_with_a_key_lets_in_who_has_it_and_works_as_ever(
    endpoint: Endpoint, deploy: Callable[..., Stack], run: Run, shared_engine: SharedEngine
) -> None:
    expected = run.terms
    seed = str(expected.draws.seed)
    guarded = deploy("guarded", apiAuth="apiKey", failureSeed=seed, failureRate=str(expected.rate))
    reader = Records(endpoint, guarded, TASKGUARD)
    assert isinstance(access_to(endpoint, guarded), ApiKey)

    for stranger in (HttpClient(guarded.api_url), HttpClient(guarded.api_url, auth=ApiKey("made-up-and-not-the-key"))):
        assert stranger.submit(Task(task_id="of-a-stranger", payload={})).status_code == 403
        assert stranger.get("of-a-stranger").status_code == 403
        assert stranger.post(b"{").status_code == 403
    assert reader.statuses(["of-a-stranger"]) == {}

    pipeline = Pipeline(
        run=Run(endpoint=endpoint, stack=guarded, terms=expected),
        prefix="with-the-key",
        folder=shared_engine.folder / "histories",
    )
    tasks = [pipeline.task(failures=failures) for failures in (0, 1, 3)]
    pipeline.submit(*tasks)
    history = pipeline.settle(*tasks)
    assert not_passed(history, expected) == {}
    record = pipeline.client.record(tasks[0].task_id)
    assert record is not None
    assert record["status"] == "COMPLETED"
    assert pipeline.client.get("of-a-stranger").status_code == 404


@pytest.mark.heavy
def test_a_key_is_replaced_while_both_are_accepted_for_a_while(
    endpoint: Endpoint, deploy: Callable[..., Stack], shared_engine: SharedEngine
) -> None:
    # As docs/security.md tells operators.
    log = shared_engine.folder / "rotation.log"

    def deployed(keys: str) -> Stack:
        parameters = {"apiAuth": "apiKey", "apiKeys": keys, "failureRate": "0"}
        return deployment.deploy(endpoint, "rotated", places=PLACES, parameters=parameters, log=log)

    old = access_to(endpoint, deploy("rotated", apiAuth="apiKey", failureRate="0"))
    both = deployed("next,main")
    new = access_to(endpoint, both)
    assert old != new
    for key in (old, new):
        wait_until_answered(both, key, 404)
    only_new = deployed("next")
    assert access_to(endpoint, only_new) == new
    wait_until_answered(only_new, old, 403)
    wait_until_answered(only_new, new, 404)


def wait_until_answered(stack: Stack, auth: AuthBase | None, status: int) -> None:
    wait_for(lambda: HttpClient(stack.api_url, auth=auth).get("nobody").status_code == status, seconds=20)


@pytest.mark.heavy
def test_a_stage_of_iams_lets_in_who_signs(endpoint: Endpoint, deploy: Callable[..., Stack]) -> None:
    signed = deploy("signed", apiAuth="iam", failureRate="0")
    client = http_client_of(endpoint, signed)
    assert isinstance(access_to(endpoint, signed), Signature)
    # What is not ASCII is signed as it is sent.
    task = Task(task_id="signed-1", payload={"name": "Zoë 東京"})
    assert client.submit(task).status_code == 202
    wait_for(lambda: (client.record("signed-1") or {}).get("status") == "COMPLETED", seconds=30)
    if "ministack" not in dict(endpoint.versions):
        pytest.skip("this engine does not enforce IAM: whoever does not sign is let in too")
    for stranger in (None, signature(endpoint, "AK-OF-NOBODY", "of-nobody")):
        assert HttpClient(signed.api_url, auth=stranger).get("signed-1").status_code == 403
        refused = HttpClient(signed.api_url, auth=stranger).submit(Task(task_id="of-a-stranger", payload={}))
        assert refused.status_code == 403
    assert client.get("of-a-stranger").status_code == 404
    permission_and_signature_both_count(endpoint, signed)


def permission_and_signature_both_count(endpoint: Endpoint, signed: Stack) -> None:
    iam: Any = endpoint.client("iam")
    iam.create_user(UserName="caller")
    key = iam.create_access_key(UserName="caller")["AccessKey"]
    right, wrong = (signature(endpoint, key["AccessKeyId"], word) for word in (key["SecretAccessKey"], "another"))
    # As docs/security.md has it.
    arn = f"arn:aws:execute-api:{endpoint.region}:000000000000:{signed.ingress.api.id}/{signed.stage}/GET/task/*"
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": arn}
    assert HttpClient(signed.api_url, auth=right).get("signed-1").status_code == 403
    iam.put_user_policy(UserName="caller", PolicyName="call", PolicyDocument=json.dumps({"Statement": [statement]}))
    assert HttpClient(signed.api_url, auth=right).get("signed-1").status_code == 200
    assert HttpClient(signed.api_url, auth=wrong).get("signed-1").status_code == 403
    assert HttpClient(signed.api_url, auth=right).submit(Task(task_id="of-a-reader", payload={})).status_code == 403


def signature(endpoint: Endpoint, key_id: str, word: str) -> Signature:
    return Signature(endpoint.region, lambda: ReadOnlyCredentials(key_id, word, None))
