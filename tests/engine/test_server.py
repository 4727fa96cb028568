"""The engine's web server hands LocalStack what was sent: long and chunked bodies, quoted paths, many requests at once."""

import http.client
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from taskguard.targets.base import Endpoint

MEGABYTE = 1_000_000
CREDENTIAL = (
    "AWS4-HMAC-SHA256 Credential=test/20250101/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=none"
)
KEYS = ["plain", "a/b", "a%2Fb", "a b+c", "Straße/%C3", "question?mark=&hash#"]


@pytest.fixture
def s3(endpoint: Endpoint) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint.url,
        region_name=endpoint.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106  # pragma: allowlist secret
        config=Config(s3={"addressing_style": "path"}),
    )


@pytest.fixture
def bucket(s3: Any, endpoint: Endpoint) -> Iterator[str]:
    name = f"server-{uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": endpoint.region})
    yield name
    for item in s3.list_objects_v2(Bucket=name).get("Contents", []):
        s3.delete_object(Bucket=name, Key=item["Key"])
    s3.delete_bucket(Bucket=name)


@pytest.mark.parametrize("key", KEYS)
def test_a_path_arrives_as_it_was_sent(s3: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()


def test_a_long_body_arrives_whole(s3: Any, bucket: str) -> None:
    body = bytes(range(250)) * (8 * MEGABYTE // 250)
    s3.put_object(Bucket=bucket, Key="long", Body=body)
    assert s3.get_object(Bucket=bucket, Key="long")["Body"].read() == body


def test_a_body_in_chunks_arrives_whole(endpoint: Endpoint, s3: Any, bucket: str) -> None:
    chunks = [b"x" * size for size in (1, 70_000, 3, 200_000)]
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(endpoint.url).port, timeout=30)
    connection.request(
        "PUT", f"/{bucket}/{quote('in chunks')}", iter(chunks), {"Authorization": CREDENTIAL}, encode_chunked=True
    )
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    connection.close()
    assert s3.get_object(Bucket=bucket, Key="in chunks")["Body"].read() == b"".join(chunks)


@pytest.mark.parametrize("trailer", [b"", b"x-checksum: 1\r\n"])
def test_a_request_after_one_in_chunks_is_answered(endpoint: Endpoint, trailer: bytes) -> None:
    # Whoever answers it does not read its body.
    in_chunks = b"GET /_localstack/health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    in_chunks += b"3\r\nabc\r\n0\r\n" + trailer + b"\r\n"
    last = b"GET /_localstack/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with connected(endpoint) as connection:
        connection.sendall(in_chunks + last)
        with connection.makefile("rb") as answers:
            assert answers.read().count(b"HTTP/1.1 200") == 2


def test_clients_that_are_silent_keep_nobody_waiting(endpoint: Endpoint, bucket: str) -> None:
    put = f"PUT /{bucket}/silent HTTP/1.1\r\nHost: localhost\r\nAuthorization: {CREDENTIAL}\r\n"
    put += "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
    with ExitStack() as silent:
        # More than the server has threads; the one half has asked nothing yet.
        for _ in range(220):
            silent.enter_context(connected(endpoint))
        for _ in range(220):
            connection = silent.enter_context(connected(endpoint))
            connection.sendall(put.encode())
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
        with connected(endpoint) as other:
            other.sendall(b"GET /_localstack/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert other.recv(65_536).startswith(b"HTTP/1.1 200")


def connected(endpoint: Endpoint) -> socket.socket:
    return socket.create_connection(("127.0.0.1", urlsplit(endpoint.url).port or 0), timeout=30)


def test_a_connection_is_kept_and_many_are_served_at_once(endpoint: Endpoint) -> None:
    def ask_twice(_: int) -> list[int]:
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(endpoint.url).port, timeout=30)
        statuses = []
        for _ in range(2):
            connection.request("GET", "/_localstack/health")
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
            # None, had the server closed it.
            assert connection.sock is not None
        connection.close()
        return statuses

    with ThreadPoolExecutor(60) as pool:
        assert list(pool.map(ask_twice, range(60))) == [[200, 200]] * 60


def test_requests_that_come_in_one_piece_are_all_answered(endpoint: Endpoint) -> None:
    request = b"GET /_localstack/health HTTP/1.1\r\nHost: localhost\r\n"
    with connected(endpoint) as connection:
        connection.sendall(request + b"\r\n" + request + b"Connection: close\r\n\r\n")
        with connection.makefile("rb") as answers:
            assert answers.read().count(b"HTTP/1.1 200") == 2


def test_a_short_answer_comes_in_one_piece(endpoint: Endpoint) -> None:
    request = b"GET /_localstack/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with connected(endpoint) as connection:
        connection.sendall(request)
        head, _, body = connection.recv(65_536).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert body.startswith(b"{")


def test_an_answer_without_a_body_comes_at_once_on_a_connection_that_is_kept(endpoint: Endpoint) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(endpoint.url).port, timeout=30)
    for _ in range(2):
        connection.request("HEAD", "/_localstack/health")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
    connection.close()
