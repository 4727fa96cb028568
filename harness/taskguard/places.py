"""Where things are: a service, what is made for it, and what is installed for all services of a user.

Made once, from the service's folder and the environment, and handed on. Nothing here knows where TaskGuard's own repository is.
"""

from __future__ import annotations

import errno
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

DATA = Path(__file__).with_name("data")
"""What comes with the package: the lock files, and the Serverless CLI's package files."""

CACHE_VARIABLE = "TASKGUARD_CACHE"
"""The environment variable that names another cache than the user's."""


RUNS = Path("runs")
"""Below the folder where a run is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """``service`` is the folder of the service. ``cache`` holds what is installed once for all services, ``state`` what belongs to
    this one: what is up, logs, tests' folders; either may be deleted while nothing runs. Graded runs are kept in ``runs``."""

    service: Path
    cache: Path
    state: Path
    runs: Path

    @classmethod
    def of(cls, service: Path | str = ".") -> Self:
        """The places of the service in this folder; its runs are kept in the current one."""
        folder = Path(service).resolve()
        return cls(service=folder, cache=cache_folder(), state=folder / ".taskguard", runs=RUNS)

    @property
    def env_file(self) -> Path:
        """What ``taskguard up`` writes for other tools."""
        return self.service / ".env"


def cache_folder() -> Path:
    """The folder that the environment names, or the user's cache folder; where that cannot be written to, one for temporary files."""
    from platformdirs import user_cache_path  # noqa: PLC0415  # a pytest run that uses no pipeline needs none

    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).absolute()
    folder = user_cache_path("taskguard", appauthor=False)
    # A user may have no home, or one that cannot be written to, as in many containers.
    return folder if _is_ours_to_write(folder) else _temporary()


def _temporary() -> Path:
    folder = Path(tempfile.gettempdir(), f"taskguard-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        # Whoever made it could have us run what lies there.
        raise PermissionError(errno.EPERM, "it is somebody else's", str(folder))
    return folder


def _is_ours_to_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
