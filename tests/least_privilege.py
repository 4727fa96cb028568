"""Holds the calls of a whole test session against the functions' roles, when its last test is over.

A call that a role does not allow fails the session. A permission that no test used does so too, once all tests that
could have used it have run and passed: after a selection nothing can be said of it. The table is kept in
`.taskguard/privileges.md`; `--show-privileges` prints it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from taskguard.testing.plugin import asked, session_engine

from tests.places import PROJECT, STATE

if TYPE_CHECKING:
    from taskguard.testing.shared_engine import SharedEngine

    from tests.privileges.table import Row

WHOLE = PROJECT / "tests" / "pipeline"
TABLE = "privileges.md"
_SELECTING = ("keyword", "deselect", "lf", "ignore", "ignore_glob")


class LeastPrivilege:
    """The check, as a pytest plugin of the session's first process."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._began_ms = time.time() * 1000
        self._test_ids: set[str] = set()
        self._failed = False
        self._table = ""
        self._faults: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._test_ids.add(report.nodeid)
        self._failed = self._failed or report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        engine = session_engine(self._config)
        if engine is None or not engine.stages():
            return
        stage = str(asked(self._config, "stage") or engine.default_stage())
        if stage in engine.stages():
            self._check(engine, stage)
        elif is_whole(self._config):
            self._faults = [f"stage {stage} was not deployed, so what its functions are allowed could not be checked"]
        if self._faults and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _check(self, engine: SharedEngine, stage: str) -> None:
        # A session without an engine, of unit tests, must not pay for these.
        from botocore.exceptions import BotoCoreError, ClientError
        from taskguard.errors import TaskGuardError

        from tests.privileges.report import as_markdown, faults

        try:
            rows = self._rows(engine, stage)
        except (TaskGuardError, ClientError, BotoCoreError, OSError) as error:
            self._faults = [f"what the functions of stage {stage} are allowed could not be checked: {error}"]
        else:
            if not rows:
                return
            self._table, self._faults = as_markdown(rows), faults(rows)
            for folder in (engine.folder, STATE):
                (folder / TABLE).write_text(self._table, encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._table and self._config.getoption("--show-privileges"):
            terminalreporter.section("what the functions are allowed")
            terminalreporter.write(self._table)
        if self._faults:
            terminalreporter.section("least privilege", red=True)
            for fault in self._faults:
                terminalreporter.line(f"FAILED {fault}", red=True)

    def _rows(self, engine: SharedEngine, stage: str) -> list[Row]:
        from taskguard.evidence.privileges.actions import Place
        from taskguard.evidence.recorder.recording import RecordingFile
        from taskguard.service.deployment import read_stack

        from tests.privileges.roles import roles_of
        from tests.privileges.table import table_of, uses_of

        endpoint = engine.endpoint()
        if endpoint.recording is None:  # only the flight recorder sees calls
            return []
        recording = RecordingFile(endpoint.recording).read()
        recording.calls[:] = [call for call in recording.calls if call.started_at_ms >= self._began_ms]
        roles = roles_of(endpoint, read_stack(endpoint, stage))
        place = Place(region=endpoint.region, account=roles[0].arn.split(":")[4])
        uses = uses_of(recording, roles, place, by_task_ids(self._test_ids))
        return table_of(roles, uses, complete=not self._failed and is_whole(self._config))


def by_task_ids(test_ids: Iterable[str]) -> dict[str, str]:
    """The tests by what their task ids begin with. Those that cannot be told apart are named together."""
    from taskguard.testing.pipeline import own_name

    found: dict[str, list[str]] = {}
    for test_id in sorted(test_ids):
        file, _, name = test_id.partition("::")
        tests = found.setdefault(own_name(name), [])
        if (test := f"{Path(file).stem}::{name.partition('[')[0]}") not in tests:
            tests.append(test)
    return {prefix: " or ".join(tests) for prefix, tests in found.items()}


def is_whole(config: pytest.Config) -> bool:
    """Whether the session runs all of the pipeline's tests, but for those that run apart."""
    if any(config.getoption(option, None) for option in _SELECTING):
        return False
    # What is left out by a mark runs apart.
    if not re.fullmatch(r"(not \w+( and not \w+)*)?", config.getoption("markexpr")):
        return False
    named = [Path(config.invocation_params.dir, argument).resolve() for argument in config.args]
    return any(each == WHOLE or each in WHOLE.parents for each in named)
