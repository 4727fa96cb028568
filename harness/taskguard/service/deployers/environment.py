"""The environment variables of the programs that deploy a service: none of the user's AWS settings has a say in where a deploy goes."""

from __future__ import annotations

import os

from taskguard.service.config import config_of
from taskguard.service.deployers.base import Job

_NOT_OURS = ("AWS_", "SLS_", "NO_PROXY")


def environment_of(job: Job) -> dict[str, str]:
    """The variables for every program that a job starts. In a sandbox none is the user's."""
    return {
        **({} if job.endpoint.sandboxed else _of_the_user(job)),
        **config_of(job.places.service).environment,
        "CI": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "NO_COLOR": "1",
        **job.endpoint.environment(),
        # The user's own profiles must not have a say in where a local deploy goes.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _of_the_user(job: Job) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_NOT_OURS)}
    home = job.places.cache / "home"
    home.mkdir(parents=True, exist_ok=True)
    # The user's settings for a program have no say either; what it keeps from deploy to deploy is kept in the cache.
    own = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "XDG_CONFIG_HOME": str(home / "config")}
    return kept | own
