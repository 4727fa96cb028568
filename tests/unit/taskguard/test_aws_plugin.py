"""The pytest plugin with ``--target aws``, in test sessions of its own that need no AWS."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from taskguard.errors import TargetError
from taskguard.operating import cleaning
from taskguard.operating.cleaning import CleanedUp
from taskguard.operating.ledger import LEDGER_FILE, read_ledger
from taskguard.targets.aws import Aws, AwsInstance
from taskguard.testing import on_aws as testing

from tests.unit.taskguard.recorder_lines import STACK

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("our_plugin_alone")

NOTES_A_TASK = "def test_it(pipeline): pipeline.client.note(['a-task'])"


@pytest.fixture
def cleaned(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> list[dict[Any, list[str]]]:
    """A stage on AWS that is deployed with a seed, and what was removed from it."""
    found: list[dict[Any, list[str]]] = []

    def start(self: Aws) -> Any:
        self.instance = AwsInstance("eu-central-1")
        return self.instance.endpoint()

    def clean_up(folder: Path, **_: object) -> CleanedUp:
        found.append(read_ledger(folder))
        (folder / LEDGER_FILE).unlink()
        return CleanedUp(removed=1, left={})

    monkeypatch.setattr(Aws, "start", start)
    monkeypatch.setattr(testing, "read_stack", lambda _, stage, **_names: replace(STACK, stage=stage))
    monkeypatch.setattr(
        "taskguard.service.deployment.read_stack", lambda _, stage, **_names: replace(STACK, stage=stage)
    )
    monkeypatch.setattr(testing, "failure_settings", lambda *_: ("s", 0.3))
    monkeypatch.setattr(cleaning, "clean_up", clean_up)
    return found


def session(pytester: pytest.Pytester, *arguments: str, test: str = NOTES_A_TASK) -> pytest.RunResult:
    pytester.makepyfile(test)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "--taskguard-target=aws", *arguments)


def test_production_is_refused_before_any_test(pytester: pytest.Pytester, cleaned: list[Any]) -> None:
    result = session(pytester, "--taskguard-stage=prod")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*stage prod: its name looks like production*--allow-production*"])
    session(pytester, "--taskguard-stage=prod", "--taskguard-allow-production").assert_outcomes(passed=1)


def test_a_stage_without_a_seed_is_refused_before_any_test(
    pytester: pytest.Pytester, cleaned: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(testing, "failure_settings", lambda *_: (None, 0.3))
    result = session(pytester, "--taskguard-stage=qa")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*testing stage qa: it was deployed without a failure seed*taskguard deploy --stage qa --seed *"]
    )


def test_what_keeps_aws_from_being_reached_is_said_once(
    pytester: pytest.Pytester, cleaned: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: Aws) -> Any:
        raise TargetError("reaching AWS: the login has expired")

    monkeypatch.setattr(Aws, "start", start)
    result = session(pytester)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*the login has expired"])


def test_a_session_says_what_it_costs_and_takes_its_tasks_away(pytester: pytest.Pytester, cleaned: list[Any]) -> None:
    result = session(pytester, "--taskguard-stage=qa")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["taskguard: aws, stage qa in eu-central-1; about $* for 100 tasks (list prices of *"])
    result.stderr.fnmatch_lines(["taskguard: removed 1 task from the stage"])
    [[(place, ids)]] = [found.items() for found in cleaned]
    assert (place.stage, place.url, ids) == ("qa", None, ["a-task"])


def test_tasks_that_could_not_be_removed_are_kept_in_the_session_s_folder(
    pytester: pytest.Pytester, cleaned: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaning, "clean_up", lambda *_, **__: CleanedUp(removed=0, left={"a": "?"}))
    result = session(pytester)
    result.stderr.fnmatch_lines(["taskguard: tasks are left on the stage (a have not settled)*`taskguard clean-up *"])
    [folder] = (pytester.path / ".taskguard" / "tests").iterdir()
    assert (folder / LEDGER_FILE).exists()


def test_a_test_that_deploys_is_skipped_with_a_reason(pytester: pytest.Pytester, cleaned: list[Any]) -> None:
    result = session(pytester, "-rs", test="def test_it(deploy): deploy('beside')")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*only the stage that is deployed there is tested"])
