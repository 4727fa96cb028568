"""Compiled modules of packages, kept by the content of the folders that these modules lie in: for all packages and engines that have the same.

A package's ``__pycache__`` is a link to what is kept, which is right for these very modules, so that nothing is compared when one is imported.
It must not know which packages there are.
"""

import hashlib
import json
import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from taskguard.support.folders import remove

_CACHE = "__pycache__"
_COMPILE = Path(__file__).with_name("python_compile.py")
_LONGEST_COMPILING_SECONDS = 20.0
"""What is not compiled by then each process compiles for itself."""
_KEPT_SECONDS = 30 * 86400.0
"""For how long what nobody asks for is kept."""


def compile_beside(interpreter: str, *folders: Path, deep: bool = True) -> None:
    """Compile the modules in these folders, each in its own ``__pycache__``; those below them as well where it is ``deep``."""
    if folders:
        options = ["-q"] if deep else ["-q", "-l"]
        _run([interpreter, "-I", "-S", "-m", "compileall", *options, *map(str, folders)])


def link_compiled(interpreter: str, package: Path, kept: Path, seen: str) -> None:
    """Give each folder with modules in ``package`` what is compiled of them: a link to it in the folder ``kept``, which is called ``seen``
    from the package. What is not there yet is compiled, and where a folder has brought something itself, it is compiled there."""
    folders: dict[str, Path] = {}
    brought: list[Path] = []
    for place, below, names in os.walk(package):
        folder = Path(place)
        modules = sorted(name for name in names if name.endswith(".py") and not (folder / name).is_symlink())
        if _CACHE in below or _CACHE in names:
            below[:] = [name for name in below if name != _CACHE]
            brought.append(folder)
        elif modules:
            digest = _digest_of(folder, modules)
            up = "/".join([".."] * len(folder.relative_to(package).parts))
            (folder / _CACHE).symlink_to(Path(up, seen, digest))
            folders[digest] = folder
    compile_beside(interpreter, *brought, deep=False)
    missing = {digest: str(folder) for digest, folder in folders.items() if not _is_kept(kept / digest)}
    if missing:
        _forget(kept)
        _run([interpreter, "-I", "-S", str(_COMPILE), str(kept)], json.dumps(missing))


def _digest_of(folder: Path, modules: list[str]) -> str:
    digest = hashlib.sha256()
    for name in modules:
        content = (folder / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode(errors="surrogateescape"))
        digest.update(content)
    return digest.hexdigest()[:40]


def _is_kept(compiled: Path) -> bool:
    """Whether it is there; from now on it has been asked for lately."""
    with suppress(OSError):
        os.utime(compiled)
        return True
    return False


def _forget(kept: Path) -> None:
    """Remove what nobody has asked for in a long time: who still has a link to it compiles for itself."""
    for each in kept.iterdir():
        with suppress(OSError):
            if each.stat().st_mtime < time.time() - _KEPT_SECONDS:
                remove(each)


def _run(command: list[str], told: str = "") -> None:
    with suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            command, input=told.encode(), capture_output=True, check=False, env={}, timeout=_LONGEST_COMPILING_SECONDS
        )
