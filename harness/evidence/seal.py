"""Whether the code that leaves the trail is this project's own, byte for byte, as it is deployed.

On AWS nothing but the functions themselves can say what they were handed. What they say is believed because of who says
it: one small module at their edge, which is compared here with the one that this harness was written against.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit, urlunsplit

import requests
from botocore.exceptions import BotoCoreError, ClientError

from harness.paths import PROJECT
from harness.targets.base import Endpoint

WITNESS = "handlers/trail.py"
_TIMEOUT_SECONDS = 30.0


class Seals:
    """The packages of functions at one endpoint; each is looked at once."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._witnesses: dict[str, bytes | None] = {}

    def broken(self, functions: Iterable[str]) -> Iterator[str]:
        """Why the trail of these functions cannot be believed; nothing when it can."""
        expected = (PROJECT / WITNESS).read_bytes()
        for function in functions:
            try:
                found = self._witness(function)
            except (ClientError, BotoCoreError, requests.RequestException, zipfile.BadZipFile) as error:
                yield f"whether the trail of {function} is to be believed: its package cannot be read ({error})"
                continue
            if found != expected:
                state = "another" if found is not None else "no"
                yield f"a trail of {function} to be believed: its package has {state} {WITNESS} than this harness knows"

    def _witness(self, function: str) -> bytes | None:
        answer = self._endpoint.functions().get_function(FunctionName=function)
        digest = answer["Configuration"]["CodeSha256"]
        if digest not in self._witnesses:
            with zipfile.ZipFile(io.BytesIO(self._download(answer["Code"]["Location"]))) as package:
                self._witnesses[digest] = package.read(WITNESS) if WITNESS in package.namelist() else None
        return self._witnesses[digest]

    def _download(self, location: str) -> bytes:
        with requests.Session() as session:
            if self._endpoint.url is not None:
                # A local engine may name itself as it is reached from within.
                there, here = urlsplit(location), urlsplit(self._endpoint.url)
                location = urlunsplit((here.scheme, here.netloc, there.path, there.query, ""))
                session.trust_env = False
            answer = session.get(location, timeout=_TIMEOUT_SECONDS)
            answer.raise_for_status()
            return answer.content
