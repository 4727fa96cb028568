"""What a report says of the engine of a run. It must not know which checks there are."""

from __future__ import annotations

from taskguard.history import History, Manifest, NotInAccount
from taskguard.history.wording import not_in_account, not_made, stood_in


def unsupported_note(manifest: Manifest) -> str:
    """Which resources of the stack the engine did not make; empty where it made all."""
    if not manifest.unsupported:
        return ""
    return f"Warning: {not_made(manifest.unsupported)}. What fails, and may fail for the want of them, is unknown."


def stand_in_note(manifest: Manifest) -> str:
    """Which functions ran on another version than their runtime has; empty where none did."""
    if not manifest.stand_ins:
        return ""
    return f"Warning: {stood_in(manifest.stand_ins)}. What fails because they cannot be loaded is unknown. Install that version to have it judged."


def account_note(history: History) -> str:
    """What functions asked the engine's account for in vain; empty where they had all."""
    asked = history.of_kind(NotInAccount)
    return f"Warning: {not_in_account(asked)}. What fails is unknown." if asked else ""


def engine_note(manifest: Manifest) -> str:
    """What the engine has wrong of what the service uses, and which checks can tell nothing by that; empty where nothing is."""
    behaviours: dict[str, list[str]] = {}
    for limit in manifest.engine_limits:
        behaviours.setdefault(limit.uses, []).append(limit.behaviour)
    if not behaviours:
        return ""
    uses = "; ".join(f"{uses} ({', '.join(names)})" for uses, names in behaviours.items())
    checks = ", ".join(dict.fromkeys(check for limit in manifest.engine_limits for check in limit.checks))
    return f"Warning: this engine does not do as AWS documents in what the service uses: {uses}. What hangs on that is unknown: {checks}."
