"""LocalStack: CloudFormation asks a resource that is not ready many times a second.

It would ask once a second, and a stack has dozens of resources.

Needed until LocalStack waits less by itself: ``tests/engine/test_patches.py`` fails then.
"""

from functools import partialmethod

from localstack.services.cloudformation.resource_provider import ResourceProviderExecutor

_LOOK_EVERY_SECONDS = 0.05


def apply() -> None:
    deploy_loop = ResourceProviderExecutor.deploy_loop
    ResourceProviderExecutor.deploy_loop = partialmethod(deploy_loop, sleep_time=_LOOK_EVERY_SECONDS)
