"""Ready-made campaigns: many faults at once, each seldom enough that most tasks still end as they would without.

Named as they are asked for (``taskguard grade --faults all``). It must not know how a fault is brought about.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from taskguard.errors import FaultPlanError
from taskguard.faults.plan import Fault, parse

_PARTS = {
    "calls": """
throttle when=before rate=3%
throttle when=after rate=3%
throttle when=before rate=1% every-try
error when=before rate=3%
error when=after rate=3%
error when=after rate=1% every-try
refuse when=before call=UpdateItem rate=2%
refuse when=after call=UpdateItem rate=2%
deny when=before rate=1%
disconnect when=before rate=2%
disconnect when=after rate=2%
disconnect when=after rate=1% every-try
slow when=before rate=1% seconds=0.5
slow when=after rate=1% seconds=0.5
""",
    "functions": """
kill when=before rate=1%
kill when=after rate=1%
kill-first rate=2%
kill-last rate=2%
hang rate=1%
timeout rate=1%
no-init rate=5%
garbage rate=2%
unknown-id rate=2%
skew rate=10% seconds=-300
skew rate=10% seconds=300
""",
    "messages": """
twice rate=5%
again rate=3%
lose rate=2%
late rate=3%
reorder rate=5%
stale-handle rate=3%
run-out rate=3%
throttle-function rate=1%
fail when=before rate=2%
fail when=after rate=2%
""",
    "stack": """
table-down from=4 for=2
queue-down from=12 for=2
consumer-off from=20 for=5
monitor-off from=45 for=10
deploy from=30
""",
}

CAMPAIGNS: Mapping[str, str] = {**_PARTS, "all": "".join(_PARTS.values())}
"""Each campaign by its name, as a plan is written."""


def faults_of(given: str) -> tuple[Fault, ...]:
    """The faults of a campaign's name, of a file, or as they are written.

    Raises:
        FaultPlanError: it is none of these, or there is no fault in it.
    """
    if given in CAMPAIGNS:
        return parse(CAMPAIGNS[given])
    try:
        text = Path(given).read_text(encoding="utf-8") if _is_file(given) else given
        faults = parse(text)
    except (OSError, ValueError) as error:
        raise FaultPlanError(f"Reading the faults in {given}: {error}") from None
    except FaultPlanError as error:
        names = ", ".join(CAMPAIGNS)
        raise FaultPlanError(f"{error} What is given may also be a file, or a campaign: {names}.") from None
    if not faults:
        raise FaultPlanError(f"There is no fault in {given!r}. Campaigns are: {', '.join(CAMPAIGNS)}.")
    return faults


def _is_file(given: str) -> bool:
    try:
        return Path(given).is_file()
    except (OSError, ValueError):
        return False  # no file's name: too long, as a plan may be, or with what none may have
