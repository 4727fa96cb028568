"""What LocalStack does at each request for nobody, left undone.

A task costs the engine about ten requests, most of them to itself. It signs those, though nobody checks; it prepares a line of
log for each, with all that was in it; and it stores what a function logs line by line.
"""

import logging
import random
import threading
import time
import uuid
from contextlib import suppress
from functools import lru_cache
from queue import Empty, Queue
from typing import Any

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.useragent import UserAgentString
from localstack.aws.api import RequestContext
from localstack.aws.connect import connect_to
from localstack.aws.handlers.logging import ResponseLogger
from localstack.http import Response
from localstack.services.lambda_.invocation.logs import LogHandler
from localstack.utils.aws.arns import parse_arn
from localstack.utils.aws.client_types import ServicePrincipal
from moto.core import responses
from moto.logs.models import logs_backends

LOG = logging.getLogger(__name__)

_FAILED = 400
_LINGER_SECONDS = 30.0
"""How long after its last line a function that has been replaced or removed is listened to."""
_log = ResponseLogger._log


class _Named(auth.BaseSigner):
    """Says who asks for what, as a signed request does; the signature itself is none."""

    REQUIRES_REGION = True

    def __init__(self, credentials: Credentials, service_name: str, region_name: str) -> None:
        self._credentials = credentials
        self._scope = f"19700101/{region_name}/{service_name}/aws4_request"

    def add_auth(self, request: AWSRequest) -> None:
        credential = f"{self._credentials.access_key}/{self._scope}"
        request.headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=unsigned"
        )
        if self._credentials.token:
            request.headers["X-Amz-Security-Token"] = self._credentials.token


def _log_failure(self: ResponseLogger, context: RequestContext, response: Response) -> None:
    if response.status_code >= _FAILED:
        _log(self, context, response)


def _deliver_logs(self: LogHandler, *_args: Any, **_kwargs: Any) -> None:
    """What LocalStack's own loop does for one invocation's lines at a time is done for all that are waiting."""
    client = connect_to.with_assumed_role(
        region_name=self.region, role_arn=self.role_arn, service_principal=ServicePrincipal.lambda_
    ).logs
    store = logs_backends[parse_arn(self.role_arn)["account"]][self.region]
    while (waiting := _next_of(self.log_queue, self._shutdown_event)) is not None:
        for (group, stream), lines in waiting.items():
            now = int(time.time() * 1000)
            events = [{"timestamp": now, "message": line + "\n"} for line in lines]
            try:
                if group in store.groups and stream in store.groups[group].streams and not store.filters.metric_filters:
                    # The role was found to be allowed to when the stream was made.
                    store.put_log_events(group, stream, events)
                else:
                    _put(client, {"logGroupName": group, "logStreamName": stream, "logEvents": events})
            except Exception as error:  # whatever becomes of these, the next ones are due
                LOG.warning("Logs of %s were lost: %s", group, error)


def _next_of(queue: "Queue[Any]", stopped: threading.Event) -> dict[tuple[str, str], list[str]] | None:
    """The lines that wait to be delivered, by log group and stream, after having waited for some; none at the end."""
    while True:
        try:
            waiting = [queue.get(timeout=_LINGER_SECONDS)]
            break
        except Empty:
            if stopped.is_set():
                return None
    with suppress(Empty):
        while True:
            waiting.append(queue.get_nowait())
    found: dict[tuple[str, str], list[str]] = {}
    for item in waiting:
        # CloudWatch takes no empty lines.
        found.setdefault((item.log_group, item.log_stream), []).extend(filter(None, item.logs.split("\n")))
    return found


def _stop_in_time(self: LogHandler) -> None:
    """A function that has been replaced or removed may still be at work, and what it logs then counts too."""
    self._shutdown_event.set()


def _put(client: Any, request: dict[str, Any]) -> None:
    try:
        client.put_log_events(**request)
    except client.exceptions.ResourceNotFoundException:
        with suppress(client.exceptions.ResourceAlreadyExistsException):
            client.create_log_group(logGroupName=request["logGroupName"])
        client.create_log_stream(logGroupName=request["logGroupName"], logStreamName=request["logStreamName"])
        client.put_log_events(**request)


def _identifier() -> uuid.UUID:
    """As random as need be here, and without a call to the operating system, at which other threads go first."""
    return uuid.UUID(int=random.getrandbits(128), version=4)


def _leave(*_args: Any, **_kwargs: Any) -> None:
    """Leave a request as it is."""


def practise() -> None:
    """From now on."""
    auth.AUTH_TYPE_MAPS["v4"] = _Named
    # Nobody reads by which library the engine asks itself.
    UserAgentString.rebuild_and_replace_user_agent_handler = _leave  # type: ignore[method-assign]
    uuid.uuid4 = _identifier
    ResponseLogger._log = _log_failure
    LogHandler.run_log_loop = _deliver_logs
    LogHandler.stop = _stop_in_time
    # It looks through a class for the names of its methods.
    responses.method_names_from_class = lru_cache(responses.method_names_from_class)
