"""How often a picture is tried, and how long it waits before it is tried again."""

MOST_TRIES = 3
WAIT_SECONDS = 120
