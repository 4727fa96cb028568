"""The unbroken pipeline, deployed and tried as its variants are: a harness that rejects everything would reject these too."""

from __future__ import annotations

from tests.mutants.loads import BACKLOG, FATES, GRADED, Load, as_they_come
from tests.mutants.variants.variant import Variant


def _unbroken(name: str, sentence: str, load: Load) -> Variant:
    return Variant(name=name, sentence=sentence, changes=(), caught_by=(), message="", load=load)


OURS = (
    _unbroken("ours", "the pipeline as it is", FATES),
    _unbroken("ours-in-batches", "the pipeline as it is, its tasks in batches", BACKLOG),
    _unbroken("ours-graded", "the pipeline as it is, its tasks as a graded run hands them in", GRADED),
    _unbroken(
        "ours-unseeded",
        "the pipeline as it is, and the draws are not known",
        as_they_come(120, seeded=False, backlog=True),
    ),
)
