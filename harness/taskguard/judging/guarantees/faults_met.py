"""Each fault of the plan struck at least once; else the run says nothing about it, and is no pass.

Never a fail: that a fault was not met is nobody's fault, and a matter of more tasks, of another seed or of a higher rate. This
module must not know what a fault does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from taskguard.contract.terms import Terms
from taskguard.history import FaultInjected, History
from taskguard.history.wording import times
from taskguard.judging.verdict import Doubt, Question, Verdict, conclude

QUESTION = Question(
    check="faults_met",
    claim="Each fault of the plan struck at least once.",
    needs=(FaultInjected,),
)


def judge(history: History, terms: Terms, planned: Sequence[str] = ()) -> Verdict:  # noqa: ARG001  # a check's
    """Judge whether each fault that was ``planned``, as a line of a plan, was met."""
    struck = Counter(fault.fault for fault in history.of_kind(FaultInjected))
    lines = list(dict.fromkeys(planned))
    unmet = [line for line in lines if not struck[line]]
    doubts = [Doubt(None, f"the fault `{line}` was never met") for line in unmet]
    if not lines:
        doubts = [Doubt(None, "no fault was planned, so the run says nothing about any")]
    return conclude(
        QUESTION,
        history,
        doubts,
        expected="each fault injected once at the least",
        observed=f"{len(lines) - len(unmet)} of {times(len(lines), 'fault')} met",
        figures={"faults": len(lines), "met": len(lines) - len(unmet)},
        measured={"injections": sum(struck.values())},
    )
