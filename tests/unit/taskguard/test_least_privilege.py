"""The check at a session's end, in sessions of its own that need no engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from taskguard.errors import TargetError

from tests import least_privilege
from tests.least_privilege import WHOLE, LeastPrivilege, by_task_ids, is_whole
from tests.privileges.table import Row, State

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("our_plugin_alone")

USED = Row(function="f", action="sqs:SendMessage", resource="q", state=State.USED, seen_in=("a test",))
UNUSED = Row(function="f", action="sqs:PurgeQueue", resource="q", state=State.UNUSED)


@dataclass
class Engine:
    """Stands in for a session's engine, with one stage deployed."""

    folder: Path

    def stages(self) -> set[str]:
        return {"test"}

    def default_stage(self) -> str:
        return "test"


@dataclass
class Check:
    """Stands in the plugin's place until the session has a configuration; ``rows`` are what it finds."""

    rows: list[Row] | Exception

    def pytest_addoption(self, parser: pytest.Parser) -> None:
        parser.addoption("--show-privileges", action="store_true")

    def pytest_configure(self, config: pytest.Config) -> None:
        found = self.rows

        class Finding(LeastPrivilege):
            def _rows(self, *_: object) -> list[Row]:
                if isinstance(found, Exception):
                    raise found
                return found

        config.pluginmanager.register(Finding(config))


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    monkeypatch.setattr(least_privilege, "STATE", tmp_path)
    monkeypatch.setattr(least_privilege, "session_engine", lambda _: engine)
    engine = Engine(tmp_path / "session")
    engine.folder.mkdir()
    return engine


def session(
    pytester: pytest.Pytester, rows: list[Row] | Exception, *arguments: str, test: str = "def test_it(): pass"
) -> pytest.RunResult:
    pytester.makepyfile(test)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments, plugins=[Check(rows)])


def test_a_session_without_a_fault_passes_and_keeps_its_table(pytester: pytest.Pytester, engine: Engine) -> None:
    result = session(pytester, [USED])
    assert result.ret == pytest.ExitCode.OK
    for folder in (engine.folder, engine.folder.parent):
        assert "sqs:SendMessage" in (folder / "privileges.md").read_text()
    result.stdout.no_fnmatch_line("*sqs:SendMessage*")
    result.assert_outcomes(passed=1)


def test_the_table_is_printed_when_asked_for(pytester: pytest.Pytester) -> None:
    session(pytester, [USED], "--show-privileges").stdout.fnmatch_lines(["| f | sqs:SendMessage | q | *"])


def test_a_fault_fails_a_session_in_which_all_passed(pytester: pytest.Pytester) -> None:
    result = session(pytester, [USED, UNUSED])
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*least privilege*", "FAILED f: sqs:PurgeQueue on q is allowed by its role*"])


def test_what_could_not_be_checked_is_no_pass(pytester: pytest.Pytester) -> None:
    result = session(pytester, TargetError("the engine is gone"))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["FAILED what the functions of stage test are allowed could not be checked: *gone"])


def test_a_session_that_deployed_another_stage_only_is_not_judged(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert session(pytester, [UNUSED], "--taskguard-stage", "another").ret == pytest.ExitCode.OK
    # Unless it ran all of the pipeline's tests: then there is nothing to judge where there should be.
    monkeypatch.setattr(least_privilege, "is_whole", lambda _: True)
    result = session(pytester, [UNUSED], "--taskguard-stage", "another")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["FAILED stage another was not deployed*"])


@pytest.mark.parametrize(
    ("arguments", "whole"),
    [
        ([str(WHOLE)], True),
        ([str(WHOLE.parent)], True),
        ([str(WHOLE.parent / "engine"), str(WHOLE), "-m", "not heavy"], True),
        ([str(WHOLE), "-m", "not heavy and not docker"], True),
        ([str(WHOLE), "-m", "heavy"], False),
        ([str(WHOLE), "-m", "long and not heavy"], False),
        ([str(WHOLE), "-k", "x"], False),
        ([str(WHOLE), "--deselect", "x"], False),
        ([f"{WHOLE / 'test_stack.py'}::test_the_api_is_throttled"], False),
        ([str(WHOLE / "test_stack.py")], False),
        ([str(WHOLE.parent / "engine")], False),
    ],
)
def test_whether_all_of_the_pipelines_tests_are_run(
    pytester: pytest.Pytester, arguments: list[str], whole: bool
) -> None:
    assert is_whole(pytester.parseconfig("-p", "no:cacheprovider", *arguments)) is whole


def test_tests_are_known_by_how_their_task_ids_begin() -> None:
    long = "test_a_name_that_is_so_long_that_it_is_cut"
    assert by_task_ids(
        ["tests/pipeline/test_a.py::test_it[a b]", f"tests/pipeline/test_b.py::{long}_one", f"t/test_c.py::{long}_two"]
    ) == {
        "test-it-a-b": "test_a::test_it",
        "test-a-name-that-is-so-long-that-it-is-c": f"test_c::{long}_two or test_b::{long}_one",
    }
