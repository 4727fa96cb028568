"""What AWS refuses, in the user's words: what was found, and what to do next, in one line.

It knows the SDK's errors and the codes that all AWS services share, and nothing of what was being done.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    InvalidRegionError,
    LoginError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as NoConnection
from botocore.parsers import ResponseParserError

from taskguard.errors import TargetError

HOW_TO_LOG_IN = "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in with `aws sso login`."
SET_THE_CLOCK = "Set this machine's clock (`timedatectl set-ntp true` on Linux) and try again."

_WRONG_CLOCK = "AWS finds this machine's clock too far from its own ({code}). " + SET_THE_CLOCK

# https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html, and the older names that some services still use.
_OF_SERVICES = {
    ("RequestTimeTooSkewed", "RequestInTheFuture", "RequestExpired"): _WRONG_CLOCK,
    (
        "ExpiredToken",
        "ExpiredTokenException",
        "TokenRefreshRequired",
    ): "the login has expired ({code}). Log in again, with `aws sso login` or as you did before.",
    (
        "AuthFailure",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    ): (
        "AWS does not know these credentials ({code}). Check AWS_PROFILE and the AWS_ACCESS_KEY_ID in your environment, "
        "and that the region is enabled for the account."
    ),
    (
        "AccessDenied",
        "AccessDeniedException",
        "NotAuthorized",
        "UnauthorizedOperation",
    ): "{message} ({code}). docs/aws.md lists what the harness must be allowed to do.",
    ("OptInRequired",): "the account has not enabled this region ({code}). Enable it, or name another with --region.",
    (
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    ): (
        "AWS throttled {operation} ({code}), and went on doing so while it was tried again. Wait a minute, or submit "
        "fewer tasks."
    ),
}


def explain(error: ClientError | BotoCoreError) -> str:
    """What was found and what to do, as the end of a sentence that says what was being done."""
    return _of_service(error) if isinstance(error, ClientError) else _of_sdk(error)


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn the SDK's errors into ours: "``doing``: what was found. What to do."

    Raises:
        TargetError: for each of them.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise TargetError(f"{doing}: {explain(error)}") from error


@contextmanager
def by_an_engine(url: str) -> Iterator[None]:
    """Expect that what answers at this address speaks as AWS does.

    Raises:
        TargetError: it does not.
    """
    try:
        yield
    except ClientError as error:
        # An error of AWS has a name, not a mere status.
        code = error.response.get("Error", {}).get("Code", "")
        if code.isdigit():
            raise no_engine(url, f"HTTP {code} to {error.operation_name}") from error
        raise
    except Exception as error:
        if not _is_of_parser(error):
            raise
        raise no_engine(url, one_line(error).partition(", invalid XML")[0]) from error


def no_engine(url: str, why: str) -> TargetError:
    """What to say when something else than an engine answers there."""
    return TargetError(f"what answers at {url} is no AWS engine ({why}). Is there an engine, and is this its address?")


def _is_of_parser(error: Exception) -> bool:
    """Whether the SDK could make nothing of an answer; for much of what is no answer of AWS it has no error of its own."""
    *_, (last, _) = walk_tb(error.__traceback__)
    return isinstance(error, ResponseParserError) or last.f_globals.get("__name__") == "botocore.parsers"


def _of_service(error: ClientError) -> str:
    details = error.response.get("Error", {})
    code, message = details.get("Code", ""), " ".join(details.get("Message", "").split()).rstrip(".")
    words = next((words for codes, words in _OF_SERVICES.items() if code in codes), None)
    if "Signature expired" in message or "Signature not yet current" in message:
        words = _WRONG_CLOCK
    if words is None:
        return f"{one_line(error)}."
    operation = error.operation_name
    return words.format(code=code, operation=operation, message=message or f"{operation} is not allowed")


def _of_sdk(error: BotoCoreError) -> str:
    if isinstance(error, NoCredentialsError):
        return f"there are no AWS credentials. {HOW_TO_LOG_IN}"
    if isinstance(error, PartialCredentialsError):
        return f"the AWS credentials are incomplete ({one_line(error)}). {HOW_TO_LOG_IN}"
    if isinstance(error, (SSOError, TokenRetrievalError, LoginError)):
        return f"the login has ended ({one_line(error)}). Log in again, with `aws sso login` or `aws login`."
    if isinstance(error, (CredentialRetrievalError, ProfileNotFound)):
        return f"{one_line(error)}. Check AWS_PROFILE and ~/.aws/config."
    if isinstance(error, (NoConnection, HTTPClientError, InvalidRegionError)):
        return f"{one_line(error)}. Check the network, and that the region is spelt as AWS does (eu-central-1)."
    return f"{one_line(error)}."


def one_line(error: Exception) -> str:
    """What it says, without its line breaks and its full stop."""
    return " ".join(str(error).split()).rstrip(".")
