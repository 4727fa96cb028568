"""Decides by which ways a task may be handed in, of the routes that a stack has; or that the work queue itself is the way.

A route takes tasks by a function of the stack's, or sends them to the work queue or to an event bus itself. It must not know how a
route was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from taskguard.errors import DiscoveryError
from taskguard.service.stack import QUEUE_ITSELF, Api, Ingress, Queue, Route

_ANY = "ANY"
_PARAMETER = re.compile(r"\{[^{}]+\}")
_GREEDY = "+}"
_ID = "${id}"
"""What stands for a task's id in a path that is stated."""

_Each: TypeAlias = tuple[Api, Route]


def ingresses_of(
    name: str, apis: Sequence[Api], work: Queue, consumers: Iterable[str], functions: Iterable[str], chosen: str | None
) -> tuple[Ingress, ...]:
    """The ways into the stack ``name``, whose work queue is ``work``. Which functions know the queue's address does not tell: several
    do. ``chosen`` is the user's own word for it.

    Raises:
        DiscoveryError: there is nothing that is called so.
    """
    ours = set(functions)
    every = [
        (api, route)
        for api in apis
        for route in api.routes
        if route.function in ours or route.queue == work.name or route.puts_events
    ]
    if chosen == QUEUE_ITSELF:
        return (_itself(work),)
    if chosen is not None:
        return (_chosen(name, every, chosen),)
    found = [each for each in every if each[1].method == "POST"] or [e for e in every if e[1].method == _ANY]
    straight = [each for each in found if each[1].queue == work.name]
    working = set(consumers)
    # What works on tasks is seldom what takes them in.
    found = straight or [each for each in found if each[1].function not in working] or found
    return tuple(_by_route(api, route) for api, route in found) or (_itself(work),)


def _itself(work: Queue) -> Ingress:
    """The way where there is no other: who hands in a task sends its message."""
    api = Api(logical_id=work.logical_id, kind="queue", id=work.name, stage="", url=work.url, routes=())
    return Ingress(api=api, submit=Route(method=QUEUE_ITSELF, path="", function=None, queue=work.name), record=None)


def _by_route(api: Api, submit: Route) -> Ingress:
    return Ingress(api=api, submit=submit, record=_record_route(api, submit))


def _chosen(name: str, every: Sequence[_Each], chosen: str) -> Ingress:
    for api, route in every:
        if str(route) == chosen:
            return _by_route(api, route)
    # One that stands for many takes the one that is meant, too.
    method, _, path = chosen.partition(" ")
    named = path.partition("?")[0]
    covering = [each for each in every if path and each[1].method in (method, _ANY) and _covers(*each, named)]
    for api, route in sorted(covering, key=lambda each: (each[1].method == _ANY, _is_wide(each[1]))):
        return _by_route(api, replace(route, method=method, path=path))
    known = ", ".join(_names(every)) or "none"
    raise DiscoveryError(
        f'looking for the route of the stack {name} by which tasks are handed in: taskguard.toml says route = "{chosen}", and there is '
        f'none. There are: {known}; "{QUEUE_ITSELF}" stands for the work queue itself.'
    )


def _names(every: Sequence[_Each]) -> Iterator[str]:
    return (str(route) for _, route in every)


def _covers(api: Api, route: Route, path: str) -> bool:
    """Whether requests to a path come to this route, whose path may have parameters. A function's URL, and a default route, take any."""
    if api.kind != "rest" and route.path == "/" and route.method == _ANY:
        return True
    return _takes(route.path, path)


def _is_wide(route: Route) -> bool:
    return _GREEDY in route.path or route.path == "/"


def _takes(declared: str, path: str) -> bool:
    parts = _PARAMETER.split(declared)
    between = [".+" if _GREEDY in found else "[^/]+" for found in _PARAMETER.findall(declared)]
    pattern = "".join(part for pair in zip(map(re.escape, parts), [*between, ""], strict=True) for part in pair)
    return re.fullmatch(pattern, path) is not None


def _record_route(api: Api, submit: Route) -> Route | None:
    """The route that answers with one task's record: below the one by which it was handed in, with the task's id as the rest; or the
    same path, where that has the id already."""
    path = submit.path.partition("?")[0].rstrip("/")
    for each in api.routes:
        above, _, last = each.path.rpartition("/")
        if each.method == "GET" and _ID in path and _takes(each.path, path):
            return replace(each, path=path.replace(_ID, "{id}"))
        if each.method == "GET" and _PARAMETER.fullmatch(last) and _takes(above, path):
            return replace(each, path=f"{path}/{last}")
    return None
