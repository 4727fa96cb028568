"""Packages the service with a Serverless CLI, as a deploy does, without an engine and without AWS.

Each packaging works on a copy of the service in a folder of its own. It knows the service's files and the CLI's output.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.places import PROJECT

FUNCTIONS = ("submitTask", "getTask", "processTask", "monitorDLQ")
TOPIC = "arn:aws:sns:eu-central-1:123456789012:alarms"

_NO_NETWORK = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT"
    r"|NewConnectionError|NameResolutionError|Failed to establish a new connection|Network is unreachable"
)


@dataclass(frozen=True)
class Packaging:
    """How to package: with which options and surroundings. `template_only` leaves out what only makes the archive."""

    options: tuple[str, ...] = ()
    template_only: bool = False
    umask: int = 0o022
    environment: Mapping[str, str] = field(default_factory=dict)
    node_modules: Path = PROJECT / "node_modules"


@dataclass(frozen=True)
class Package:
    """A packaged service."""

    template_text: str
    archive: Path

    @property
    def template(self) -> dict[str, Any]:
        template: dict[str, Any] = json.loads(self.template_text)
        return template

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        resources = self.template["Resources"].items()
        return {name: resource["Properties"] for name, resource in resources if resource["Type"] == kind}

    def resource(self, name: str) -> dict[str, Any]:
        properties: dict[str, Any] = self.template["Resources"][name]["Properties"]
        return properties

    @property
    def entries(self) -> list[zipfile.ZipInfo]:
        with zipfile.ZipFile(self.archive) as archive:
            return archive.infolist()

    @property
    def files(self) -> list[str]:
        return [entry.filename for entry in self.entries]


def package(folder: Path, packaging: Packaging) -> Package:
    """Packages a copy of the service in `folder`, which is made."""
    result = try_to_package(folder, packaging)
    if result.returncode and _NO_NETWORK.search(result.stdout):
        without_network("the handlers' dependencies", result.stdout)
    assert result.returncode == 0, result.stdout
    return read_package(folder)


def try_to_package(folder: Path, packaging: Packaging) -> subprocess.CompletedProcess[str]:
    """Packages as `package` does, and answers with how the CLI ended; its words are in `stdout`."""
    _copy_service(folder, packaging)
    return subprocess.run(
        ["node_modules/.bin/serverless", "package", *packaging.options],
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SERVERLESS_"))},
            "SLS_TELEMETRY_DISABLED": "1",
            "SLS_NOTIFICATIONS_MODE": "off",
            **packaging.environment,
        },
        umask=packaging.umask,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def read_package(folder: Path) -> Package:
    """What was packaged in `folder`."""
    made = folder / ".serverless"
    return Package((made / "cloudformation-template-update-stack.json").read_text(), made / "TaskGuard.zip")


def without_network(what: str, said: str) -> NoReturn:
    """Skips the test, for want of a network; in CI, where there is one, fails it."""
    end = f"Could not fetch {what}: there is no network. The end of what was said:\n{said[-1_000:]}"
    if os.environ.get("CI"):
        pytest.fail(end)
    pytest.skip(end)


def _copy_service(folder: Path, packaging: Packaging) -> None:
    left_out = ("package.json", "requirements.txt") if packaging.template_only else ("__pycache__",)
    folder.mkdir(parents=True)
    for name in ("serverless", "handlers"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns(*left_out))
    for name in {"serverless.yml", "package.json"}.difference(left_out):
        shutil.copy2(PROJECT / name, folder / name)
    # As they would be in a checkout made with this umask, at another time than the other ones.
    for path in folder.rglob("*"):
        path.chmod((0o777 if path.is_dir() else 0o666) & ~packaging.umask)
    (folder / "node_modules").symlink_to(packaging.node_modules)
