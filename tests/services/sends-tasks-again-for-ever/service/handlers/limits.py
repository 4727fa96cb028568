"""How often a picture is tried, and how long it waits before it is tried again."""

# Wrong: no number of tries is this one.
MOST_TRIES = None


def delay_seconds(tries):
    return 4 * tries if tries < 3 else 1
