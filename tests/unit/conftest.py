"""What all unit tests share: AWS's service models, which botocore would read from their files again for each session."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import pytest
from botocore.loaders import JSONFileLoader


@pytest.fixture(scope="session", autouse=True)
def service_models_read_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        # Within one session botocore shares what was read already; here the sessions of one process do.
        patched.setattr(JSONFileLoader, "load_file", staticmethod(lru_cache(maxsize=None)(JSONFileLoader().load_file)))
        yield
