"""The history of a run: typed events on one clock, the only hand-over between running and judging.

`events` is the vocabulary, `file` the ordered container and its file, `attempts` joins deliveries with their outcomes,
`manifest` says what was run, `digests` whether a file was edited. Nothing here knows who gathers events or what is expected of them.
"""

from taskguard.history.attempts import Attempt, Chain
from taskguard.history.events import (
    EVENT_KINDS,
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    ConfigurationObserved,
    ConsumerSettings,
    ConsumersOff,
    DeadLettered,
    DeadLetterLogged,
    Delivered,
    Event,
    EvidenceMissing,
    FaultInjected,
    HeldUp,
    Permission,
    QueueDepth,
    QueueSettings,
    RecordChanged,
    RecordedAttempt,
    RecordObserved,
    Redriven,
    RunEnded,
    TaskSubmitted,
)
from taskguard.history.file import History
from taskguard.history.manifest import FORMAT_VERSION, HISTORY_FILE, MANIFEST_FILE, Manifest, SavedRun, edited_files

__all__ = [
    "EVENT_KINDS",
    "FORMAT_VERSION",
    "HISTORY_FILE",
    "MANIFEST_FILE",
    "Attempt",
    "AttemptFailed",
    "AttemptSucceeded",
    "BackoffRequested",
    "Chain",
    "ConfigurationObserved",
    "ConsumerSettings",
    "ConsumersOff",
    "DeadLetterLogged",
    "DeadLettered",
    "Delivered",
    "Event",
    "EvidenceMissing",
    "FaultInjected",
    "HeldUp",
    "History",
    "Manifest",
    "Permission",
    "QueueDepth",
    "QueueSettings",
    "RecordChanged",
    "RecordObserved",
    "RecordedAttempt",
    "Redriven",
    "RunEnded",
    "SavedRun",
    "TaskSubmitted",
    "edited_files",
]
