"""What the engine writes down, when something cannot be written."""

import errno
from pathlib import Path

import pytest
from taskguard.engine.recorder.flight_recorder import FlightRecorder


# Its file is open for as long as the engine is there.
@pytest.mark.filterwarnings("ignore:Exception ignored:pytest.PytestUnraisableExceptionWarning")
def test_it_goes_on_when_something_else_could_not_be_kept_and_tells_the_first_reason(tmp_path: Path) -> None:
    file = tmp_path / "recording"
    recorder = FlightRecorder(str(file))
    recorder.write("before")
    recorder.lost(OSError(errno.ENOSPC, "No space left on device"), "the stream of the table tasks")
    recorder.lost(OSError(errno.EFBIG, "File too large"), "the stream of another")
    recorder.write("after")
    assert file.read_text().splitlines() == ['{"kind":"before"}', '{"kind":"after"}']
    assert str(recorder.failure) == "[Errno 28] No space left on device: 'the stream of the table tasks'"
