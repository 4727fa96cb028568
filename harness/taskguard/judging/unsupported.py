"""What is left open by resources of a stack that the engine did not make: who fails may do so for the want of one of them.

A pass stays one, since nothing was missed then. What only watches, or describes, is in no message's way. This module must not know
which resources an engine makes.
"""

from __future__ import annotations

from collections.abc import Sequence

from taskguard.history import Unsupported
from taskguard.judging.verdict import Finding, Outcome, Verdict

_IN_NO_WAY = (
    "AWS::ApiGateway::Documentation",
    "AWS::ApplicationInsights::",
    "AWS::Backup::",
    "AWS::Budgets::",
    "AWS::CDK::",
    "AWS::CE::",
    "AWS::Chatbot::",
    "AWS::CloudTrail::",
    "AWS::CloudWatch::",
    "AWS::Logs::",
    "AWS::Oam::",
    "AWS::ResourceGroups::",
    "AWS::RUM::",
    "AWS::ServiceCatalogAppRegistry::",
    "AWS::Synthetics::",
    "AWS::WAFv2::",
    "AWS::XRay::",
    # CDK's own: https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_logs.LogRetention.html
    "Custom::LogRetention",
    "Custom::S3AutoDeleteObjects",
)
"""How the types of such resources begin."""

_READS_SETTINGS = "configuration"
_SETS = ("AWS::IAM::", "AWS::CloudFormation::CustomResource", "Custom::")
"""Those that may have set what this check reads of the resources that were made: rights, and whatever a custom resource does."""

_OF_PERMISSIONS = "AWS::IAM::"
"""Nobody is refused anything on an engine, so that only what is read of them can be wrong."""


def as_far_as_made(verdict: Verdict, unsupported: Sequence[Unsupported]) -> Verdict:
    """The verdict, *unknown* where it was a fail that the want of a resource may be the reason of."""
    missed = [each for each in unsupported if _may_matter(each.type, verdict.check)]
    if not missed or verdict.outcome is not Outcome.FAIL:
        return verdict
    message = f"the engine did not make {', '.join(map(str, missed))}, which may be why, so this is not held against the service"
    return verdict.left_open(Finding(task_id=None, message=message))


def _may_matter(kind: str, check: str) -> bool:
    if kind.startswith(_IN_NO_WAY):
        return False
    return kind.startswith(_SETS) if check == _READS_SETTINGS else not kind.startswith(_OF_PERMISSIONS)
