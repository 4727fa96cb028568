"""The pytest plugin, in test sessions of its own that need no engine."""

from __future__ import annotations

from typing import Any

import pytest

pytest_plugins = ["pytester"]

FAILING = "def test_it(pipeline): assert False, 'as it should'"


def session(pytester: pytest.Pytester, pipeline: str, test: str = FAILING) -> Any:
    """The result of a session with one test and this class as its pipeline."""
    pytester.makeconftest(f"import pytest\n{pipeline}\n@pytest.fixture\ndef pipeline(): return Pipeline()\n")
    pytester.makepyfile(test)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider")


def test_its_options_are_listed(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("--help")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "the pipeline under test*",
            "*--taskguard-target=*",
            "*--taskguard-stage=*",
            "*--taskguard-failure-seed=*",
            "*--taskguard-failure-rate=*",
        ]
    )


@pytest.mark.usefixtures("our_plugin_alone")
@pytest.mark.parametrize(
    "option", ["--taskguard-target=mars", "--taskguard-failure-rate=often", "--taskguard-api-auth=all"]
)
def test_a_wrong_option_is_an_error_of_usage(pytester: pytest.Pytester, option: str) -> None:
    result = pytester.runpytest_inprocess(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{option.partition('=')[0]}*"])


@pytest.mark.usefixtures("our_plugin_alone")
def test_its_fixtures_are_listed_with_what_they_are(pytester: pytest.Pytester) -> None:
    listed = pytester.runpytest_inprocess("--fixtures").stdout.str()
    for name in ("endpoint", "deploy", "stack", "run", "pipeline"):
        assert f"\n{name}" in listed
    assert "tasks whose fate is known" in listed


@pytest.mark.usefixtures("our_plugin_alone")
def test_a_session_without_a_pipeline_passes_and_starts_no_engine(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("def test_it(): assert True")
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
    assert not (pytester.path / ".taskguard").exists()


@pytest.mark.usefixtures("our_plugin_alone")
@pytest.mark.parametrize(
    "pipeline",
    [
        "class Pipeline: pass",
        "class Pipeline:\n    submitted = []\n    def timelines(self): return 'TIMELINES'",
        "Pipeline = int",
        "def Pipeline(): return None",
    ],
)
def test_a_failing_test_without_submitted_tasks_has_no_more_to_tell(pytester: pytest.Pytester, pipeline: str) -> None:
    result = session(pytester, pipeline)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*as it should*"])
    result.stdout.no_fnmatch_line("*what happened to the tasks*")
    result.stdout.no_fnmatch_line("*TIMELINES*")


WITH_TASKS = "class Pipeline:\n    submitted = ['a task']\n    def timelines(self): return 'TIMELINES'"


@pytest.mark.usefixtures("our_plugin_alone")
def test_a_failing_test_tells_what_happened_to_its_tasks_and_how_to_repeat_it(pytester: pytest.Pytester) -> None:
    result = session(pytester, WITH_TASKS)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*what happened to the tasks*", "TIMELINES", "*to repeat this test*", "python -m pytest *::test_it'*"]
    )


@pytest.mark.usefixtures("our_plugin_alone")
def test_timelines_that_cannot_be_had_do_not_end_the_session(pytester: pytest.Pytester) -> None:
    broken = "class Pipeline:\n    submitted = ['a task']\n    def timelines(self): raise OSError('the engine is gone')"
    result = session(pytester, broken, f"{FAILING}\ndef test_the_next(): pass")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        ["*as it should*", "not to be had: OSError('the engine is gone')", "python -m pytest *::test_it'*"]
    )


@pytest.mark.usefixtures("our_plugin_alone")
def test_a_passing_test_tells_nothing(pytester: pytest.Pytester) -> None:
    result = session(pytester, WITH_TASKS, "def test_it(pipeline): pass")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*TIMELINES*")


@pytest.mark.usefixtures("our_plugin_alone")
def test_a_failing_test_of_somebody_else_s_is_left_alone(pytester: pytest.Pytester) -> None:
    result = session(pytester, WITH_TASKS, "def test_it(): assert False")
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*what happened to the tasks*")
