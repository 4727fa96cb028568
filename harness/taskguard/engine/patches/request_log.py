"""LocalStack: only requests that failed are logged.

It prepares a line of log for each, with all that was in it.

Needed until a task costs the engine no more time without it: ``python -m bench.throughput``.
"""

from localstack.aws.api import RequestContext
from localstack.aws.handlers.logging import ResponseLogger
from localstack.http import Response

_FAILED = 400
_log = ResponseLogger._log


def apply() -> None:
    ResponseLogger._log = _log_failure


def _log_failure(self: ResponseLogger, context: RequestContext, response: Response) -> None:
    if response.status_code >= _FAILED:
        _log(self, context, response)
