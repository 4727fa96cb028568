"""The code of functions that are deployed: as it can be downloaded, and replaced while a function works.

https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html, API_UpdateFunctionCode.html
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests

from taskguard.errors import DeploymentError
from taskguard.targets.base import Endpoint

_TIMEOUT_SECONDS = 30.0
_LOOKS_EVERY_SECONDS = 0.05
_UPDATED_WITHIN_SECONDS = 60.0


def download(endpoint: Endpoint, location: str) -> bytes:
    """What lies at the ``Location`` of a function's code.

    Raises:
        requests.RequestException: it cannot be had.
    """
    with requests.Session() as session:
        if endpoint.url is not None:
            # A local engine may name itself as it is reached from within.
            there, here = urlsplit(location), urlsplit(endpoint.url)
            location = urlunsplit((here.scheme, here.netloc, there.path, there.query, ""))
            session.trust_env = False
        answer = session.get(location, timeout=_TIMEOUT_SECONDS)
        answer.raise_for_status()
        return answer.content


def update(endpoint: Endpoint, name: str, **code: Any) -> None:
    """Let the function have this ``code`` (``S3Bucket`` and ``S3Key``, or ``ZipFile``), and wait until it has.

    Raises:
        DeploymentError: it was not updated in time, or that failed.
        ClientError, BotoCoreError: as AWS's calls.
    """
    endpoint.functions().update_function_code(FunctionName=name, **code)
    wait_until_updated(endpoint, name)


def wait_until_updated(endpoint: Endpoint, name: str) -> None:
    """Wait until the function has the code that it was given last. Raises as :func:`update`."""
    functions, deadline = endpoint.functions(), time.monotonic() + _UPDATED_WITHIN_SECONDS
    while True:
        told = functions.get_function_configuration(FunctionName=name)
        state = told.get("LastUpdateStatus", "Successful")
        if state == "Successful":
            return
        if state == "Failed" or time.monotonic() > deadline:
            why = told.get("LastUpdateStatusReason", "it took too long")
            raise DeploymentError(f"updating the code of the function {name} at {endpoint.place}: {why}.")
        time.sleep(_LOOKS_EVERY_SECONDS)
