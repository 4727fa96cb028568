"""Routes are compiled by one thread at a time.

Werkzeug compiles each into a function of its own, by way of a syntax tree, and Python 3.11 counts how deep such a tree goes for
all threads together: of two that are at it at once, one may be told "AST constructor recursion depth mismatch"
(https://github.com/python/cpython/issues/106905), and the request that it was serving fails.
"""

import threading

from werkzeug.routing import Rule

_compiling = threading.RLock()


def compile_one_at_a_time() -> None:
    """From now on, for all routes of this process."""
    compile_route = Rule.compile

    def compile_alone(self: Rule) -> None:
        with _compiling:
            compile_route(self)

    Rule.compile = compile_alone  # type: ignore[method-assign]
