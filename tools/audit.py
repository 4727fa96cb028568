"""Looks for known vulnerabilities in all that is locked: `make audit`.

Two services are asked, through their ordinary clients: the npm registry's advisories (``npm audit``) and PyPI's (``pip-audit``). A
service that cannot be reached leaves what it was asked about unjudged, and that is never a pass. Exit codes: 0 nothing is known, 1 a
vulnerability is, 2 something could not be judged.

``requirements/accepted-advisories.txt`` has what is known and lived with: an advisory's id and the reason, one a line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taskguard.errors import SetupError
from taskguard.targets.environments import engine_python, installed

from tests.places import PLACES, PROJECT

_LOCK = PROJECT / "requirements" / "audit.txt"
_ACCEPTED = PROJECT / "requirements" / "accepted-advisories.txt"
# handlers/requirements.txt is what goes to AWS; the others stay on machines of developers and CI.
_LOCKED = ("handlers/requirements.txt", "harness/taskguard/data/*.txt", "requirements/*.txt")
_NO_LOCKS = (_ACCEPTED.name, "localstack-constraints.txt")
_MOST_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Vulnerability:
    """A locked package of which an advisory is known, by all of the advisory's ids."""

    package: str
    ids: tuple[str, ...]
    about: str

    def __str__(self) -> str:
        return f"{self.package}: {', '.join(self.ids)}: {self.about}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What was found out about one file; ``unjudged`` says what was not, and why."""

    of: str
    found: tuple[Vulnerability, ...] = ()
    unjudged: tuple[str, ...] = ()


def of_npm(file: str, text: str) -> Audit:
    """What ``npm audit --json`` tells."""
    told = _parsed(text)
    if "vulnerabilities" not in told:
        return Audit(of=file, unjudged=(_one_line(told.get("message")) or "npm audit gave no answer",))
    advisories = {
        (package, str(via["url"]).rsplit("/", 1)[-1]): str(via["title"])
        for package, each in told["vulnerabilities"].items()
        # A name alone refers to the package that has the advisory.
        for via in each["via"]
        if isinstance(via, Mapping)
    }
    found = [Vulnerability(package=name, ids=(known,), about=about) for (name, known), about in advisories.items()]
    return Audit(of=file, found=tuple(found))


def of_pip(file: str, text: str, error: str = "") -> Audit:
    """What ``pip-audit --format json`` tells, and the end of what it said when it told nothing."""
    told = _parsed(text)
    if "dependencies" not in told:
        return Audit(of=file, unjudged=(_last_line(error) or "pip-audit gave no answer",))
    skipped = [each for each in told["dependencies"] if "skip_reason" in each]
    reasons = sorted({str(each["skip_reason"]).split(":")[0].split(" (")[0] for each in skipped})
    found = [
        Vulnerability(
            package=f"{each['name']} {each['version']}",
            ids=(known["id"], *known["aliases"]),
            about=f"repaired in {', '.join(known['fix_versions']) or 'no version yet'}",
        )
        for each in told["dependencies"]
        for known in each.get("vulns", ())
    ]
    unjudged = (f"{len(skipped)} of {len(told['dependencies'])} packages: {'; '.join(reasons)}",) if skipped else ()
    return Audit(of=file, found=tuple(found), unjudged=unjudged)


def accepted_in(text: str) -> dict[str, str]:
    """Accepted advisories with their reasons.

    Raises:
        SetupError: when one has no reason.
    """
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for line in lines:
        if len(line) < 2:
            raise SetupError(f"reading {_ACCEPTED}: {line[0]} has no reason. Write why it is lived with beside it.")
    return {line[0]: line[1] for line in lines}


def verdict(audits: Sequence[Audit], accepted: Mapping[str, str]) -> tuple[list[str], int]:
    """What to say, and the exit code."""
    lines, known, unjudged = [], 0, 0
    for audit in audits:
        told = [f"vulnerable: {each}" for each in audit.found if not accepted.keys() & set(each.ids)]
        lived_with = [each for each in audit.found if accepted.keys() & set(each.ids)]
        known, unjudged = known + len(told), unjudged + len(audit.unjudged)
        told += [f"accepted: {each} ({accepted[next(i for i in each.ids if i in accepted)]})" for each in lived_with]
        told += [f"could not be judged: {reason}" for reason in audit.unjudged]
        lines += [f"{audit.of}: {line}" for line in told or ["nothing is known"]]
    if known:
        lines.append(
            f"\nmake audit: {known} known vulnerabilities. Update what has them (`make lock`, `npm update`), or accept one with "
            f"its reason in {_ACCEPTED.relative_to(PROJECT)}."
        )
    elif unjudged:
        lines.append(
            "\nmake audit: not all of it could be judged, which is no pass. Run it where npm's and PyPI's advisories can be "
            "reached; a registry that only mirrors packages has none."
        )
    return lines, 1 if known else 2 if unjudged else 0


def main() -> int:
    try:
        accepted = accepted_in(_ACCEPTED.read_text())
        lines, code = verdict([_npm(), *_pip()], accepted)
    except SetupError as error:
        lines, code = [f"make audit: could not be judged: {error}"], 2
    print("\n".join(lines))
    return code


def _npm() -> Audit:
    # The registry is the user's own, as npm is set up.
    done = _run(["npm", "audit", "--json", "--package-lock-only"])
    return of_npm("package-lock.json", done.stdout)


def _pip() -> Iterator[Audit]:
    tools = installed(_LOCK, engine_python(), PLACES.cache, "pip-audit").packages
    for pattern in _LOCKED:
        for file in sorted(PROJECT.glob(pattern)):
            if file.name not in _NO_LOCKS:
                # The files are whole and hashed: nothing is resolved or installed.
                command = [
                    sys.executable,
                    "-m",
                    "pip_audit",
                    "--format",
                    "json",
                    "--progress-spinner",
                    "off",
                    "--disable-pip",
                ]
                done = _run([*command, "--require-hashes", "--requirement", str(file)], PYTHONPATH=str(tools))
                yield of_pip(file.relative_to(PROJECT).as_posix(), done.stdout, done.stderr)


def _run(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            cwd=PROJECT,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=_MOST_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, stdout="", stderr=str(error))


def _parsed(text: str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _one_line(text: object) -> str:
    return " ".join(str(text or "").split())


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return _one_line(lines[-1]) if lines else ""


if __name__ == "__main__":
    sys.exit(main())
