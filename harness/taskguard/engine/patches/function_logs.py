"""LocalStack: what a function logs is delivered all that waits at once, and also after the function was replaced.

LocalStack delivers line by line, with a call for each invocation; and it stops listening as soon as a function is replaced or
removed, though that may still be at work.

Needed until LocalStack does both: ``tests/engine/test_updates.py`` fails without it, and ``python -m bench.throughput`` has the time.
"""

import logging
import threading
import time
from contextlib import suppress
from queue import Empty, Queue
from typing import Any

from localstack.aws.connect import connect_to
from localstack.services.lambda_.invocation.logs import LogHandler
from localstack.utils.aws.arns import parse_arn
from localstack.utils.aws.client_types import ServicePrincipal
from moto.logs.models import logs_backends

LOG = logging.getLogger(__name__)

_LINGER_SECONDS = 30.0
"""How long after its last line a function that has been replaced or removed is listened to."""


def apply() -> None:
    LogHandler.run_log_loop = _deliver_logs
    LogHandler.stop = _stop_in_time


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
