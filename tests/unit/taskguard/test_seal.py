"""The deployed trail is compared with this project's own, in packages that a local web server hands out."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError
from taskguard.evidence.logs.seal import Seals

from tests.places import PROJECT
from tests.unit.taskguard.fake_aws import MONITOR, WORKER, Fakes, Functions, package

OURS = (PROJECT / "handlers" / "trail.py").read_bytes()


@dataclass
class Packages:
    """What the server hands out by path, and what it was asked for."""

    url: str = ""
    found: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def packages() -> Iterator[Packages]:
    offered = Packages()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            offered.asked.append(self.path)
            body = offered.found.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        offered.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield offered
        server.shutdown()
        thread.join()


def broken(packages: Packages, **locations: Any) -> dict[str, str]:
    """Of a function, `processTask`, whose package is found at ``location``."""
    return seals(packages, **locations).broken([WORKER])


def seals(packages: Packages, location: Any = "http://engine.internal:4566/code?version=1") -> Seals:
    return Seals(Fakes(url=packages.url, lambdas=Functions(locations={WORKER: location, MONITOR: location})))


def test_our_own_trail_is_believed_wherever_the_engine_says_that_it_is(packages: Packages) -> None:
    packages.found["/code?version=1"] = package()
    assert broken(packages) == {}
    assert packages.asked == ["/code?version=1"]


@pytest.mark.parametrize("content", [b"", OURS + b"\n", OURS.replace(b"\n", b"\r\n"), OURS[:-1]])
def test_a_trail_that_differs_by_a_byte_is_not_believed(packages: Packages, content: bytes) -> None:
    packages.found["/code?version=1"] = package(trail=content)
    [(function, why)] = broken(packages).items()
    assert function == WORKER
    assert WORKER in why
    assert "another handlers/trail.py" in why


def test_a_package_without_a_trail_is_not_believed(packages: Packages) -> None:
    packages.found["/code?version=1"] = package(trail=None)
    assert "no handlers/trail.py" in broken(packages)[WORKER]


def spoiled(archive: bytes) -> bytes:
    """The archive with another byte in the middle of its first file's content."""
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        info = file.infolist()[-1]
    at = info.header_offset + 30 + len(info.filename) + info.file_size // 2
    return archive[:at] + bytes([archive[at] ^ 1]) + archive[at + 1 :]


@pytest.mark.parametrize("content", [b"", b"no archive", package()[:-30], spoiled(package())])
def test_a_package_that_is_no_whole_archive_cannot_be_read(packages: Packages, content: bytes) -> None:
    packages.found["/code?version=1"] = content
    assert "cannot be read" in broken(packages)[WORKER]


@pytest.mark.parametrize(
    "location",
    [
        None,
        "http://engine.internal/not/there",
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetFunction"),
    ],
    ids=["an image", "nothing there", "not allowed"],
)
def test_a_package_that_cannot_be_had_cannot_be_read(packages: Packages, location: Any) -> None:
    [(function, why)] = broken(packages, location=location).items()
    assert function == WORKER
    assert "its package cannot be read" in why


def test_an_engine_that_is_gone_cannot_be_asked() -> None:
    [why] = Seals(Fakes(url="http://127.0.0.1:1")).broken([WORKER]).values()
    assert "cannot be read" in why


def test_a_package_is_downloaded_once_for_the_functions_that_share_it(packages: Packages) -> None:
    packages.found["/code?version=1"] = package()
    found = seals(packages)
    assert found.broken([WORKER, MONITOR]) == found.broken([WORKER]) == {}
    assert len(packages.asked) == 1


def test_what_could_not_be_read_is_asked_for_again(packages: Packages) -> None:
    found = seals(packages)
    assert found.broken([WORKER])
    packages.found["/code?version=1"] = package()
    assert found.broken([WORKER]) == {}
