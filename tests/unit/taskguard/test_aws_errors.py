"""What AWS and its SDK refuse, in a line that says what to do."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    InvalidRegionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSOTokenLoadError,
    UnauthorizedSSOTokenError,
)
from taskguard.errors import TargetError
from taskguard.targets.aws_errors import explain, explained


def refusal(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "FilterLogEvents")


@pytest.mark.parametrize(
    ("error", "found", "to_do"),
    [
        (refusal("ExpiredToken"), "has expired", "aws sso login"),
        (refusal("ExpiredTokenException"), "has expired", "aws sso login"),
        (refusal("InvalidClientTokenId"), "does not know these credentials", "AWS_PROFILE"),
        (refusal("SignatureDoesNotMatch"), "does not know these credentials", "AWS_PROFILE"),
        (refusal("SignatureDoesNotMatch", "Signature expired: 2026…"), "clock", "timedatectl"),
        (refusal("RequestTimeTooSkewed"), "clock", "timedatectl"),
        (
            refusal("AccessDeniedException", "User x may not\nlogs:FilterLogEvents."),
            "logs:FilterLogEvents",
            "docs/aws.md",
        ),
        (refusal("AccessDenied"), "FilterLogEvents is not allowed", "docs/aws.md"),
        (refusal("OptInRequired"), "not enabled this region", "--region"),
        (refusal("ThrottlingException"), "throttled FilterLogEvents", "Wait a minute"),
        (refusal("ProvisionedThroughputExceededException"), "throttled FilterLogEvents", "fewer tasks"),
        (refusal("Odd", "something\nelse"), "something else", ""),
        (NoCredentialsError(), "no AWS credentials", "AWS_PROFILE"),
        (PartialCredentialsError(provider="env", cred_var="aws_secret_access_key"), "incomplete", "AWS_PROFILE"),
        (ProfileNotFound(profile="nobody"), "nobody", "~/.aws/config"),
        (SSOTokenLoadError(profile_name="p", error_msg="gone"), "login has ended", "aws sso login"),
        (UnauthorizedSSOTokenError(), "login has ended", "aws sso login"),
        (EndpointConnectionError(endpoint_url="https://sts.eu-moon-1.amazonaws.com"), "eu-moon-1", "region"),
        (ConnectTimeoutError(endpoint_url="https://sts"), "https://sts", "network"),
        (ReadTimeoutError(endpoint_url="https://sts"), "https://sts", "network"),
        (InvalidRegionError(region_name="a b"), "a b", "region"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_it_says_in_a_line_what_was_found_and_what_to_do(
    error: ClientError | BotoCoreError, found: str, to_do: str
) -> None:
    text = explain(error)
    assert found in text
    assert to_do in text
    assert "\n" not in text
    assert text.endswith(".")
    assert ".." not in text


def test_what_was_being_done_comes_first() -> None:
    with pytest.raises(TargetError, match=r"^reading the stack: there are no AWS credentials\. Set"):  # noqa: SIM117
        with explained("reading the stack"):
            raise NoCredentialsError


def test_other_errors_pass() -> None:
    with pytest.raises(ValueError, match="ours"):  # noqa: SIM117
        with explained("reading the stack"):
            raise ValueError("ours")
