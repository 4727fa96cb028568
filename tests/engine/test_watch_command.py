"""`taskguard watch`: a handler that is edited gets its verdict on the engine that is up, and nothing is left when it ends."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from uuid import uuid4

import psutil
import pytest
from taskguard.service.files import OUR_FILES
from taskguard.support.waiting import wait_for

from tests.engine.conftest import HEEDING_INTERRUPTS
from tests.places import PROJECT

pytestmark = [pytest.mark.heavy, pytest.mark.in_process]

TASKGUARD = Path(sys.executable).with_name("taskguard")
WITHIN_SECONDS = 180


def test_an_edited_handler_gets_its_verdict_on_the_engine_that_is_up(tmp_path: Path) -> None:
    for name in (*OUR_FILES, "taskguard.toml"):
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copyfile
        copy(PROJECT / name, tmp_path / name)
    template = tmp_path / "serverless.yml"
    # So the CLI packages it in the first run, whatever was packaged before.
    template.write_text(f"{template.read_text()}# {uuid4()}\n")
    said: list[str] = []
    options = ("--tasks", "5", "--seed", "42", "--no-sandbox")
    command = [*HEEDING_INTERRUPTS, str(TASKGUARD), "watch", str(tmp_path), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as watching:
        assert watching.stdout is not None
        reader = threading.Thread(target=said.extend, args=(watching.stdout,))
        reader.start()

        def is_said(text: str, since: int = 0) -> None:
            wait_for(
                lambda: any(text in line for line in said[since:]) or watching.poll() is not None,
                seconds=WITHIN_SECONDS,
            )
            assert any(text in line for line in said[since:]), "".join(said)

        try:
            is_said("; after ")
            started = psutil.Process(watching.pid).children(recursive=True)
            # Twice as long as the contract wants it; and a mistake that Python itself refuses.
            backoff = tmp_path / "handlers" / "backoff.py"
            right = backoff.read_text()
            before = len(said)
            backoff.write_text(right.replace("delay = self.base_seconds", "delay = 2 * self.base_seconds"))
            is_said("; after ", before)
            is_said("handlers changed", before)
            is_said("fails already: backoff  task ", before)
            early = next(line for line in said[before:] if line.startswith("fails already: backoff"))
            assert early.endswith("asked for 10 s, expected 5 s\n")
            is_said("fail backoff: ", before)
            # It came before the verdict, which was not there without it.
            assert said.index(early) < next(n for n, line in enumerate(said) if line.startswith("fail backoff: "))
            is_said("changed from pass to fail: backoff", before)
            is_said("Nothing but code changed", before)
            logs = [*(tmp_path / ".taskguard" / "watch").glob("**/deploy.log")]
            assert len(logs) == 1, "the CLI was called for the second run"
            before = len(said)
            template.write_text("service: [\n" + template.read_text())
            is_said("Waiting for the next change.", before)
        finally:
            watching.send_signal(signal.SIGINT)
            assert watching.wait(60) == 130
            reader.join()
    _, alive = psutil.wait_procs(started, timeout=20)
    assert not alive
