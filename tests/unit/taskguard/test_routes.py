"""The engine compiles routes one at a time."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from taskguard.engine.patches import werkzeug_routes
from werkzeug.routing import Map, Rule

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
