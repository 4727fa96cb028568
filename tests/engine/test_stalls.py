"""An engine that is held up says so, and for how long."""

import signal
import threading
from pathlib import Path

import psutil
import pytest
from taskguard.evidence.recorder.recording import RecordingFile, Stall
from taskguard.support.waiting import wait_for
from taskguard.targets.localstack import LocalStack

from tests.places import PLACES

pytestmark = pytest.mark.heavy


def test_a_stopped_engine_notes_for_how_long_it_was_held_up(tmp_path: Path) -> None:
    with LocalStack(tmp_path, cache=PLACES.cache) as engine:
        endpoint = engine.start()
        process, stopped = psutil.Process(engine.running.pid), threading.Event()
        began_ms = endpoint.clock.now_ms()
        process.send_signal(signal.SIGSTOP)
        stopped.wait(0.5)
        process.send_signal(signal.SIGCONT)
        resumed_ms = endpoint.clock.now_ms()
        assert endpoint.recording is not None
        file = RecordingFile(endpoint.recording)

        def noted() -> Stall | None:
            return next(
                (s for s in file.read().stalls if s.started_at_ms < resumed_ms and s.ended_at_ms > began_ms + 400), None
            )

        stall = wait_for(noted, seconds=10)
    assert stall is not None
    # It had slept for some of the time, as it does when it is not held up.
    assert stall.ended_at_ms - stall.started_at_ms >= 400
    assert stall.ended_at_ms >= resumed_ms - 50
