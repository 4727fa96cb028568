"""Broken variants of our own pipeline, one file for each subject; `VARIANTS` has them all. `OURS` are the unbroken pipeline, to be treated alike."""

from tests.mutants.variants.backoff import BACKOFF
from tests.mutants.variants.batches import BATCHES
from tests.mutants.variants.chance import CHANCE
from tests.mutants.variants.configuration import CONFIGURATION
from tests.mutants.variants.dead_letters import DEAD_LETTERS
from tests.mutants.variants.effects import EFFECTS
from tests.mutants.variants.liars import LIARS
from tests.mutants.variants.logs import LOGS
from tests.mutants.variants.ours import OURS
from tests.mutants.variants.probed import PROBED
from tests.mutants.variants.rates import RATES
from tests.mutants.variants.records import RECORDS
from tests.mutants.variants.redrive import REDRIVE
from tests.mutants.variants.settings import SETTINGS
from tests.mutants.variants.submission import SUBMISSION
from tests.mutants.variants.variant import FromLogs, Variant, broken_service

VARIANTS: tuple[Variant, ...] = (
    *BACKOFF,
    *RATES,
    *BATCHES,
    *CHANCE,
    *REDRIVE,
    *DEAD_LETTERS,
    *LOGS,
    *RECORDS,
    *EFFECTS,
    *SUBMISSION,
    *CONFIGURATION,
    *SETTINGS,
    *LIARS,
    *PROBED,
)

__all__ = ["OURS", "VARIANTS", "FromLogs", "Variant", "broken_service"]
