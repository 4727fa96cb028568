"""What all unit tests share: that the tool is on the path, as in an activated environment; that their files lie in memory, where thousands are made in no
time; that AWS's service models, and DynamoDB's expressions, are read once, and that none of them looks for credentials on the network.

botocore would look for the models and read them again for each of its sessions, moto the expressions for each write.
"""

from __future__ import annotations

import os
import sysconfig
import tempfile
from collections.abc import Iterator
from functools import lru_cache

import botocore.session
import pytest
from taskguard.support import folders


def pytest_configure() -> None:
    if "TMPDIR" not in os.environ and (memory := folders.memory()) is not None:
        tempfile.tempdir = os.environ["TMPDIR"] = str(memory)


@pytest.fixture(scope="session", autouse=True)
def the_tool_is_on_the_path() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PATH", os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")]))
        patched.delenv("UV", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def service_models_read_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        # A loader keeps what it found and read, and a session has one; here the sessions of one process share it.
        patched.setattr(botocore.session, "create_loader", lru_cache(maxsize=None)(botocore.session.create_loader))
        yield


@pytest.fixture(scope="session", autouse=True)
def nobody_asks_for_this_machines_credentials() -> Iterator[None]:
    # Clients that are made ahead for AWS would ask the machine's metadata service, perhaps while another test runs.
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session")
def moto_as_in_the_engine() -> None:
    """For whoever has moto's DynamoDB."""
    from taskguard.engine.patches import moto_expressions, moto_item_size, moto_method_names

    for patch in (moto_expressions, moto_item_size, moto_method_names):
        patch.apply()
