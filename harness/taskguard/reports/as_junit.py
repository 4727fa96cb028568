"""A grade as JUnit XML, for CI services: one test case for each check.

A check that failed is a failure; one that could not be judged is an error, so that no service takes it for a pass; one that passed
of nothing, since the run had nothing of what it judges, or is not applicable, is skipped, with the reason. It must not know how a grade was reached.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from taskguard.history import History
from taskguard.judging.causes import Cause
from taskguard.judging.grading import Grade
from taskguard.judging.verdict import NOT_EXERCISED, Outcome, Verdict
from taskguard.support.this_command import runnable

JUNIT_FILE = "junit.xml"

# What XML 1.0 has no way to write, and a payload or an error may hold.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(grade: Grade, history: History, target: str, repeat: str | None = None) -> ET.ElementTree[ET.Element]:
    """The grade as a tree: a suite named after ``target``, with the two numbers as properties, and a case for each check.

    What did not pass ends with ``repeat``, the command that makes the run again.
    Cases have no times of their own: a run is judged as a whole, and its time is the suite's.
    """
    outcomes = [verdict.outcome for verdict in grade.verdicts]
    suites = ET.Element("testsuites")
    suite = ET.SubElement(
        suites,
        "testsuite",
        name=_writable(f"taskguard on {target}"),
        tests=str(len(outcomes)),
        failures=str(outcomes.count(Outcome.FAIL)),
        errors=str(outcomes.count(Outcome.UNKNOWN)),
        skipped=str(sum(verdict.is_hollow for verdict in grade.verdicts) + outcomes.count(Outcome.NOT_APPLICABLE)),
    )
    if len(history):
        started = datetime.fromtimestamp(history[0].at_ms / 1000, UTC)
        suite.set("timestamp", started.isoformat(timespec="seconds").replace("+00:00", ""))
        suite.set("time", f"{(history[-1].at_ms - history[0].at_ms) / 1000:.3f}")
    properties = ET.SubElement(suite, "properties")
    for name, value in (("SUCCESS", grade.success), ("FAILURE", grade.failure), ("tasks", len(grade.counted))):
        ET.SubElement(properties, "property", name=name, value=str(value))
    causes = grade.cause_of
    for verdict in grade.verdicts:
        _add_case(suite, verdict, causes.get(verdict.check), repeat)
    return ET.ElementTree(suites)


def write_junit(folder: Path, grade: Grade, history: History, target: str, repeat: str | None = None) -> None:
    """Write the grade as `junit.xml` into the run's ``folder``."""
    tree = as_junit(grade, history, target, repeat)
    ET.indent(tree)
    tree.write(folder / JUNIT_FILE, encoding="utf-8", xml_declaration=True)


def _add_case(suite: ET.Element, verdict: Verdict, cause: Cause | None, repeat: str | None) -> None:
    case = ET.SubElement(suite, "testcase", classname="taskguard.checks", name=verdict.check)
    if verdict.outcome is Outcome.NOT_APPLICABLE:
        ET.SubElement(case, "skipped", message=_writable(f"{verdict.outcome}: {verdict.observed}"))
    elif verdict.outcome is not Outcome.PASS:
        kind = "failure" if verdict.outcome is Outcome.FAIL else "error"
        message = f"expected: {verdict.expected}; observed: {verdict.observed}"
        findings = [finding.message for finding in verdict.findings]
        if cause is not None:
            # One finding a case is enough where all have one cause; the report has the others.
            message = f"most likely cause: {cause.in_words}"
            findings = [*cause.lines, f"observed: {verdict.observed}", *findings[:1]]
        found = ET.SubElement(case, kind, type=str(verdict.outcome), message=_writable(message))
        again = [] if repeat is None else [f"Run it again with: {runnable(repeat)}"]
        found.text = _writable("\n".join([verdict.claim, *findings, *again]))
    elif verdict.is_hollow:
        ET.SubElement(case, "skipped", message=_writable(f"{NOT_EXERCISED}: {verdict.observed}"))
    advice = [finding.message for finding in verdict.findings] if verdict.outcome is Outcome.PASS else []
    told = [f"expected: {verdict.expected}", f"observed: {verdict.observed}", *advice]
    ET.SubElement(case, "system-out").text = _writable("\n".join(told))


def _writable(text: str) -> str:
    return _UNWRITABLE.sub(lambda character: f"\\u{ord(character[0]):04x}", text)
