"""Starts the session's engine, and deploys to it, while the processes that run the tests are only being started."""

from __future__ import annotations

from contextlib import suppress
from threading import Thread

import pytest
from taskguard.testing.plugin import shared_engine_of, stack_on


class EngineAhead:
    """As a pytest plugin of the session's first process, which runs no tests itself."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._thread = Thread(target=self._get_ready, name="engine-ahead", daemon=True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        # The folder that it is in is told to the workers.
        self._engine = shared_engine_of(self._config)
        self._thread.start()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        # An engine that is only being started could not be stopped.
        self._thread.join()

    def _get_ready(self) -> None:
        # Whoever needs it tries again, and tells what is wrong.
        with suppress(Exception):
            stack_on(self._engine, self._config)
