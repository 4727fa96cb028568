"""What processes run, also while their program is still being loaded."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import Any

import pytest
from taskguard.engine.functions import descendants
from taskguard.engine.functions.descendants import commands_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")


def test_what_is_running_is_told_and_what_is_gone_is_not() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()  # waits"], stdin=subprocess.PIPE) as process:
        [command] = commands_of([process.pid])
        assert command.endswith("-c input()  # waits")
    assert commands_of([process.pid]) == []


@pytest.mark.parametrize(("empty", "expected"), [(0, "a program"), (3, "a program"), (99, "")])
def test_a_program_that_is_being_loaded_is_waited_for_but_not_for_long(
    monkeypatch: pytest.MonkeyPatch, empty: int, expected: str
) -> None:
    reads = [b""] * empty + [b"a\0program\0"]
    monkeypatch.setattr(descendants, "open", lambda *_: io.BytesIO(reads.pop(0)), raising=False)
    waited: list[Any] = []
    monkeypatch.setattr("time.sleep", waited.append)
    assert commands_of([os.getpid()]) == [expected]
    assert len(waited) == min(empty, 10)
