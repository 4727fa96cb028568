"""AWS as a target: reached, refused or rehearsed; its SDK's answers are made up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from taskguard.errors import TargetError
from taskguard.targets import aws
from taskguard.targets.aws import Aws, AwsInstance, rehearsal_url
from taskguard.targets.names import TargetName
from taskguard.targets.registry import TargetOptions, instance_from_json, make

REGION = "eu-central-1"


@pytest.fixture(autouse=True)
def user(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """A user with credentials, and no other settings."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "no-such-file"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # However long it takes to answer here, a second's turn is not waited for.
    monkeypatch.setattr("taskguard.targets.aws_clock.FAR_ENOUGH_APART_SECONDS", 0.0)


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Stubber], object]], None]:
    """Makes every client answer as ``prepare`` tells its stub."""
    make_client = boto3.session.Session.client

    def answer(prepare: Callable[[Stubber], object]) -> None:
        def client(self: boto3.session.Session, *args: Any, **options: Any) -> Any:
            made: Any = make_client(self, *args, **options)
            stubber = Stubber(made)
            prepare(stubber)
            stubber.activate()
            return made

        monkeypatch.setattr(boto3.session.Session, "client", client)

    return answer


def identity(ahead: timedelta) -> Callable[[Stubber], object]:
    """Who is asking, from a server whose clock is so far ahead."""

    def prepare(stubber: Stubber) -> None:
        date = format_datetime(datetime.now(UTC) + ahead, usegmt=True)
        answer = {"Account": "123456789012", "ResponseMetadata": {"HTTPHeaders": {"date": date}}}
        stubber.add_response("get_caller_identity", answer)

    return prepare


def test_aws_is_reached_with_the_user_s_own_settings(answering: Callable[[object], None]) -> None:
    answering(identity(timedelta()))
    with Aws(REGION) as target:
        endpoint = target.start()
        assert (endpoint.target, endpoint.url, endpoint.region) == ("aws", None, REGION)
        assert target.running == AwsInstance(REGION)
        target.leave_running()
    assert target.running.is_running()
    assert not target.running.takes_stacks_along


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ExpiredToken", "the login has expired"),
        ("InvalidClientTokenId", "does not know these credentials"),
        ("AccessDenied", "docs/aws.md"),
        ("Throttling", "throttled GetCallerIdentity"),
        ("OptInRequired", "not enabled this region"),
    ],
)
def test_what_aws_refuses_is_said_in_a_line(answering: Callable[[object], None], code: str, said: str) -> None:
    answering(lambda stubber: stubber.add_client_error("get_caller_identity", code))
    with pytest.raises(TargetError, match=f"^reaching AWS in {REGION}: .*{said}") as refused:
        Aws(REGION).start()
    assert "\n" not in str(refused.value)


def test_a_user_without_credentials_is_told_how_to_get_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(TargetError, match=r"there are no AWS credentials\. Set AWS_PROFILE"):
        Aws(REGION).start()


def test_a_profile_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody-s")
    with pytest.raises(TargetError, match="nobody-s"):
        Aws(REGION).start()


@pytest.mark.parametrize(("seconds", "how"), [(30, "behind"), (-30, "ahead of")])
def test_a_clock_that_is_wrong_is_refused(answering: Callable[[object], None], seconds: int, how: str) -> None:
    answering(identity(timedelta(seconds=seconds)))
    with pytest.raises(TargetError, match=rf"this machine's clock is (29|30)\.\d s {how} .*timedatectl"):
        Aws(REGION).start()


def test_a_clock_that_cannot_be_compared_is_refused(answering: Callable[[object], None]) -> None:
    answer: dict[str, Any] = {"ResponseMetadata": {"HTTPHeaders": {}}}
    answering(lambda stubber: stubber.add_response("get_caller_identity", answer))
    with pytest.raises(TargetError, match="clock could not be compared"):
        Aws(REGION).start()


def test_aws_is_not_known_before_it_was_reached() -> None:
    with pytest.raises(TargetError, match="has not been reached"):
        _ = Aws(REGION).running


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566/", "http://127.0.0.1:4566"),
        ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:4566", "http://127.0.0.1:4566"),
        ("AWS_ENDPOINT_URL", "https://vpce-1.sts.eu-central-1.vpce.amazonaws.com", None),
        ("AWS_REGION", "eu-west-1", None),
    ],
)
def test_calls_that_are_sent_elsewhere_make_a_rehearsal(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str | None
) -> None:
    monkeypatch.setenv(name, value)
    assert rehearsal_url(REGION) == expected


@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1", "cn-north-1", "us-gov-west-1", "ap-south-9"])
def test_aws_s_own_addresses_are_no_rehearsal(region: str) -> None:
    assert rehearsal_url(region) is None


def test_an_address_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "not an address")
    with pytest.raises(TargetError, match="AWS_ENDPOINT_URL: Invalid endpoint: not an address"):
        Aws(REGION).start()


def test_a_rehearsal_where_nothing_answers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(TargetError, match=r"127\.0\.0\.1:9"):
        Aws(REGION).start()


def test_a_rehearsal_is_called_one_and_never_gets_the_user_s_credentials() -> None:
    endpoint = AwsInstance(REGION, "http://127.0.0.1:4566", "/apis/{api_id}/{stage}").endpoint()
    assert endpoint.target == "aws (at http://127.0.0.1:4566)"
    assert endpoint.api_url("a", "dev") == "http://127.0.0.1:4566/apis/a/dev"
    sent = endpoint.sqs()._request_signer._credentials  # type: ignore[attr-defined]
    assert sent.access_key == "test"
    assert "AKIAEXAMPLE" not in endpoint.environment().values()


def test_another_process_finds_it_again(tmp_path: Any) -> None:
    for instance in (AwsInstance(REGION), AwsInstance(REGION, "http://127.0.0.1:4566", "/x")):
        assert instance_from_json(instance.to_json()) == instance
    assert isinstance(make(TargetName.AWS, TargetOptions(folder=tmp_path, cache=tmp_path)), Aws)
    assert aws.AwsInstance.kind == TargetName.AWS
