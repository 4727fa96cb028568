"""What became of the probes that were tasks, in words: no number of a grade counts them.

It must not know what they were for.
"""

from __future__ import annotations

from collections import Counter

from taskguard.history.wording import times
from taskguard.judging.grading import Grade


def chosen_in_words(grade: Grade) -> str:
    """Return a sentence without its full stop, or nothing when there are none."""
    if not grade.chosen:
        return ""
    ends = Counter(fate.end for fate in grade.chosen)
    told = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
    return f"{times(len(grade.chosen), 'probe')} beside them, in none of the numbers: {told}"
