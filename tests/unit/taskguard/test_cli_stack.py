"""What `up` prints for a shell works as pasted, whoever the API lets in, and has no key in it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from taskguard.cli.stack import how_to_submit
from taskguard.service.stack import Stack
from taskguard.targets.base import Endpoint

from tests.unit.taskguard.recorder_lines import STACK, let_in_by

ENDPOINT = Endpoint(target="localstack", url="http://127.0.0.1:4566", region="eu-central-1")
VALUE = "the value of k1"


def pasted(tmp_path: Path, stack: Stack = STACK) -> tuple[list[str], str]:
    """What curl is called with, one argument a line, and the lines that were pasted."""
    for name, script in {
        "aws": f'[ "$*" = "--endpoint-url {ENDPOINT.url} --region {ENDPOINT.region} apigateway get-api-key --api-key k1 '
        f'--include-value --query value --output text" ] && [ "$AWS_ACCESS_KEY_ID" = test ] && echo "{VALUE}"',
        "curl": 'for each in "$@"; do echo "$each"; done',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    lines = "\n".join(how_to_submit(ENDPOINT, stack))
    shell = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    called = subprocess.run(["/bin/sh", "-euc", lines], env=shell, capture_output=True, text=True, check=True)
    return called.stdout.splitlines(), lines


ALWAYS = [
    *("-s", "-X", "POST", f"{STACK.api_url}/task"),
    *("-H", "Content-Type: application/json", "-d", '{"payload": {"hello": "world"}}'),
]


def test_an_open_api_is_just_called(tmp_path: Path) -> None:
    assert pasted(tmp_path)[0] == ALWAYS


def test_a_key_is_asked_for_and_sent(tmp_path: Path) -> None:
    called, lines = pasted(tmp_path, let_in_by(key_ids=("k1",), needs_key=True))
    assert called == [*ALWAYS[:4], "-H", f"x-api-key: {VALUE}", *ALWAYS[4:]]
    assert VALUE not in lines


def test_a_request_is_signed_as_a_local_engine_wants_it(tmp_path: Path) -> None:
    called, _ = pasted(tmp_path, let_in_by(authorization="AWS_IAM"))
    assert called == [
        *ALWAYS[:4],
        *("--aws-sigv4", "aws:amz:eu-central-1:execute-api", "--user", "test:test"),
        *ALWAYS[4:],
    ]
