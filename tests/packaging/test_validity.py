"""The template as CloudFormation's own rules see it: cfn-lint, which holds the CloudFormation registry's schemas.

Among its rules are the schemas of all resource types (E3002 properties, E3003 what is required, E3012 types, E3030 values,
E3034 ranges), so that a template without finding has passed schema validation too. Nothing is ignored.
"""

from __future__ import annotations

import pytest
from cfnlint.api import lint  # type: ignore[import-untyped]

from tests.packaging.support import Package

# The default region, and the one whose schemas are the most complete.
REGIONS = ["eu-central-1", "us-east-1"]


@pytest.mark.parametrize("way", ["default", "other_stage", "operated"])
def test_template_has_no_finding(request: pytest.FixtureRequest, way: str) -> None:
    package: Package = request.getfixturevalue(way)
    assert [str(finding) for finding in lint(package.template_text, regions=REGIONS)] == []


@pytest.mark.parametrize(
    ("right", "wrong", "rule"),
    [
        ('"VisibilityTimeout": 90', '"VisibilityTimeout": "ninety"', "E3012"),
        ('"VisibilityTimeout": 90', '"VisibilityTimeout": 90000', "E3034"),
        ('"VisibilityTimeout": 90', '"VisibilityTimeuot": 90', "E3002"),
        ('"python3.13"', '"python3.3"', "E3030"),
    ],
)
def test_template_that_breaks_a_schema_would_be_found(default: Package, right: str, wrong: str, rule: str) -> None:
    assert right in default.template_text
    findings = lint(default.template_text.replace(right, wrong), regions=REGIONS)
    assert rule in {finding.rule.id for finding in findings}
