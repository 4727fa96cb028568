"""The unzipped packages of functions: read-only, as ``/var/task`` is on Lambda, and the same for all who share one.

Functions and environments with the same package share its folder: it is unzipped once and its modules are compiled once. Whoever runs as
the folder's owner can make it writable again; so it is looked at before each process that is started on it, and a package that is no longer as
it was unzipped is left to those that run on it, and unzipped anew.
"""

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

from localstack.services.lambda_.invocation.lambda_models import FunctionVersion
from localstack.utils.archives import unzip
from localstack.utils.files import chmod_r

from taskguard.engine.settings import EngineSettings

LOG = logging.getLogger(__name__)

_NOT_WRITABLE = ~0o222

_MOST_BYTES = 1024**3
"""When the packages have become so large, the next ones lie beside them, where no fork server sees them (``sandbox.py``)."""

_Seal: TypeAlias = frozenset[tuple[str, int, int, int, int]]

_packages: dict[str, tuple[Path, _Seal]] = {}
"""The folder of each, and its seal."""
_unpacking = threading.Lock()


def task_root(function_version: FunctionVersion, kind: str, prepare: Callable[[Path], None]) -> Path:
    """The folder of the function's unzipped package, after ``prepare`` has done what is to be done once for all processes. It lies beside
    those that are of the same ``kind``, and is shared with them alone."""
    code = function_version.config.code
    if code.is_hot_reloading():
        # It is its developer's, who changes it.
        return Path(code.get_unzipped_code_location())
    name = f"{kind}/" + code.code_sha256.replace("/", "_").rstrip("=")
    with _unpacking:
        if name in _packages:
            folder, seal = _packages[name]
            if seal == _seal_of(folder):
                return folder
            LOG.warning("The package in %s was changed by a function, and is unzipped anew.", folder)
        folder = _unzip(code, name)
        prepare(folder)
        make_read_only(folder)
        _packages[name] = folder, _seal_of(folder)
        return folder


def _unzip(code: Any, name: str) -> Path:
    place = _place() / "code" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=place.parent, prefix=f"{place.name}-"))
    with tempfile.NamedTemporaryFile() as archive:
        # LocalStack would unzip it among the temporary files, which may lie on a disk.
        code._download_archive_to_file(archive)
        unzip(archive.name, str(folder))
    chmod_r(str(folder), 0o755)
    return folder


def _place() -> Path:
    """Where there is room for another one. While a service is edited they become ever more, and memory is not for all of them."""
    settings = EngineSettings.from_environment()
    held = sum(size for _, seal in _packages.values() for _path, _inode, size, _modified, _changed in seal)
    return settings.packages if held < _MOST_BYTES else Path(settings.scratch, "packages")


def make_read_only(folder: Path) -> None:
    """Take away the right to write from a folder and all that is in it."""
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(place, name)
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & _NOT_WRITABLE)
        Path(place).chmod(0o555)


def _seal_of(folder: Path) -> _Seal:
    """What changes with any change: the time of a file's last change of any kind cannot be set by anybody."""
    with suppress(OSError):
        return frozenset(_entries(str(folder)))
    return frozenset()


def _entries(folder: str) -> Iterator[tuple[str, int, int, int, int]]:
    about = os.stat(folder)  # noqa: PTH116  # a thousand of them, before each cold start
    yield (folder, about.st_ino, about.st_mode, about.st_mtime_ns, about.st_ctime_ns)
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(entry.path)
        else:
            about = entry.stat(follow_symlinks=False)
            yield (entry.path, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
