"""The guarantees: what holds whatever goes wrong, judged of runs into which faults were injected.

Each is a pure function from a history and what is expected to a verdict, one property a file, as :mod:`taskguard.judging.checks` are for
runs in which nothing was broken on purpose. A guarantee must not know how a fault was brought about, nor what a pipeline does
about it. A new one is a module with a `judge` function, and a line here.
"""

from collections.abc import Mapping
from functools import partial

from taskguard.faults.plan import Plan
from taskguard.judging.checks import Check
from taskguard.judging.guarantees import (
    charges,
    dead_letters_logged,
    faults_met,
    never_early,
    nothing_stuck,
    one_completion,
    settles_once,
)

GUARANTEES: Mapping[str, Check] = {
    module.QUESTION.check: module.judge
    for module in (
        settles_once,
        one_completion,
        charges,
        dead_letters_logged,
        nothing_stuck,
        never_early,
        faults_met,
    )
}
"""Every guarantee by its name; `faults_met` without a plan, so that it cannot tell."""


def guarantees_under(plan: Plan) -> Mapping[str, Check]:
    """Every guarantee by its name, for a run that had this plan of faults."""
    planned = [str(fault) for fault in plan.faults]
    return {**GUARANTEES, faults_met.QUESTION.check: partial(faults_met.judge, planned=planned)}


__all__ = ["GUARANTEES", "guarantees_under"]
