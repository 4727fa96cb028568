"""Whether the code that leaves the trail is this project's own, byte for byte, as it is deployed.

On AWS nothing but the functions themselves can say what they were handed. What they say is believed because of who says
it: one small module at their edge, which is compared here with the one that this harness was written against.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable

import requests
from botocore.exceptions import BotoCoreError, ClientError

from taskguard.places import DATA
from taskguard.service.function_code import download
from taskguard.targets.base import Endpoint

WITNESS = "handlers/trail.py"


class Seals:
    """The packages of functions at one endpoint; each is looked at once."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._witnesses: dict[str, bytes | None] = {}

    def broken(self, functions: Iterable[str]) -> dict[str, str]:
        """The functions whose trail cannot be believed, and why."""
        return {name: why for name in functions if (why := self._broken(name)) is not None}

    def _broken(self, function: str) -> str | None:
        try:
            found = self._witness(function)
        except (ClientError, BotoCoreError, requests.RequestException, _Unreadable) as error:
            return f"whether the trail of {function} is to be believed: its package cannot be read ({error})"
        if found == (DATA / "trail").read_bytes():
            return None
        state = f"another {WITNESS} than this harness knows" if found is not None else f"no {WITNESS}"
        return f"a trail of {function} to be believed: its package has {state}"

    def _witness(self, function: str) -> bytes | None:
        answer = self._endpoint.functions().get_function(FunctionName=function)
        digest = answer["Configuration"]["CodeSha256"]
        if digest not in self._witnesses:
            location = answer["Code"].get("Location")
            if not location:
                raise _Unreadable("it is no archive that can be downloaded")
            self._witnesses[digest] = _witness_in(download(self._endpoint, location))
        return self._witnesses[digest]


class _Unreadable(Exception):
    """A package that is no readable archive."""


def _witness_in(package: bytes) -> bytes | None:
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            return archive.read(WITNESS) if WITNESS in archive.namelist() else None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise _Unreadable(error) from error
