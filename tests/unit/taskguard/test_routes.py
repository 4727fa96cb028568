"""The engine compiles routes one at a time and once, and keeps what there is no route for."""

import threading
from concurrent.futures import ThreadPoolExecutor

import botocore.session
import pytest
from localstack.aws.protocol import op_router
from rolo import Request, Response, Router
from taskguard.engine.patches import rolo_routes, service_routes, werkzeug_routes
from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, MapAdapter, Rule

THREADS = 4


def test_no_two_threads_compile_a_route_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most = 0, 0
    counting = threading.Lock()
    others = threading.Event()
    compile_route = Rule.compile

    def slowly(rule: Rule) -> None:
        nonlocal inside, most
        with counting:
            inside += 1
            most = max(most, inside)
        # Time for the others to come in, if they are let in.
        others.wait(0.01)
        compile_route(rule)
        with counting:
            inside -= 1

    monkeypatch.setattr(Rule, "compile", slowly)
    werkzeug_routes.apply()

    with ThreadPoolExecutor(THREADS) as pool:
        maps = list(pool.map(lambda number: Map([Rule(f"/{number}/<task>")]), range(THREADS)))

    assert most == 1
    assert [len(list(found.iter_rules())) for found in maps] == [1] * THREADS


def test_the_routes_of_a_service_are_made_once_for_all_its_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(op_router, "_create_service_map", op_router._create_service_map)
    service_routes.apply()
    one, same, other = (
        botocore.session.get_session().get_service_model(name) for name in ("lambda", "lambda", "apigateway")
    )
    routes = op_router.RestServiceOperationRouter(one)._map
    assert op_router.RestServiceOperationRouter(same)._map is routes
    assert op_router.RestServiceOperationRouter(other)._map is not routes
    assert "Invoke" in {rule.endpoint.name for rule in routes.iter_rules() if hasattr(rule.endpoint, "name")}


@pytest.fixture
def router(monkeypatch: pytest.MonkeyPatch) -> Router:
    monkeypatch.setattr(Router, "dispatch", Router.dispatch)
    rolo_routes.apply()
    return Router()


def test_what_has_no_route_is_looked_for_once(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_for: list[str] = []
    match = MapAdapter.match

    def counted(adapter: MapAdapter, path: str, method: str) -> object:
        looked_for.append(path)
        return match(adapter, path, method)

    monkeypatch.setattr(MapAdapter, "match", counted)
    for path in ("/", "/", "/other", "/"):
        with pytest.raises(NotFound):
            router.dispatch(Request("POST", path))
    assert looked_for == ["/", "/other"]


def test_a_route_that_is_added_is_found_and_one_that_is_removed_is_not(router: Router) -> None:
    with pytest.raises(NotFound):
        router.dispatch(Request("GET", "/task"))
    rules = router.add("/task", lambda _request, _values: Response("found"))
    assert router.dispatch(Request("GET", "/task")).data == b"found"
    router.remove(rules)
    with pytest.raises(NotFound):
        router.dispatch(Request("GET", "/task"))


def test_what_only_its_endpoint_does_not_find_is_asked_of_it_again(router: Router) -> None:
    answers = iter([NotFound(), None])

    def endpoint(_request: Request, _values: object) -> Response:
        if (error := next(answers)) is not None:
            raise error
        return Response("found")

    router.add("/task", endpoint)
    with pytest.raises(NotFound):
        router.dispatch(Request("GET", "/task"))
    assert router.dispatch(Request("GET", "/task")).data == b"found"


def test_other_hosts_and_methods_have_routes_of_their_own(router: Router) -> None:
    router.add("/task", lambda _request, _values: Response("found"), host="api.test", methods=["GET"])
    with pytest.raises(NotFound):
        router.dispatch(Request("GET", "/task", headers={"Host": "other.test"}))
    assert router.dispatch(Request("GET", "/task", headers={"Host": "api.test"})).data == b"found"
