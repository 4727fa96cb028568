"""Order: tests that mostly wait are started first, each in a process of its own, so that the others fill the time.

And what is said of the session as a whole: that the functions' roles allow what they need, and no more.
"""

import gc
import os
from itertools import chain, zip_longest

import pytest
from hypothesis import settings
from taskguard.service import sandboxing
from taskguard.testing.plugin import asked

from tests import thoroughness
from tests.engine_ahead import EngineAhead
from tests.least_privilege import LeastPrivilege
from tests.mutants.table import VariantTable


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--show-privileges", action="store_true", help="print what each function is allowed, and its use")
    parser.addoption("--engine-ahead", action="store_true", help="start the engine while pytest-xdist's workers start")
    parser.addoption("--cases", type=int, default=2000, help="how many requests tests/edge makes (about)")
    parser.addoption("--case-seed", type=int, help="the seed that they are made from (default: any)")


def pytest_configure(config: pytest.Config) -> None:
    # What libraries and tests consist of stays to the end: to look through it again and again for garbage takes long.
    gc.set_threshold(100_000, 50, 50)
    # Most of it is our own service, wherever it lies: the sandbox has tests of its own, and tests/services ask for it by themselves.
    os.environ.setdefault(sandboxing.VARIABLE, "off")
    settings.load_profile("taskguard")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(LeastPrivilege(config), "least-privilege")
        if config.getoption("--engine-ahead"):
            config.pluginmanager.register(EngineAhead(config), "engine-ahead")
        real_time = asked(config, "clock-scale") == 1
        table = VariantTable("mutants-in-real-time.md" if real_time else "mutants.md")
        config.pluginmanager.register(table, "variant-table")


def pytest_collection_finish() -> None:
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    # pytest looks for garbage ten times at the end, to tell of files that nobody closed: once is enough for what is left, in CI.
    if thoroughness.THOROUGH:
        gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)  # after tests have been deselected, or two long ones may end up side by side
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # pytest-xdist hands out tests in pairs: a long one must not be paired with another.
    long = [item for item in items if item.get_closest_marker("long")]
    short = [item for item in items if not item.get_closest_marker("long")]
    pairs = list(zip_longest(long, short[: len(long)]))
    if config.getoption("--engine-ahead"):
        # The long ones are the pipeline's, which is deployed meanwhile.
        pairs = [pair[::-1] for pair in pairs]
    items[:] = [item for item in chain.from_iterable(pairs) if item is not None] + short[len(long) :]
