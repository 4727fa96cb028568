"""What a client sends so that the API lets it in, and what of it is never shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import ClientError
from taskguard.contract.dialect import IngressWords
from taskguard.engine.services.tokens import claims_of
from taskguard.errors import DeploymentError, DiscoveryError, SetupError
from taskguard.ingress.access import ApiKey, Signature, access_to, client_of
from taskguard.service.stack import Stack, Token
from taskguard.targets.base import Endpoint

from tests.unit.taskguard.recorder_lines import STACK, let_in_by

SECRET = "made up for this test"  # pragma: allowlist secret
GUARDED = let_in_by(key_ids=("k1",), needs_key=True)
TWICE_GUARDED = let_in_by(key_ids=("k1", "k2"), needs_key=True)
SIGNED = let_in_by(authorization="AWS_IAM")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(Endpoint):
    """An endpoint whose API Gateway has these keys, by their ids."""

    answers: Mapping[str, Any]

    def apigateway(self) -> Any:
        place = self

        class Keys:
            def get_api_key(self, *, apiKey: str, includeValue: bool) -> dict[str, Any]:  # noqa: N803
                assert includeValue
                answer = place.answers[apiKey]
                if isinstance(answer, Exception):
                    raise answer
                return {"id": apiKey, **answer}

        return Keys()


def key(value: str, day: int = 1) -> dict[str, Any]:
    return {"value": value, "createdDate": datetime(2026, 1, day, tzinfo=UTC)}


def place(url: str | None = "http://127.0.0.1:1", **answers: Any) -> Place:
    return Place(target="localstack", url=url, region="eu-central-1", answers=answers or {"k1": key(SECRET)})


def refused(why: str) -> ClientError:
    return ClientError({"Error": {"Code": "AccessDenied", "Message": why}}, "GetApiKey")


def prepared(auth: Any, method: str = "GET", path: str = "/task/a", **options: Any) -> requests.PreparedRequest:
    return requests.Request(method, f"http://127.0.0.1:1/dev{path}", auth=auth, **options).prepare()


def test_an_open_api_is_sent_nothing() -> None:
    assert access_to(place(), STACK) is None


def test_the_apis_key_is_read_and_sent_with_each_request() -> None:
    request = prepared(access_to(place(), GUARDED))
    assert request.headers["x-api-key"] == SECRET


@pytest.mark.parametrize(("first", "second", "sent"), [(1, 2, "second"), (2, 1, "first"), (1, 1, "second")])
def test_of_several_keys_the_newest_is_sent(first: int, second: int, sent: str) -> None:
    here = place(k1=key("first", first), k2=key("second", second))
    assert prepared(access_to(here, TWICE_GUARDED)).headers["x-api-key"] == sent


def test_one_key_that_may_be_read_will_do() -> None:
    here = place(k1=refused("not allowed"), k2=key(SECRET))
    assert prepared(access_to(here, TWICE_GUARDED)).headers["x-api-key"] == SECRET


def test_a_key_and_credentials_are_not_shown() -> None:
    signature = Signature("eu-central-1", lambda: ReadOnlyCredentials("id", SECRET, None))
    client = client_of(place(), GUARDED)
    assert SECRET not in repr([ApiKey(SECRET), signature, client, vars(client)])


def test_a_key_that_may_not_be_read_is_said_to_be_so() -> None:
    with pytest.raises(DeploymentError, match=r"reading the API key of stage dev .* not allowed .*docs/aws\.md"):
        access_to(place(k1=refused("not allowed")), GUARDED)


def test_a_stack_without_a_key_is_to_be_deployed_again() -> None:
    with pytest.raises(DeploymentError, match=r"there is none, and POST /task wants one\. Deploy the stage again"):
        access_to(place(), let_in_by(needs_key=True))


def test_another_way_in_is_refused() -> None:
    with pytest.raises(DeploymentError, match="POST /task wants the authorization CUSTOM, and nobody said") as refusal:
        access_to(place(), let_in_by(authorization="CUSTOM"))
    assert 'headers = { Authorization = "Bearer ${env:TOKEN}" }' in str(refusal.value)


@pytest.mark.parametrize("header", ["Authorization", "X-Token"])
def test_a_token_of_our_own_lets_in_where_claims_decide(header: str) -> None:
    asked = Token(issuer="https://issuer.example/", audience=("tasks", "others"), scopes=("a", "b"), header=header)
    auth = access_to(place(), by_token(asked))
    assert auth is not None
    request = requests.Request("POST", "http://127.0.0.1:1/task", auth=auth).prepare()
    scheme, token = request.headers[header].split()
    assert scheme == "Bearer"
    claims = claims_of(request.headers[header])
    assert (claims["iss"], claims["aud"], claims["scope"]) == ("https://issuer.example/", "tasks", "a b")
    assert token.count(".") == 2
    # What the user states goes before it.
    stated = requests.Request("POST", "http://127.0.0.1:1/task", auth=auth, headers={header: "theirs"}).prepare()
    assert stated.headers[header] == "theirs"
    with pytest.raises(DeploymentError, match="wants the authorization JWT, and nobody said"):
        access_to(place(url=None), by_token(asked))


def by_token(asked: Token) -> Stack:
    stack = let_in_by(authorization="JWT")
    [ingress] = stack.ingresses
    return replace(stack, ingresses=(replace(ingress, submit=replace(ingress.submit, token=asked)),))


def test_headers_that_are_stated_are_what_an_authorizer_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    words = IngressWords(headers={"Authorization": "Bearer ${env:OF_A_TEST}", "Idempotency-Key": "${id}"})
    with pytest.raises(SetupError, match=r"the variable OF_A_TEST is not set.* A gradebook .* begin with GRADED_"):
        client_of(place(), let_in_by(authorization="CUSTOM"), words)
    with pytest.raises(
        SetupError, match=r"GRADED_KEY is not set\. Set it in the environment that taskguard runs in\.$"
    ):
        client_of(place(), let_in_by(), IngressWords(headers={"Key": "${env:GRADED_KEY}"}))
    monkeypatch.setenv("OF_A_TEST", SECRET)
    client = client_of(place(), let_in_by(authorization="CUSTOM"), words)
    assert SECRET not in repr(client)
    assert words.headers_of("t1", {"OF_A_TEST": SECRET}) == {
        "Authorization": f"Bearer {SECRET}",
        "Idempotency-Key": "t1",
    }


@pytest.mark.parametrize("path", ["/{proxy+}", "/queues/{queue}/tasks"])
def test_a_path_with_a_parameter_is_to_be_stated(path: str) -> None:
    [ingress] = STACK.ingresses
    stack = replace(STACK, ingresses=(replace(ingress, submit=replace(ingress.submit, path=path)),))
    with pytest.raises(DiscoveryError, match=r"nobody said what stands for \{(proxy\+|queue)\}") as refusal:
        client_of(place(), stack)
    assert 'route = "POST /tasks"' in str(refusal.value)


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [("POST", "/task", {"json": {"payload": {"name": "Zoë"}}}), ("GET", "/task/a%2Fb%20c", {})],
)
def test_a_signature_is_the_one_that_aws_s_own_library_makes_of_what_is_sent(
    method: str, path: str, options: dict[str, Any]
) -> None:
    request = prepared(access_to(place(), SIGNED), method, path, **options)
    again = AWSRequest(
        method=method,
        url=request.url,
        data=request.body or b"",
        headers={name: value for name, value in request.headers.items() if name == "Content-Type"},
    )
    auth = SigV4Auth(Credentials("test", "test"), "execute-api", "eu-central-1")
    again.context["timestamp"] = request.headers["X-Amz-Date"]
    again.headers["X-Amz-Date"] = request.headers["X-Amz-Date"]
    expected = auth.signature(auth.string_to_sign(again, auth.canonical_request(again)), again)
    assert request.headers["Authorization"].endswith(f"Signature={expected}")
    assert "/eu-central-1/execute-api/aws4_request" in request.headers["Authorization"]


def test_a_request_to_a_functions_url_is_signed_for_lambda() -> None:
    [ingress] = SIGNED.ingresses
    of_url = replace(SIGNED, ingresses=(replace(ingress, api=replace(ingress.api, kind="url")),))
    assert "/eu-central-1/lambda/aws4_request" in prepared(access_to(place(), of_url)).headers["Authorization"]


def test_on_an_engine_the_users_own_credentials_sign_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the-users-own")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert "Credential=test/" in prepared(access_to(place(), SIGNED)).headers["Authorization"]


def test_on_aws_the_users_own_session_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the-users-own")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "for an hour")
    request = prepared(access_to(place(url=None), SIGNED))
    assert "Credential=the-users-own/" in request.headers["Authorization"]
    assert request.headers["X-Amz-Security-Token"] == "for an hour"
    assert SECRET not in str(request.headers)


def test_without_credentials_nothing_can_be_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boto3.session.Session.get_credentials", lambda _: None)
    with pytest.raises(SetupError, match="signing requests to the API: there are no AWS credentials"):
        access_to(place(url=None), SIGNED)
