"""The terms on which TaskGuard's own pipeline is judged, with what a test wants otherwise."""

from __future__ import annotations

from typing import Any

import msgspec
from taskguard.contract.contract import Attempts
from taskguard.contract.dialect import TASKGUARD
from taskguard.contract.draws import Draws
from taskguard.contract.files import built_in
from taskguard.contract.terms import Terms
from taskguard.contract.tolerances import Tolerances
from taskguard.contract.waiting import Waiting


def our_terms(
    seed: str | None = None,
    rate: float = 0.3,
    *,
    receives: int = 3,
    waits: tuple[float, ...] = (5.0, 10.0, 20.0),
    **tolerances: float,
) -> Terms:
    """Our contract and dialect, and draws with this seed (none: not known) and rate."""
    contract = demanding(attempts=Attempts(most=receives), waiting=Waiting(schedule=waits))
    draws = Draws(seed=seed, rate=rate)
    return Terms(contract=contract, dialect=TASKGUARD, tolerances=Tolerances(**tolerances), draws=draws)


def demanding(**demands: Any) -> Any:
    """Our contract with other demands."""
    return msgspec.structs.replace(built_in("taskguard"), **demands)


def four_values(terms: Terms) -> dict[str, Any]:
    """The terms as a manifest has them."""
    return msgspec.structs.asdict(terms)
