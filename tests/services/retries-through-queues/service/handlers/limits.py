"""Where a picture goes that failed: to the next queue, of which each has a delay of its own, and at last to the dead letters."""

import os

NEXT_QUEUES = [os.environ[name] for name in ("SECOND_QUEUE_URL", "THIRD_QUEUE_URL", "DEAD_QUEUE_URL")]


def next_queue(tries):
    return NEXT_QUEUES[tries - 1]
