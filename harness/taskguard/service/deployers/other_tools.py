"""What to do with a folder that no deployer knows: it may be another tool's, which runs as a command, or the service may lie deeper."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from taskguard.service.files import NEVER_SENT

_DEEPEST = 2
_IN_A_SANDBOX = "In a sandbox it reaches the engine alone, and finds programs below /usr"


@dataclass(frozen=True, slots=True)
class _Tool:
    """Another tool that deploys, known by ``files`` (patterns), by which ``command`` (none: see ``how``), and ``how`` else."""

    name: str
    files: tuple[str, ...]
    command: str
    how: str


_TOOLS = (
    _Tool(
        "AWS Chalice",
        (".chalice/config.json",),
        "",
        "Run `chalice package packaged` (--merge-template adds its queues), then grade the folder packaged, whose sam.json is a template",
    ),
    _Tool(
        "Terraform",
        ("*.tf", "*.tf.json"),
        "terraform apply -input=false -auto-approve",
        f"Run `terraform init` there before, which fetches what it needs. {_IN_A_SANDBOX}",
    ),
    _Tool("CDK for Terraform", ("cdktf.json",), "cdktf deploy --auto-approve '*'", _IN_A_SANDBOX),
    _Tool("Pulumi", ("Pulumi.yaml", "Pulumi.yml"), "pulumi up --yes --stack dev", _IN_A_SANDBOX),
    _Tool("SST", ("sst.config.ts", "sst.config.js"), "npx sst deploy --stage dev", _IN_A_SANDBOX),
)


def what_else(service: Path, is_there: Callable[[Path], bool]) -> str:
    """What may help in this folder, as further sentences of an error; ``is_there`` tells whether a folder has a service."""
    for tool in _TOOLS:
        if (file := next((each for pattern in tool.files for each in sorted(service.glob(pattern))), None)) is not None:
            named = f"There is {file.relative_to(service)}, of {tool.name}"
            if not tool.command:
                return f"{named}. {tool.how}."
            return (
                f"{named}, which runs as a command. Write into taskguard.toml there:\n"
                f'  [service]\n  deploy = "{tool.command}"\n{tool.how} (docs/deployers.md, Command).'
            )
    if below := [f"{each.relative_to(service)}" for each in _folders(service) if is_there(each)]:
        return f"There is one in {' and in '.join(below[:3])}: name that folder, or go there."
    return "Name the folder of a service, or go there."


def _folders(service: Path) -> Iterator[Path]:
    for folder, folders, _ in os.walk(service):
        here = Path(folder)
        deep = len(here.relative_to(service).parts)
        folders[:] = sorted(each for each in folders if each not in NEVER_SENT) if deep < _DEEPEST else []
        if deep:
            yield here
