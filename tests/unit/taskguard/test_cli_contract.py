"""``taskguard contract`` says in words what a contract demands, and docs/contract.md shows what can be demanded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from taskguard.contract.contract import Contract
from taskguard.contract.files import built_in
from taskguard.support.typed import typed_toml, untyped

from tests.places import PROJECT
from tests.unit.taskguard.cli_support import Command

PAGE = (PROJECT / "docs" / "contract.md").read_text()


def test_a_built_in_contract_is_told_a_sentence_a_demand(taskguard: Command) -> None:
    ended = taskguard("contract", "taskguard")
    assert ended.status == 0
    assert "Attempts: 3, then moved by SQS." in ended.says
    assert "Waiting: exactly 5, 10, 20 s after each failed attempt." in ended.says
    assert "Simulated failures: 30% of attempts." in ended.says


def test_a_contract_in_a_file_is_told_as_well(taskguard: Command, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        '[attempts]\nmost = [2, 3]\n[waiting]\ngrows = 1.5\nfirst = 1\nlast = "free"\n[settings]\ntls = "advice"'
    )
    ended = taskguard("contract", path)
    assert "Attempts: 2 to 3." in ended.says
    assert "1 s or more at first, then each 1.5 times the one before or more; the last attempt owes none." in ended.says
    assert "Settings, advised: queues refuse who comes without TLS (tls)." in ended.says


def test_what_the_log_must_tell_is_told_in_words(taskguard: Command, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('[dead_letter]\nlog = ["error", "task_id"]')
    log = "one true record for each dead task, {}, with the task's id, the error of the last attempt."
    assert log.format("in JSON or in plain text") in taskguard("contract", path).says
    path.write_text('[dead_letter]\nlog = ["error", "task_id"]\nformat = "json"')
    assert log.format("in JSON") in taskguard("contract", path).says


@pytest.mark.parametrize(("text", "words"), [("[attempts]\nmots = 3", 'did you mean "most"?'), (None, "no file")])
def test_one_that_cannot_be_read_is_a_wrong_command(
    taskguard: Command, tmp_path: Path, text: str | None, words: str
) -> None:
    path = tmp_path / "own.toml"
    if text is not None:
        path.write_text(text)
    ended = taskguard("contract", path)
    assert ended.status == 64
    assert words in ended.err
    assert str(path) in ended.err


def test_the_contract_that_the_page_shows_is_ours_with_all_keys_there_are() -> None:
    shown = next(block for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "[attempts]" in block)
    assert typed_toml(Contract, shown) == built_in("taskguard")
    for table, keys in untyped(Contract()).items():
        assert f"[{table}]" in shown
        assert all(re.search(rf"^(# )?{key} = ", shown, re.MULTILINE) for key in keys or {})
