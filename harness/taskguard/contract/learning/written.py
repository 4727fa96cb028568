"""A `taskguard.toml` from what was learnt: all of it comments, since what is certain is learnt anew in each run.

What is certain stands there with its evidence; of what is in doubt each line that would decide it. It must not know how anything
was learnt.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from taskguard.contract.learning.learnt import Learnt, Table, times

_TABLES: tuple[Table, ...] = ("ingress", "message", "record", "log")
_HEAD = """\
# What `taskguard init` found out about this service, from tasks that it handed in. All of it is a comment: what is certain is learnt anew in
# each run, and what is in doubt is not judged. To state a line, take away its # and that of the table above it. Each run then
# goes by it. docs/contract.md has all keys.

# contract = "as-deployed"
"""


def file_of(learnt: Iterable[Learnt], accepted: Mapping[int, int]) -> str:
    """The text of the file; ``accepted`` counts the tasks that were taken by the status of the answer, where there was an API."""
    found = list(learnt)
    parts = [_HEAD, *(part for table in _TABLES if (part := "".join(_table(table, found, accepted))))]
    return "\n".join(parts)


def _table(table: Table, learnt: Iterable[Learnt], accepted: Mapping[int, int]) -> Iterator[str]:
    of_it = [each for each in learnt if each.table == table]
    of_answers = accepted if table == "ingress" else {}
    if not of_it and not of_answers:
        return
    yield f"# [{table}]\n"
    if of_answers:
        told = " and ".join(f"{times(count, 'task')} with {status}" for status, count in sorted(of_answers.items()))
        yield f"# accepted = {json.dumps(sorted(of_answers))}  # taken were {told}; any 2xx is fine without this line\n"
    for each in of_it:
        if each.is_certain:
            yield from (f"# {line}  # {each.evidence}\n" for line in each.lines)
    for each in of_it:
        if not each.is_certain and each.lines:
            yield from _in_doubt(each)
    if missing := [each for each in of_it if not each.is_certain and not each.lines]:
        yield f"# Not found: {', '.join(each.key for each in missing)}. Of these a line can be stated.\n"


def _in_doubt(learnt: Learnt) -> Iterator[str]:
    what = "The service's own words differ" if learnt.inconsistent else "In doubt"
    choose = ". One of:" if len(learnt.lines) > 1 else ". If it is so:"
    yield f"# {what}: {learnt.key}: {learnt.evidence}{choose}\n"
    yield from (f"# {line}\n" for line in learnt.lines)
