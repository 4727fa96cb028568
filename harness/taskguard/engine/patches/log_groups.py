"""LocalStack: log groups are described without copies of all that was ever logged.

It copies every group with all events in it, and then shows some groups' names and sizes. CloudFormation asks for each group that it makes,
so each deploy takes longer than the one before.

Needed until LocalStack copies less: ``tests/engine/test_patches.py`` fails then.
"""

import copy
from types import SimpleNamespace

from localstack.services.logs import provider


def apply() -> None:
    # Nothing below the first level is changed in what that module copies.
    provider.copy = SimpleNamespace(deepcopy=copy.copy)
