"""What the session's engine has recorded up to now."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from taskguard.evidence.recorder.recording import Recording, RecordingFile
from taskguard.targets.base import Endpoint

# It grows with each test, and is looked into again and again: each look goes on where the last one ended.
_file = cache(RecordingFile)


def recorded(endpoint: Endpoint) -> Recording:
    """All that the engine has recorded; the same object each time, further filled."""
    assert endpoint.recording is not None
    return _file(Path(endpoint.recording)).read()
