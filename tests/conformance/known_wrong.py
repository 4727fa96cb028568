"""The behaviours that the engine has wrong, each with the reason. The list is strict: what has become right must be taken off it."""

_POLLER = "LocalStack loads a body for its filters and dumps it again"
_NOT_CHECKED = "LocalStack does not check it"

KNOWN_WRONG = {
    "answer-text-is-not-partial": "LocalStack reads a text as the JSON that it contains",
    "window-gathers": "LocalStack makes a long poll of a window up to 20 s",
    "window-ends": "LocalStack makes a long poll of a window up to 20 s",
    "maximum-concurrency": "the poller has five batches at once, whatever the mapping says",
    "throttled-is-tried-again": "LocalStack waits for the visibility timeout",
    "deleted-mapping": "the poller of a mapping that is deleted goes on for a moment",
    "body-spaces": _POLLER,
    "body-escapes": _POLLER,
    "body-encoded-twice": _POLLER,
    "body-encoded-text": _POLLER,
    "body-large-number": _POLLER,
    "body-long-fraction": _POLLER,
    "body-trailing-zero": _POLLER,
    "body-equal-keys": _POLLER,
    "body-null": _POLLER,
    "body-past-a-filter": _POLLER,
    "deduplication-by-group": "LocalStack remembers one group for each id",
    "receive-attempt-repeated": "LocalStack does not heed the id",
    "fifo-groups-at-once": "the poller has one batch of a FIFO queue at a time",
    "fifo-dead-letter-has-run": "LocalStack skips the other groups of a receive in which one fails",
    "visible-message-not-changed": _NOT_CHECKED,
    "visibility-below-timeout-refused": _NOT_CHECKED,
    "window-301-refused": _NOT_CHECKED,
    "fifo-window-refused": _NOT_CHECKED,
    "concurrency-1001-refused": _NOT_CHECKED,
    "unknown-response-type-refused": _NOT_CHECKED,
    "timeout-901-refused": _NOT_CHECKED,
    "large-payload-refused": _NOT_CHECKED,
}
