"""Where this repository is, and the places of its own service."""

import shutil
from pathlib import Path

from taskguard.places import Places
from taskguard.service.deployment import SERVICE_FILES

PROJECT = Path(__file__).resolve().parents[1]
"""The checkout: the folder that holds ``serverless.yml``."""

PLACES = Places.of(PROJECT)
STATE = PLACES.state


def copy_of_service(folder: Path) -> Path:
    """What of this repository is its service, and nothing else of it, in a new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in SERVICE_FILES:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)
    return folder
