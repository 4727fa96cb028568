"""Which field of a document has a task's id: the one that is named or, where none is, one that is called as ids usually are."""

from __future__ import annotations

import re
from collections.abc import Mapping

from taskguard.support.envelopes import value_at

USUAL_IDS = ("taskId", "task_id", "id", "jobId", "job_id", "requestId", "messageId")
_SOME_ID = re.compile(r"[a-z0-9](Id|ID|_id)$")


def id_in(document: object, name: str | None) -> str | None:
    """The task's id, in the field of this name or path; where none was stated, in the first that is usual for it and has a text."""
    if not isinstance(document, Mapping):
        return None
    found = (value_at(document, each) for each in (USUAL_IDS if name is None else (name,)))
    return next((value for value in found if isinstance(value, str) and (value or name)), None)


def answered_id_in(document: object) -> str | None:
    """The id that a service made, where nobody stated its field: in one that is usual or, where there is none, in the only one whose name
    ends as an id's, as `orderId`."""
    if (usual := id_in(document, None)) is not None or not isinstance(document, Mapping):
        return usual
    found = [value for name, value in document.items() if _SOME_ID.search(name) and isinstance(value, str)]
    return found[0] if len(found) == 1 else None
