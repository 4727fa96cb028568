"""The plans of faults that are active in this engine, each for the functions and queues of one stack.

It decides whether something is struck, and tells the flight recorder of it. How a fault is brought about it does not know.
While no plan is active nothing is looked up but whether there is one.
"""

import json
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from rolo import Request, Response

from taskguard.engine.faults.holding import held_back
from taskguard.engine.recorder.flight_recorder import now_ms, recorder
from taskguard.errors import FaultPlanError
from taskguard.faults.kinds import Site
from taskguard.faults.plan import Fault, Phase, Place, Plan
from taskguard.support.envelopes import carried, value_at


def json_object(text: object) -> dict[str, Any]:
    """The JSON object that this text is; an empty one when it is none."""
    try:
        document = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


class Ordinals:
    """The how-manieth of its group each is, in the order in which they are first asked for."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._known: dict[Hashable, dict[Hashable, int]] = defaultdict(dict)

    def of(self, group: Hashable, member: Hashable) -> int:
        """Counted from 1; the same whenever it is asked for."""
        with self._changing:
            known = self._known[group]
            return known.setdefault(member, len(known) + 1)


@dataclass(frozen=True, slots=True)
class TaskNames:
    """Where a task's id is found: in the first of these fields that the JSON of messages and requests has, be it in an envelope; its
    attribute in the table."""

    message: tuple[str, ...] = ("taskId",)
    record: str = "taskId"

    def in_object(self, document: Mapping[str, Any]) -> str | None:
        """The id in these fields; none when there is none."""
        inside = carried(document)
        for each in (inside, document) if isinstance(inside, Mapping) else (document,):
            found = (value for name in self.message if (value := value_at(each, name)) is not None)
            if isinstance(task_id := next(found, None), str):
                return task_id
        return None

    def in_text(self, text: object) -> str | None:
        """The id in a message's or a request's body; none when there is none."""
        return self.in_object(json_object(text))


@dataclass(slots=True, eq=False)
class ActivePlan:
    """A plan that was handed over. ``functions`` are the stack's, by their names on the engine, ``queues`` by their ARNs;
    ``stack`` is what tells this stack from others, its work queue's ARN. ``ordinals`` count what has no receive count: requests for a
    task, by function and task, and processes, by function."""

    id: str
    plan: Plan
    functions: Mapping[str, str]
    queues: Mapping[str, str]
    stack: str
    names: TaskNames
    since: float = field(default_factory=time.time)
    ended: bool = False
    ordinals: Ordinals = field(default_factory=Ordinals)
    _changing: threading.Lock = field(default_factory=threading.Lock)
    _told: set[Fault] = field(default_factory=set)

    @property
    def after_seconds(self) -> float:
        """How long ago it was handed over, by the pipeline's clock."""
        return time.time() - self.since

    @property
    def strikes_processes(self) -> bool:
        """Whether a process that was started before does not do."""
        return any(fault.about.site is Site.PROCESS for fault in self.plan.faults)

    def strikes(self, place: Place, when: Phase | None = None, without: frozenset[str] = frozenset()) -> Fault | None:
        """The fault that strikes there now."""
        return self.plan.strikes(place, when, self.after_seconds, without=without)

    def outage(self, kind: str) -> Fault | None:
        """The fault of this kind that strikes the whole stack now, of which the recorder is told at its first effect."""
        fault = self.plan.lasting(kind, self.after_seconds)
        if fault is None:
            return None
        with self._changing:
            is_news = fault not in self._told
            self._told.add(fault)
        if is_news:
            ends = self.since + fault.start_seconds + fault.takes_seconds
            self.record(fault, until_ms=round(ends * 1000, 3))
        return fault

    def record(
        self,
        fault: Fault,
        place: Place | None = None,
        *,
        task_ids: Iterable[str | None] = (),
        request_id: str | None = None,
        until_ms: float | None = None,
    ) -> None:
        """Tell the flight recorder, before anything is done. ``task_ids`` are all that are struck, ``request_id`` is the
        invocation's."""
        of_call = place is not None and place.site is Site.CALL
        of_start = place is not None and place.site is Site.PROCESS
        recorder().write(
            "fault-injected",
            stack=self.stack,
            plan=self.id,
            fault=str(fault),
            name=fault.kind,
            when=fault.when,
            function=place.function if place else None,
            call=place.call if place else None,
            number=place.number if place and of_call else place.receive if place and of_start else None,
            taskIds=sorted({task_id for task_id in task_ids if task_id is not None}),
            receiveCount=place.receive if place and not of_start else None,
            requestId=request_id,
            startedAt=now_ms(),
            endedAt=until_ms,
        )


class Injector:
    """All active plans, found by what they strike. What is read without a lock is replaced as a whole."""

    def __init__(self) -> None:
        self.of_function: Mapping[str, tuple[ActivePlan, ...]] = {}
        self.of_queue: Mapping[str, tuple[ActivePlan, ...]] = {}
        self._plans: dict[str, ActivePlan] = {}
        self._changing = threading.Lock()

    def hand_over(self, document: object) -> str:
        """From now on, a plan is active; its id.

        Raises:
            FaultPlanError: what was handed over is no plan; the message says what is wrong.
        """
        active = _read(document)
        with self._changing:
            self._plans[active.id] = active
            self._sort()
        return active.id

    def end(self, plan_id: str) -> None:
        """From now on, nothing more is struck by this plan, and what it holds back is delivered. May be called again."""
        with self._changing:
            ended = self._plans.pop(plan_id, None)
            self._sort()
        if ended is not None:
            ended.ended = True
        held_back().release(plan_id)

    def end_of_stack(self, stack: str) -> list[str]:
        """End all plans of the stack with this work queue; their ids."""
        with self._changing:
            ids = [active.id for active in self._plans.values() if active.stack == stack]
        for plan_id in ids:
            self.end(plan_id)
        return ids

    def _sort(self) -> None:
        of_function, of_queue = defaultdict(list), defaultdict(list)
        for active in self._plans.values():
            for name in active.functions:
                of_function[name].append(active)
            for arn in active.queues:
                of_queue[arn].append(active)
        self.of_function = {name: tuple(plans) for name, plans in of_function.items()}
        self.of_queue = {arn: tuple(plans) for arn, plans in of_queue.items()}


def _read(document: object) -> ActivePlan:
    match document:
        case {"plan": plan, "functions": dict(functions), "queues": {"work": str(work), "dead-letter": str(dead)}}:
            names = document.get("names", {}) if isinstance(document, dict) else {}
        case _:
            raise FaultPlanError(
                'What is handed over is {"plan": …, "functions": {"<name>": "<name on the engine>"}, "queues": '
                '{"work": "<ARN>", "dead-letter": "<ARN>"}, "names": {"message": ["<field>", …], "record": "<attribute>"}}, '
                "the names if they are not taskId."
            )
    try:
        return ActivePlan(
            id=secrets.token_hex(8),
            plan=Plan.from_json(plan),
            functions={str(on_engine): str(name) for name, on_engine in functions.items()},
            queues={work: "work", dead: "dead-letter"},
            stack=work,
            names=_names(names),
        )
    except TypeError as error:
        raise FaultPlanError(f"The names of a task's id: {error}.") from None


def _names(given: Mapping[str, Any]) -> TaskNames:
    message = given.get("message", ["taskId"])
    return TaskNames(**{**given, "message": (message,) if isinstance(message, str) else tuple(message)})


@lru_cache(maxsize=1)
def injector() -> Injector:
    return Injector()


def hand_over(request: Request) -> Response:
    """``POST /_taskguard/faults``: 200 and the plan's id, or 400 and what is wrong with it."""
    try:
        return Response.for_json({"id": injector().hand_over(json.loads(request.get_data()))})
    except FaultPlanError as error:
        return Response.for_json({"message": str(error)}, status=400)
    except ValueError as error:
        return Response.for_json({"message": f"A plan of faults is JSON: {error}."}, status=400)


def end(_request: Request, plan_id: str) -> Response:
    """``DELETE /_taskguard/faults/<id>``: 200, whether or not there is such a plan."""
    injector().end(plan_id)
    return Response.for_json({"id": plan_id})


def end_of_stack(request: Request) -> Response:
    """``DELETE /_taskguard/faults?stack=<ARN of its work queue>``: 200 and the ids of the plans that were active, or 400."""
    stack = request.args.get("stack")
    if not stack:
        return Response.for_json(
            {"message": "Of which stack all plans are to end is said by ?stack=<ARN of its work queue>."}, status=400
        )
    return Response.for_json({"ended": injector().end_of_stack(stack)})
