"""Refuses a region that is misspelt before anything is started for it."""

from __future__ import annotations

import difflib
import re

import typer
from botocore.session import Session

from taskguard.targets.names import DEFAULT_REGION

_PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
_NUMBER = re.compile(r"-\d+$")


def spelt_right(region: str | None) -> str | None:
    """Return the region, if one is named.

    Raises:
        typer.BadParameter: no region is called so but for its number, which may be that of a new one, and some region nearly is.
    """
    if region in (None, DEFAULT_REGION):
        return region
    session = Session()
    known = [name for each in _PARTITIONS for name in session.get_available_regions("sqs", each)]
    near = difflib.get_close_matches(region, known, 1, 0.7)
    if near and _NUMBER.sub("", region) not in {_NUMBER.sub("", name) for name in known}:
        raise typer.BadParameter(f"AWS has no region {region}; the nearest is {near[0]}")
    return region
