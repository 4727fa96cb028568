"""What a stranger looks for in a project says what is so."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import yaml
from taskguard.targets.environments import ENGINE_MINORS
from trove_classifiers import classifiers

from tests.places import PROJECT

ABOUT: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def commands_of_lint() -> list[str]:
    """What ``make lint`` runs, in its order."""
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    found = re.search(r"^lint:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert found is not None
    return [line.strip().removeprefix("@").replace("$(BIN)", ".venv/bin") for line in found[1].splitlines()]


def test_before_a_commit_the_same_is_run_as_by_make_lint() -> None:
    hooks = [
        hook
        for repository in yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
        for hook in repository["hooks"]
    ]
    assert [hook["entry"] for hook in hooks] == commands_of_lint()
    for hook in hooks:
        assert (hook["language"], hook["pass_filenames"], hook["always_run"]) == ("system", False, True)


def test_the_licence_is_named_and_there() -> None:
    assert (ABOUT["license"], ABOUT["license-files"]) == ("Apache-2.0", ["LICENSE"])
    text = (PROJECT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_classifiers_exist_and_name_the_versions_that_were_tried() -> None:
    assert set(ABOUT["classifiers"]) <= classifiers
    minors = {each.rsplit(" ", 1)[1] for each in ABOUT["classifiers"] if re.search(r"Python :: 3\.\d+$", each)}
    assert minors == {f"3.{minor}" for minor in ENGINE_MINORS}
    assert ABOUT["requires-python"] == f">={min(minors)}"
