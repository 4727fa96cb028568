"""How often a picture is tried."""

MOST_TRIES = 3
