"""What the plugin serverless-python-requirements will ask pip for, as far as a service's file says it without being resolved."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from taskguard.errors import DeploymentError
from taskguard.service.deployers.dependencies import REQUIREMENTS
from taskguard.service.deployers.templates import read_document

_FILE = "serverless.yml"
_PLUGIN = "serverless-python-requirements"


def requirements_of(folder: Path) -> tuple[list[Path], list[str]]:
    """The files of requirements in this copy of a service, and pip's further options; nothing where the plugin is not asked for, or the
    service's file is a program."""
    try:
        told = read_document(folder / _FILE) if (folder / _FILE).is_file() else None
    except DeploymentError:
        # Whoever reads it next says so.
        return [], []
    plugins = told.get("plugins") if isinstance(told, Mapping) else None
    named = plugins.get("modules") if isinstance(plugins, Mapping) else plugins
    if not isinstance(told, Mapping) or not isinstance(named, list) or _PLUGIN not in named:
        return [], []
    custom = told.get("custom")
    settings = custom.get("pythonRequirements") if isinstance(custom, Mapping) else None
    settings = settings if isinstance(settings, Mapping) else {}
    name = Path(str(settings.get("fileName") or REQUIREMENTS)).name
    files = [file for file in sorted(folder.rglob(name)) if "node_modules" not in file.relative_to(folder).parts]
    extra = settings.get("pipCmdExtraArgs")
    options = [str(each) for each in extra if "${" not in str(each)] if isinstance(extra, list) else []
    return files, [word for each in options for word in shlex.split(each)]
