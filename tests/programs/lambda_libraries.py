"""What stands in for the libraries that Lambda brings to functions in Python: a runtime interface client that runs code of a test, and an SDK."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path

_FILES = {
    "awslambdaric/__init__.py": "",
    "awslambdaric/bootstrap.py": "class StandardLogSink:\n    pass\n",
    "awslambdaric/lambda_runtime_client.py": (
        "class LambdaRuntimeClient:\n    def wait_next_invocation(self):\n        pass\n"
    ),
    "boto3/__init__.py": "from boto3 import session\nimport loaded_by_the_sdk\n",
    "boto3/session.py": (
        "class Session:\n    def __init__(self, *_, **__):\n        pass\n    def resource(self, _):\n        pass\n"
    ),
    "botocore/__init__.py": "",
    "botocore/session.py": (
        "def create_loader():\n    pass\n"
        "def get_session():\n    return Session()\n"
        "class Session:\n    def get_component(self, _):\n        pass\n"
    ),
    "loaded_by_the_sdk.py": "VALUE = 1\n",
}


def write_libraries(folder: Path, code: str, *, sdk: bool = True) -> None:
    """Write them to ``folder``, as far as they are not there, with or without an ``sdk``; the client runs ``code``."""
    for name, text in _FILES.items():
        if not sdk and not name.startswith("awslambdaric"):
            continue
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_text(text)
    # Python takes files for the same that were written in the same second, and are as long.
    shutil.rmtree(folder / "awslambdaric" / "__pycache__", ignore_errors=True)
    (folder / "awslambdaric" / "__main__.py").write_text(textwrap.dedent(code))
