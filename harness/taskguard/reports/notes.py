"""What a report says above the grade of a run: whatever has to be known of it to read the grade. It must not know which checks there are."""

from __future__ import annotations

from taskguard.history import History, Manifest
from taskguard.reports.clock import clock_note
from taskguard.reports.ended_early import ended_early_note
from taskguard.reports.engine import account_note, engine_note, stand_in_note, unsupported_note
from taskguard.reports.learnt import learnt_note
from taskguard.reports.set_aside import set_aside_note


def notes_of(manifest: Manifest, history: History) -> tuple[str, ...]:
    """Each as a sentence or several, in the order in which they are shown."""
    notes = (
        ended_early_note(manifest),
        clock_note(manifest),
        engine_note(manifest),
        unsupported_note(manifest),
        set_aside_note(manifest),
        learnt_note(manifest),
        stand_in_note(manifest),
        account_note(history),
    )
    return tuple(note for note in notes if note)
