"""What a report says of a run that broke off. It must not know what was seen of it."""

from __future__ import annotations

from taskguard.history import Manifest


def ended_early_note(manifest: Manifest) -> str:
    """That the run ended early, and why; empty where it did not."""
    if not manifest.ended_early:
        return ""
    why = manifest.ended_early.rstrip(".")
    return f"Warning: the run ended early: {why}. What was seen until then is judged as far as it goes: any event may be missing."
