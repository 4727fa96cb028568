"""TaskGuard's harness: it runs a task pipeline, gathers evidence of what really happened, and judges it.

Running and judging meet only in a `taskguard.history.History`. This module holds the version and nothing else, so that
importing a part of the harness never imports the rest.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("taskguard")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0.0.0+source"
