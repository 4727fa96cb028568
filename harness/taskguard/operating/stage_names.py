"""Which stages look like production, by their name alone: tests must not be run there by mistake.

A word of the name decides, not a part of a word: ``my-prod-eu`` and ``eu1Prod`` do, ``product-test`` does not. A name that
only might be meant so (``pre-prod``) counts: a refusal costs an option, the opposite a bad day.
"""

from __future__ import annotations

import re

from taskguard.errors import TargetError

PRODUCTION_WORDS = frozenset({"prod", "production", "prd", "live", "main", "master"})

# An acronym, a word that may begin with a capital, or a number: the words of kebab-case, snake_case and camelCase.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def looks_like_production(stage: str) -> bool:
    """Whether one of the words of ``stage`` names a place where real users are."""
    return any(word.lower() in PRODUCTION_WORDS for word in _WORD.findall(stage))


def refuse_production(stage: str, *, allowed: bool) -> None:
    """Let nobody test on a stage that looks like production, unless it is ``allowed``.

    Raises:
        TargetError: when it does, and it is not.
    """
    if looks_like_production(stage) and not allowed:
        raise TargetError(
            f"running tasks on stage {stage}: its name looks like production. Name another with --stage, or add "
            "--allow-production if it is meant."
        )
