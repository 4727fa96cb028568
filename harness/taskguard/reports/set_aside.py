"""What a report says of how the service of a run was deployed. It must not know what deployed it."""

from __future__ import annotations

from taskguard.history import Manifest
from taskguard.history.wording import deployed_otherwise


def set_aside_note(manifest: Manifest) -> str:
    """What was not deployed as the service has it; empty where all was."""
    return f"{deployed_otherwise(manifest.set_aside)}." if manifest.set_aside else ""
