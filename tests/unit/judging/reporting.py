"""Runs to report on: a right one, a broken one, one that speaks in hostile text, a large one; and a reader of pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
from taskguard.contract.terms import Terms
from taskguard.history import (
    AttemptFailed,
    AttemptSucceeded,
    BackoffRequested,
    DeadLettered,
    DeadLetterLogged,
    Delivered,
    Event,
    History,
    Manifest,
    RecordObserved,
    RunEnded,
    TaskSubmitted,
)
from taskguard.judging.grading import Grade, TaskFate, grade
from taskguard.judging.verdict import Finding, Outcome, Verdict
from taskguard.reports.html.page import Page, page_of

from tests.terms import four_values
from tests.unit.judging.batches import whole
from tests.unit.judging.building import (
    DEAD,
    EXPECTED,
    FIRST_TRY,
    SECOND_TRY,
    THIRD_TRY,
)

FATES = (FIRST_TRY, FIRST_TRY, SECOND_TRY, FIRST_TRY, THIRD_TRY, DEAD, SECOND_TRY, SECOND_TRY, *[FIRST_TRY] * 8)
REPEAT = "taskguard grade --tasks 16 --seed 'a seed'"
HOSTILE = (
    "</script></style><script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;\x1b[31m\x00\u202egnp\ud800\u2066"
)


def good() -> list[Event]:
    return whole(*FATES)


def broken() -> list[Event]:
    """Task 2 came back after 1 s; task 4 waited 5 and 5 s; task 5 was late in the dead-letter queue; task 6 was lost; the
    record of task 7 is wrong."""
    events = good()
    ids = [event.task_id for event in events if isinstance(event, TaskSubmitted)]
    return [changed for event in events if (changed := _break(event, ids)) is not None]


def _break(event: Event, ids: list[str | None]) -> Event | None:
    task_id = getattr(event, "task_id", None)
    number = ids.index(task_id) if task_id in ids else -1
    receive = getattr(event, "receive_count", 0)
    changes: dict[str, Any] = {}
    match number, event:
        case 2, BackoffRequested():
            changes = {"delay_seconds": 1.0}
        case (2, _) if receive == 2:
            changes = {"at_ms": event.at_ms - 4000}
        case 4, BackoffRequested():
            changes = {"delay_seconds": 5.0}
        case (4, _) if receive == 3:
            changes = {"at_ms": event.at_ms - 5000}
        case 5, DeadLettered() | DeadLetterLogged():
            changes = {"at_ms": event.at_ms + 3300}
        case (6, _) if receive == 2:
            return None
        case 7, RecordObserved():
            changes = {"status": "PROCESSING"}
    return msgspec.structs.replace(event, **changes)


def hostile() -> list[Event]:
    """A broken run in which all that a pipeline and its clients can choose is meant to harm."""
    return [_spoil(event) for event in broken()]


def _spoil(event: Event) -> Event:
    changes: dict[str, Any] = {}
    for name in ("task_id", "message_id", "delivery_id", "status"):
        value = getattr(event, name, None)
        if isinstance(value, str):
            # A seed's draws cannot be made for an id that is no text.
            changes[name] = value + HOSTILE.replace("\ud800", "")
    if hasattr(event, "payload"):
        changes["payload"] = {HOSTILE: [HOSTILE * 1000]}
    if isinstance(event, AttemptFailed):
        changes["reason"] = HOSTILE * 1000
    if isinstance(event, DeadLetterLogged):
        changes["fields"] = {HOSTILE: HOSTILE}
    return msgspec.structs.replace(event, **changes)


def manifest_of(terms: Terms = EXPECTED, **changes: Any) -> Manifest:
    manifest = Manifest(
        taskguard_version="0.1.0",
        created_at="2023-11-14T22:14:00.000+00:00",
        tasks=len(FATES),
        target="localstack",
        stage="dev",
        region="eu-central-1",
        **four_values(terms),
        settings={"TaskGuard-dev-processTask": {"BACKOFF_BASE_SECONDS": "5", "FAILURE_RATE": "0.3"}},
        versions={"python": "3.13.1", "localstack": "4.13.1"},
        digests={"handlers": "0123456789abcdef" * 4},
        repeat=REPEAT,
    )
    return msgspec.structs.replace(manifest, **changes)


def graded(events: list[Event], terms: Terms = EXPECTED) -> tuple[Grade, History]:
    history = History(events)
    return grade(history, terms), history


def page(events: list[Event], terms: Terms = EXPECTED, **changes: Any) -> Page:
    return page_of(*graded(events, terms), manifest_of(terms, **changes))


def many(count: int, text: str = "") -> tuple[Grade, History]:
    """A run of many tasks that were retried, with 15 failed verdicts, two of which name each task, in `text`."""
    events: list[Event] = [RunEnded(at_ms=2e9, deadline_reached=False)]
    for number in range(count):
        task_id, at = f"{number:06}{text}", 1e9 + number
        of: dict[str, Any] = {"task_id": task_id, "message_id": f"m{number}"}
        of |= {"receive_count": 1, "delivery_id": f"d{number}"}
        again = {**of, "receive_count": 2, "delivery_id": f"e{number}"}
        events += [
            TaskSubmitted(at_ms=at, answered_ms=at, task_id=task_id, payload=text, accepted=True, status_code=202),
            Delivered(at_ms=at + 1, payload=text, **of),
            BackoffRequested(at_ms=at + 2, answered_ms=at + 3, delay_seconds=5, accepted=True, **of),
            AttemptFailed(at_ms=at + 4, reason=text, **of),
            Delivered(at_ms=at + 5003 + number % 7, payload=text, **again),
            AttemptSucceeded(at_ms=at + 5010, **again),
        ]
    names = [f"{number:06}{text}" for number in range(count)]
    findings = tuple(Finding(task_id=name, message=f"task {name}: {text}", events=(1, 2)) for name in names)
    verdicts = tuple(
        Verdict(
            check=f"check_{n}",
            outcome=Outcome.FAIL,
            claim="A claim.",
            expected=f"e {text}",
            observed=f"o {text}",
            findings=findings if n < 2 else findings[:50],
            figures={f"f{m}{text}": text for m in range(60)} if text else {},
        )
        for n in range(15)
    )
    fates = tuple(TaskFate(task_id=name, attempts=("failed", "succeeded"), end="completed") for name in names)
    return Grade(verdicts=verdicts, fates=fates), History(events)


@dataclass
class Element:
    """An element of a page; the text in it is that of all it contains."""

    tag: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    own_text: str = ""

    def __iter__(self) -> Iterator[Element]:
        """The element and all below it, in the order of the page."""
        coming = [self]
        while coming:
            element = coming.pop()
            yield element
            coming.extend(reversed(element.children))

    def all(self, *tags: str, **attributes: str) -> list[Element]:
        """All below it with one of these tags and with these attributes (`class_` asks for one of its classes)."""
        wanted_class = attributes.pop("class_", None)
        return [
            each
            for each in self
            if (not tags or each.tag in tags)
            and (wanted_class is None or wanted_class in each.attributes.get("class", "").split())
            and attributes.items() <= each.attributes.items()
        ]

    @property
    def text(self) -> str:
        return self.own_text + "".join(child.text for child in self.children)


_VOID = frozenset({"meta", "link", "br", "img", "hr", "input"})


class _Reader(HTMLParser):
    """Reads a page strictly: each element is ended by its own end tag."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in {self.get_starttag_text()}"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> ends <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(Element("#text", {}, own_text=data))


@lru_cache(maxsize=16)
def parsed(html: str) -> Element:
    """The page as a tree, which is read once and not to be changed; fails when it is not well formed."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == [reader.root], "an element is not ended"
    return reader.root


def read(folder: Path) -> Element:
    return parsed((folder / "report.html").read_text(encoding="utf-8"))
