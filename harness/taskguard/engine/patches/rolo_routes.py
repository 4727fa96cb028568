"""rolo: what a router has no route for is kept.

LocalStack asks two routers at each call of a service, some thirty times a task. Each goes through all of its rules, by way of functions
that refer to themselves, which only a collection of garbage frees.

Needed until a router answers from memory: ``tests/engine/test_patches.py`` fails then.
"""

from weakref import WeakKeyDictionary

from rolo import Request, Response
from rolo.request import get_raw_path
from rolo.routing import Router
from werkzeug.exceptions import NotFound
from werkzeug.routing import Map

_KEPT = 1024
# A router changes its routes by putting another map in the place of its own.
_unknown_to: WeakKeyDictionary[Map, set[tuple[str, str, str]]] = WeakKeyDictionary()


def apply() -> None:
    Router.dispatch = _dispatch


def _dispatch(self: Router, request: Request) -> Response:
    """What rolo's does."""
    routes, path = self.url_map, get_raw_path(request)
    asked, unknown = (request.host, request.method, path), _unknown_to.setdefault(routes, set())
    if asked in unknown:
        raise NotFound
    try:
        handler, values = routes.bind(server_name=request.host).match(path, method=request.method)
    except NotFound:
        if len(unknown) >= _KEPT:
            unknown.clear()
        unknown.add(asked)
        raise
    values.pop("__host__", None)
    return self.dispatcher(request, handler, values)
