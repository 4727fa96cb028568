"""docs/runtimes.md says of each runtime what the engine's tests hold it to."""

from __future__ import annotations

import pytest

from tests.engine.runtime_cases import node, python
from tests.engine.runtime_cases.case import Case, documented
from tests.places import PROJECT


@pytest.mark.parametrize("cases", [pytest.param(node.CASES, id="node"), pytest.param(python.CASES, id="python")])
def test_the_table_in_the_documentation_has_each_case(cases: tuple[Case, ...]) -> None:
    rows = documented(cases)
    assert rows in (PROJECT / "docs" / "runtimes.md").read_text(encoding="utf-8"), f"it should have these rows:\n{rows}"
