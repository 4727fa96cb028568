"""What npm and PyPI tell of vulnerabilities is a failure, what they do not tell is no pass."""

from __future__ import annotations

import json
from typing import Any

import pytest
from taskguard.errors import SetupError

from tools.audit import Audit, accepted_in, of_npm, of_pip, verdict

ADVISORY = {"title": "reads any file", "url": "https://example.org/advisories/GHSA-1", "severity": "high"}
NPM = {"vulnerabilities": {"a": {"via": [ADVISORY, "b"]}, "c": {"via": ["a"]}}}
PIP = {
    "dependencies": [
        {"name": "safe", "version": "1.0", "vulns": []},
        {
            "name": "unsafe",
            "version": "2.0",
            "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"], "aliases": ["CVE-1"], "description": "long"}],
        },
    ]
}
SKIPPED = {"name": "b", "skip_reason": "Dependency not found on PyPI and could not be audited: b (1.0)"}


def npm(told: Any) -> Audit:
    return of_npm("package-lock.json", told if isinstance(told, str) else json.dumps(told))


def pip(told: Any, error: str = "") -> Audit:
    return of_pip("development.txt", told if isinstance(told, str) else json.dumps(told), error)


def test_an_advisory_of_npms_is_found_once_with_its_package() -> None:
    [found] = npm(NPM).found
    assert (found.package, found.ids, found.about) == ("a", ("GHSA-1",), "reads any file")


def test_an_advisory_of_pypis_is_found_by_all_its_ids() -> None:
    [found] = pip(PIP).found
    assert (found.package, found.ids, found.about) == ("unsafe 2.0", ("PYSEC-1", "CVE-1"), "repaired in 2.1")


def test_what_is_known_fails_and_is_named() -> None:
    lines, code = verdict([npm(NPM), pip(PIP)], {})
    assert code == 1
    assert lines[0] == "package-lock.json: vulnerable: a: GHSA-1: reads any file"
    assert lines[1] == "development.txt: vulnerable: unsafe 2.0: PYSEC-1, CVE-1: repaired in 2.1"


def test_what_is_known_fails_though_something_else_could_not_be_judged() -> None:
    assert verdict([npm(NPM), pip("")], {})[1] == 1


@pytest.mark.parametrize(
    ("audit", "reason"),
    [
        (npm({"message": "405 Method Not\n Allowed", "statusCode": 405}), "405 Method Not Allowed"),
        (npm(""), "npm audit gave no answer"),
        (npm("[]"), "npm audit gave no answer"),
        (pip("", "Traceback\n  ConnectionError: no route\n"), "ConnectionError: no route"),
        (pip("", ""), "pip-audit gave no answer"),
        (
            pip({"dependencies": [SKIPPED, PIP["dependencies"][0]]}),
            "1 of 2 packages: Dependency not found on PyPI and could not be audited",
        ),
    ],
)
def test_a_service_that_does_not_answer_is_no_pass(audit: Audit, reason: str) -> None:
    lines, code = verdict([audit, npm({"vulnerabilities": {}})], {})
    assert code == 2
    assert lines[0] == f"{audit.of}: could not be judged: {reason}"
    assert "no pass" in lines[-1]


def test_nothing_known_is_a_pass() -> None:
    audits = [npm({"vulnerabilities": {}}), pip({"dependencies": PIP["dependencies"][:1]})]
    assert verdict(audits, {}) == (["package-lock.json: nothing is known", "development.txt: nothing is known"], 0)


def test_what_is_accepted_by_any_of_its_ids_is_told_with_its_reason() -> None:
    lines, code = verdict([pip(PIP)], accepted_in("# why\n\nCVE-1  only when it is given a file\n"))
    assert code == 0
    assert lines[0].startswith("development.txt: accepted: unsafe 2.0: ")
    assert lines[0].endswith("(only when it is given a file)")


def test_nothing_is_accepted_without_a_reason() -> None:
    with pytest.raises(SetupError, match="CVE-1 has no reason"):
        accepted_in("CVE-1\n")
