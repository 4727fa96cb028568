"""What all unit tests share: that AWS's service models, and DynamoDB's expressions, are read once.

botocore would look for the models and read them again for each of its sessions, moto the expressions for each write.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import botocore.session
import pytest


@pytest.fixture(scope="session", autouse=True)
def service_models_read_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        # A loader keeps what it found and read, and a session has one; here the sessions of one process share it.
        patched.setattr(botocore.session, "create_loader", lru_cache(maxsize=None)(botocore.session.create_loader))
        yield


@pytest.fixture(scope="session")
def moto_as_in_the_engine() -> None:
    """For whoever has moto's DynamoDB."""
    from harness.engine.expressions import remember_expressions
    from harness.engine.item_size import count_what_is_written_again_once

    remember_expressions()
    count_what_is_written_again_once()
