"""What a function's layers make of ``/opt``, in a folder of its own: later ones over earlier ones, read-only, the same for all who have them
(https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html)."""

import shutil
import threading
from pathlib import Path

from localstack.services.lambda_.invocation.lambda_models import FunctionVersion

from taskguard.engine.functions.packages import make_read_only
from taskguard.engine.settings import EngineSettings

_merging = threading.Lock()
_OF_A_DIGEST = 16
"""So many characters of each layer's digest name the folder."""


def opt_of(function_version: FunctionVersion) -> Path | None:
    """The folder; none for a function without layers."""
    layers = function_version.config.layers
    if not layers:
        return None
    digests = [layer.code.code_sha256.replace("/", "_").rstrip("=")[:_OF_A_DIGEST] for layer in layers]
    folder = EngineSettings.from_environment().packages / "opt" / "-".join(digests)
    with _merging:
        if not folder.exists():
            new = folder.with_name(f"{folder.name}.new")
            shutil.rmtree(new, ignore_errors=True)
            for layer in layers:
                layer.code.prepare_for_execution()
                shutil.copytree(layer.code.get_unzipped_code_location(), new, dirs_exist_ok=True, symlinks=True)
            make_read_only(new)
            new.rename(folder)
    return folder
