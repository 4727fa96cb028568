"""What ``taskguard up`` leaves behind for the commands after it: the engine, the stage, and ``.env`` for other tools."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dotenv import dotenv_values

from harness.deployment import Stack, read_stack
from harness.errors import TargetError
from harness.paths import PROJECT, STATE
from harness.targets.base import Endpoint
from harness.targets.localstack import Instance

ENV_FILE = PROJECT / ".env"
_STATE_FILE = STATE / "up.json"
_HEADER = "# Written by `taskguard up`; `taskguard down` removes it."


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningStack:
    """The engine that is up and the stage deployed to it, with the seed and rate of its failure simulation."""

    instance: Instance
    stage: str
    failure_seed: str | None
    failure_rate: float

    @classmethod
    def load(cls) -> Self | None:
        """What is up; none when nothing is, or when what was has ended by itself."""
        try:
            document = json.loads(_STATE_FILE.read_text())
            instance = Instance(**document.pop("instance"))
        except (OSError, ValueError, TypeError):
            return None
        return cls(instance=instance, **document) if instance.is_running() else None

    @classmethod
    def require(cls) -> Self:
        """As :meth:`load`.

        Raises:
            TargetError: when nothing is up.
        """
        running = cls.load()
        if running is None:
            raise TargetError("looking for a running stack: nothing is up. Start one with `taskguard up`.")
        return running

    def save(self) -> None:
        """Remember it, and write ``.env``."""
        document = {
            "instance": json.loads(self.instance.to_json()),
            "stage": self.stage,
            "failure_seed": self.failure_seed,
            "failure_rate": self.failure_rate,
        }
        _STATE_FILE.parent.mkdir(parents=True, exist_ok=True)
        _STATE_FILE.write_text(json.dumps(document, indent=2) + "\n")
        write_env(self.instance.endpoint(), read_stack(self.instance.endpoint(), self.stage))

    @staticmethod
    def forget() -> None:
        """Remove what :meth:`save` wrote. A ``.env`` of the user's own stays."""
        _STATE_FILE.unlink(missing_ok=True)
        if ENV_FILE.exists() and ENV_FILE.read_text().startswith(_HEADER):
            ENV_FILE.unlink()


def write_env(endpoint: Endpoint, stack: Stack) -> None:
    """Write the keys of ``env.example``, with the stack's values.

    Raises:
        TargetError: when there is a ``.env`` that is not ours to overwrite.
    """
    values = {
        "TASKS_QUEUE_URL": stack.task_queue_url,
        "DLQ_URL": stack.dead_letter_queue_url,
        "API_ID": stack.api_id,
        "AWS_REGION": stack.region,
        "AWS_ENDPOINT_URL": endpoint.url,
        "STAGE": stack.stage,
    }
    if ENV_FILE.exists() and not ENV_FILE.read_text().startswith(_HEADER):
        raise TargetError(f"writing {ENV_FILE}: there is one that taskguard did not write. Move it away and try again.")
    lines = [_HEADER, *(f"{name}={value}" for name, value in values.items())]
    ENV_FILE.write_text("\n".join(lines) + "\n")


def from_env(path: Path = ENV_FILE) -> tuple[Endpoint, Stack]:
    """The stack that ``.env`` names.

    Raises:
        TargetError: when there is no such file, or it lacks a key.
    """
    values = dotenv_values(path)
    missing = [key for key in ("AWS_ENDPOINT_URL", "AWS_REGION") if not values.get(key)]
    if missing:
        state = f"has no {' and no '.join(missing)}" if path.exists() else "is not there"
        raise TargetError(f"reading {path}: it {state}. `taskguard up` writes it; env.example shows its keys.")
    endpoint = Endpoint(target="endpoint", url=str(values["AWS_ENDPOINT_URL"]), region=str(values["AWS_REGION"]))
    return endpoint, read_stack(endpoint, values.get("STAGE") or "dev")
