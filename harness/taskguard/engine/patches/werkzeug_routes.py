"""werkzeug: routes are compiled by one thread at a time.

Werkzeug compiles each into a function of its own, by way of a syntax tree, and Python 3.11 counts how deep such a tree goes for
all threads together: of two that are at it at once, one may be told "AST constructor recursion depth mismatch"
(https://github.com/python/cpython/issues/106905), and the request that it was serving fails.

Needed until no Python is older than 3.11.8 and 3.12.2, which count for each thread.
"""

import threading

from werkzeug.routing import Rule

_compiling = threading.RLock()


def apply() -> None:
    compile_route = Rule.compile

    def compile_alone(self: Rule) -> None:
        with _compiling:
            compile_route(self)

    Rule.compile = compile_alone  # type: ignore[method-assign]
