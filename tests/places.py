"""Where this repository is, and the places of its own service."""

import shutil
from pathlib import Path

from taskguard.places import Places
from taskguard.service.config import CONFIG_FILE
from taskguard.service.files import copy_of

PROJECT = Path(__file__).resolve().parents[1]
"""The checkout: the folder that holds ``serverless.yml``."""

PLACES = Places.of(PROJECT)
STATE = PLACES.state


def copy_of_service(folder: Path) -> Path:
    """What of this repository is its service, and nothing else of it, in a new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    copy_of(PROJECT, folder)
    # Not deployed, and what it is judged by.
    shutil.copy2(PROJECT / CONFIG_FILE, folder)
    return folder
