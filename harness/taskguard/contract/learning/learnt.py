"""What was learnt of a service's words: each by itself, how it was found and, where it is in doubt, what would fit.

It must not know where any of it was looked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from msgspec.structs import replace

from taskguard.contract.dialect import Dialect
from taskguard.support.json_values import Json, same_json
from taskguard.support.typed import Strict, typed, untyped

Table = Literal["ingress", "message", "record", "log"]

_DEEPEST = 8
_NEEDED: Mapping[Table, tuple[frozenset[str], ...]] = {
    "record": (frozenset({"key", "status", "completed"}),),
    "log": (frozenset({"event", "value"}), frozenset({"text"})),
}
"""Words that are of no use one without the other; of several such groups one will do."""


class Learnt(Strict, frozen=True, kw_only=True):
    """One word: the `key` below the `table` of `taskguard.toml`, and its `value`; none where it is in doubt. Then `candidates` are what
    would fit, and the file's line decides. `evidence` says what was seen, as a clause. It is `inconsistent` where the service itself words one
    thing in several ways. `untold` are the dead tasks of which nothing was said in any words: none of them was, when there are any. `unlike` are those that
    were acknowledged after a failure, in a state in which no task was that succeeded at once."""

    table: Table
    key: str
    value: str | tuple[str, ...] | None = None
    candidates: tuple[str, ...] = ()
    evidence: str
    inconsistent: bool = False
    untold: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where the word stands in `taskguard.toml`, as it is spoken of."""
        return f"[{self.table}] {self.key}"

    @property
    def lines(self) -> tuple[str, ...]:
        """What may be written below the table: the line that says so or, where it is in doubt, each that would decide it."""
        if self.value is not None:
            return (f"{self.key} = {json.dumps(self.value, ensure_ascii=False)}",)
        if self.key in ("completed", "dead"):
            return (f"{self.key} = {json.dumps(self.candidates, ensure_ascii=False)}",) if self.candidates else ()
        return tuple(f"{self.key} = {json.dumps(each, ensure_ascii=False)}" for each in self.candidates)

    @property
    def is_certain(self) -> bool:
        """Whether it is known."""
        return self.value is not None


def with_learnt(dialect: Dialect, learnt: Iterable[Learnt]) -> Dialect:
    """The dialect with what is certain, as if `taskguard.toml` stated it. What the dialect has already stays as it is."""
    tables: dict[Table, dict[str, Any]] = {}
    for each in learnt:
        if each.value is not None:
            tables.setdefault(each.table, {})[each.key] = each.value
    for table, words in tables.items():
        if not any(group <= words.keys() for group in _NEEDED.get(table, (frozenset[str](),))):
            continue
        stated = untyped(getattr(dialect, table)) or {}
        unstated = {key: word for key, word in words.items() if stated.get(key) is None or table == "ingress"}
        unseen = {"dead": ()} if table == "record" else {}
        whole = typed(Dialect, {table: {**unseen, **stated, **unstated}})
        dialect = replace(dialect, **{table: getattr(whole, table)})
    return dialect


def fields_of(document: Json, *, deep: int = _DEEPEST) -> Iterator[tuple[str, Json]]:
    """Each field of a document, also of the documents in it, by its path as `order.id`. What no path can name is left out."""
    if not isinstance(document, Mapping) or not deep:
        return
    for name, value in document.items():
        if name and "." not in name:
            yield name, value
            yield from ((f"{name}.{path}", inner) for path, inner in fields_of(value, deep=deep - 1))


def holds(value: Json, sent: Json) -> bool:
    """Whether a value is what was sent, or what a text that was sent says."""
    if same_json(value, sent, exact=False):
        return True
    if not isinstance(sent, str) or isinstance(value, str):
        return False
    try:
        return same_json(value, json.loads(sent), exact=False)
    except (ValueError, RecursionError):
        return False


def decided(table: Table, key: str, found: Sequence[frozenset[str]], *, what: str, where: str) -> Learnt:
    """The word for ``what``, from the names by which each of them has it, which is a ``where``: certain if it is the same one name in all."""
    every = sorted(frozenset().union(*found))
    in_all = frozenset.intersection(*found) if found else frozenset()
    if len(every) == 1 and in_all:
        return Learnt(table=table, key=key, value=every[0], evidence=f"{what} is there in {_all(found, where)}")
    if not every:
        return Learnt(table=table, key=key, evidence=f"{what} is in no field of {_all(found, where)}")
    if in_all:
        evidence = f"{what} is in several fields of {_all(found, where)}"
        return Learnt(table=table, key=key, candidates=tuple(every), evidence=evidence)
    counts = [(name, sum(name in names for names in found)) for name in every]
    told = ", ".join(f"in {name} of {count}" for name, count in counts)
    return Learnt(
        table=table,
        key=key,
        candidates=tuple(every),
        evidence=f"of {times(len(found), where)} {what} is {told}",
        inconsistent=all(found),
    )


def times(count: int, what: str) -> str:
    """So many of something, as `1 task` and `2 tasks`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _all(found: Sequence[object], where: str) -> str:
    return f"all {len(found)} {where}s" if len(found) > 1 else f"the only {where}"
