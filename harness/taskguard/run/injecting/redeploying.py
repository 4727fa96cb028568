"""A deploy in the middle of a run: each function of a stack is replaced while it works, by the same code with a file more beside it.

It goes by AWS's own calls, so that it does not matter what the functions are written in, nor who has deployed them how.
"""

from __future__ import annotations

import io
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import requests

from taskguard.errors import DeploymentError
from taskguard.service import function_code
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint

_AT_ONCE = 4
_EARLIEST = (1980, 1, 1, 0, 0, 0)


def deploy_again(endpoint: Endpoint, stack: Stack, seed: str, abandoned: threading.Event | None = None) -> None:
    """Replace each function of the stack; none any more once it is ``abandoned``.

    Raises:
        DeploymentError: the package of one cannot be had, or was not put there.
        ClientError, BotoCoreError: as AWS's calls.
    """
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="deploy-again") as pool:
        work = [pool.submit(_replace, endpoint, each.name, seed, abandoned) for each in stack.functions]
    for each in work:
        each.result()


def _replace(endpoint: Endpoint, name: str, seed: str, abandoned: threading.Event | None) -> None:
    if abandoned is not None and abandoned.is_set():
        return
    told = endpoint.functions().get_function(FunctionName=name)
    location = told["Code"].get("Location")
    if not location:
        raise DeploymentError(f"deploying the function {name} again: it is no archive that can be downloaded.")
    try:
        package = function_code.download(endpoint, location)
        # By its present code, too: whoever deploys it once more replaces it once more.
        mark = sha256(f"{seed} {told['Configuration']['CodeSha256']}".encode()).hexdigest()[:12]
        function_code.update(endpoint, name, ZipFile=with_a_file_more(package, f"deployed-again-{mark}.txt"))
    except (requests.RequestException, zipfile.BadZipFile) as error:
        raise DeploymentError(f"deploying the function {name} again: {error}") from error


def with_a_file_more(package: bytes, name: str) -> bytes:
    """The archive with an empty file of this name.

    Raises:
        zipfile.BadZipFile: it is none.
    """
    written = io.BytesIO(package)
    # To what is no archive one would be appended.
    zipfile.ZipFile(written).close()
    with zipfile.ZipFile(written, "a") as archive:
        archive.writestr(zipfile.ZipInfo(name, _EARLIEST), "")
    return written.getvalue()
