"""The terms on which a run is judged: the contract, the service's dialect, the tolerances and the draws, as one argument.

They travel with a saved run, so that it can be judged again.
"""

from __future__ import annotations

import json

from taskguard.contract.contract import Contract
from taskguard.contract.dialect import Dialect
from taskguard.contract.draws import Draws, attempt_fails
from taskguard.contract.tolerances import Tolerances
from taskguard.support.json_values import Json, same_json
from taskguard.support.typed import Strict


class Terms(Strict, frozen=True, kw_only=True):
    """What the checks judge a history by."""

    contract: Contract
    dialect: Dialect
    tolerances: Tolerances = Tolerances()
    draws: Draws = Draws()

    @property
    def rate(self) -> float | None:
        """The rate of simulated failures: as the run had it, or else as the contract has it; none where it has none."""
        failures = self.contract.failures
        return self.draws.rate if self.draws.rate is not None or failures is None else failures.rate

    @property
    def seed(self) -> str | None:
        """The seed that decides each attempt's draw; none where no attempt's draw is known."""
        failures = self.contract.failures
        is_by_attempt = failures is None or failures.per == "attempt"
        return self.draws.seed if is_by_attempt and self.rate is not None else None

    def same_payload(self, left: Json, right: Json) -> bool:
        """Whether two are one payload, as strictly as the contract asks for."""
        return same_json(left, right, exact=self.contract.payload.numbers == "exact")

    def is_submitted(self, submitted: Json, found: Json) -> bool:
        """Whether this is the payload that was submitted; where requests hold none, any is. A payload that was sent as a text may
        have been read as what the text says."""
        if self.same_payload(submitted, found) or not self.dialect.ingress.tells_payload:
            return True
        if not isinstance(submitted, str) or isinstance(found, str):
            return False
        try:
            return self.same_payload(json.loads(submitted), found)
        except ValueError:
            return False

    def drawn_to_fail(self, task_id: str, attempt: int) -> bool | None:
        """Whether this attempt fails by its draw; none where that is not known."""
        seed, rate = self.seed, self.rate
        return None if seed is None or rate is None else attempt_fails(seed, rate, task_id, attempt)
