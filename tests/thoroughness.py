"""How many examples a property is tried on: a few while somebody waits, all of them in CI."""

import os

from hypothesis import settings

THOROUGH = bool(os.environ.get("CI"))
_EVERYDAY = 5
"""What is all there is to be tried in CI is cut by this, while somebody waits."""


def examples(most: int) -> int:
    """How many of at ``most`` so many examples are tried here."""
    return most if THOROUGH else max(5, most // _EVERYDAY)


settings.register_profile("taskguard", max_examples=examples(100))
