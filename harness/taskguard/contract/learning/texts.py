"""In which words a service logs a dead task in plain text: the template that all such lines have in common.

Each fact in a line is known by what it is: the id, the payload as JSON, the number of receives, a time. What is left and differs from
death to death is the error, if it stands in one place. It must not know how logs are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from taskguard.contract.learning.deaths import Death
from taskguard.contract.learning.learnt import Learnt, holds, times
from taskguard.contract.log_text import facts_in, facts_of
from taskguard.support.times import milliseconds

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_ERROR = "${error}"
_END_OF_WORD = re.compile(r"(\$|\$?\{?\w+)$")
_BEGIN_OF_WORD = re.compile(r"^\w+\}?")
_FEWEST_LETTERS = 6
"""So many letters beside the facts tell a line from others."""


def words_of_texts(deaths: Sequence[Death], others: Sequence[str]) -> tuple[Learnt, ...]:
    """What is to be learnt of the lines in plain text that were logged of these deaths, and of none of the ``others``; nothing where no line
    names the task in all of them."""
    told = [death for death in deaths if death.texts]
    of_each = [frozenset(_templates(death)) for death in told]
    if len(of_each) < 2:
        return ()
    fit = frozenset.intersection(*of_each) or frozenset(_with_errors(told, of_each))
    found = sorted(each for each in fit if _tells(each) and not any(facts_in(text, each) for text in others))
    if not found:
        return ()
    evidence = f"a line of each of {times(len(of_each), 'dead task')} reads so, and no other"
    if len(found) == 1:
        return (Learnt(table="log", key="text", value=found[0], evidence=evidence),)
    evidence = "several lines of text tell of a dead task"
    return (Learnt(table="log", key="text", candidates=tuple(found), evidence=evidence),)


def _templates(death: Death) -> Iterator[str]:
    """The lines of a death, with the places of the facts instead of these."""
    for text in death.texts:
        template = _with_payload(text.strip(), death)
        for fact, value in (("task_id", death.task_id), ("message_id", death.message_id)):
            template = re.sub(rf"(?<![\w-]){re.escape(value)}(?![\w-])", f"${{{fact}}}", template, count=1)
        template = _TIME.sub(lambda found: _of_time(found[0], death), template)
        template = re.sub(rf"(?<![\w.-]){death.receives}(?![\w.-])", "${attempts}", template, count=1)
        if death.task_id not in template:
            yield template


def _with_payload(text: str, death: Death) -> str:
    for found in re.finditer(r"[{\[\"]", text):
        try:
            value, length = json.JSONDecoder().raw_decode(text[found.start() :])
        except (ValueError, RecursionError):
            continue
        if death.sent is not None and holds(value, death.sent):
            return text[: found.start()] + "${payload}" + text[found.start() + length :]
    return text


def _of_time(stamp: str, death: Death) -> str:
    at_ms = milliseconds(stamp)
    for fact, (first, last) in (("created_at", death.created), ("failed_at", death.failed)):
        if at_ms is not None and first <= at_ms <= last:
            return f"${{{fact}}}"
    return stamp


def _with_errors(deaths: Sequence[Death], of_each: Sequence[frozenset[str]]) -> Iterator[str]:
    """What one line of each has in common, where they differ in one place: what stands there, with as much around it as an attempt that
    failed by itself had logged of it."""
    lines = [next(iter(each)) for each in of_each if len(each) == 1]
    if len(lines) < len(of_each):
        return
    before = _common(lines)
    after = _common([line[len(before) :][::-1] for line in lines])[::-1]
    # Neither may end within a word, or a fact.
    before, after = _END_OF_WORD.sub("", before), _BEGIN_OF_WORD.sub("", after)
    begins = [0, *(found.end() for found in re.finditer(r"[ (\[\"'=}]", before))]
    reach = after.index("$") if "$" in after else len(after)
    for at in begins:
        for more in range(reach, -1, -1):
            errors = [
                (line[at : len(line) - len(after) + more], death.errors)
                for line, death in zip(lines, deaths, strict=True)
                if death.errors
            ]
            if errors and all(_is_error(text, logged) for text, logged in errors):
                yield f"{before[:at]}{_ERROR}{after[more:]}"
                return


def _is_error(text: str, logged: Sequence[str]) -> bool:
    """Whether an attempt had logged this text; a number by itself may be a part of one."""
    return any(letter.isalpha() for letter in text) and any(text in line for line in logged)


def _common(texts: Sequence[str]) -> str:
    """What they all begin with."""
    shortest, longest = min(texts), max(texts)
    same = (number for number, letter in enumerate(shortest) if letter != longest[number])
    return shortest[: next(same, len(shortest))]


def _tells(template: str) -> bool:
    try:
        facts_of(template)
    except ValueError:
        return False
    return sum(each.isalpha() for each in re.sub(r"\$\{\w*\}", "", template)) >= _FEWEST_LETTERS
