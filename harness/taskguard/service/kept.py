"""What ``taskguard up`` leaves behind for the commands after it: the engine, the stage, and ``.env`` for other tools."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from dotenv import dotenv_values

from taskguard.errors import TargetError
from taskguard.places import Places
from taskguard.service.config import config_of
from taskguard.service.deployment import read_stack
from taskguard.service.ours import api_auth_of
from taskguard.service.stack import Stack
from taskguard.support.this_command import runnable
from taskguard.targets.aws_errors import by_an_engine
from taskguard.targets.base import Endpoint, Instance
from taskguard.targets.registry import instance_from_json

_STATE_FILE = "up.json"
_HEADER = "# Written by `taskguard up`; `taskguard down` removes it."


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningStack:
    """The engine that is up and the stage deployed to it; ``name`` is the stack's, none in a note of before; ``set_aside``
    is what was not deployed of the service."""

    instance: Instance
    stage: str
    name: str | None = None
    set_aside: tuple[str, ...] = ()

    @classmethod
    def of(cls, instance: Instance, stack: Stack) -> Self:
        """The stack that has just been deployed to this engine."""
        return cls(
            instance=instance.in_region(stack.region), stage=stack.stage, name=stack.name, set_aside=stack.set_aside
        )

    @classmethod
    def load(cls, places: Places) -> Self | None:
        """What is up for the service in ``places``; none when nothing is, or when what was has ended by itself."""
        try:
            document = json.loads((places.state / _STATE_FILE).read_text())
            document["set_aside"] = tuple(document.get("set_aside", ()))
            running = cls(instance=instance_from_json(json.dumps(document.pop("instance"))), **document)
            return running if running.instance.is_running() else None
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def save(self, places: Places) -> None:
        """Write ``.env``, and remember it."""
        write_env(places, self.instance.endpoint(), self.stack(places))
        self.note(places)

    def note(self, places: Places) -> None:
        """Let the commands that come find the engine."""
        document = {
            "instance": json.loads(self.instance.to_json()),
            "stage": self.stage,
            "name": self.name,
            "set_aside": self.set_aside,
        }
        places.state.mkdir(parents=True, exist_ok=True)
        (places.state / _STATE_FILE).write_text(json.dumps(document, indent=2) + "\n")

    def stack(self, places: Places) -> Stack:
        """What is deployed there.

        Raises:
            DeploymentError: it cannot be read.
        """
        choices = config_of(places.service).choices
        stack = read_stack(self.instance.endpoint(), self.stage, name=self.name, choices=choices)
        return replace(stack, set_aside=self.set_aside)

    @classmethod
    def make_sure_there_is_none(cls, places: Places) -> None:
        """Look beforehand for what would keep a new stack from staying.

        Raises:
            TargetError: when one is up, or there is an ``.env`` that is not ours to overwrite.
        """
        running = cls.load(places)
        if running is not None:
            raise TargetError(
                f"starting a stack that stays: one is up already, stage {running.stage} at "
                f"{running.instance.endpoint().place}. Stop it first: `{runnable('taskguard down')}`."
            )
        _refuse_foreign_env(places.env_file)

    @staticmethod
    def forget(places: Places) -> None:
        """Remove what :meth:`save` wrote. A ``.env`` of the user's own stays."""
        (places.state / _STATE_FILE).unlink(missing_ok=True)
        if places.env_file.exists() and places.env_file.read_text().startswith(_HEADER):
            places.env_file.unlink()


def write_env(places: Places, endpoint: Endpoint, stack: Stack) -> None:
    """Write the keys of ``env.example``, with the stack's values.

    Raises:
        TargetError: when there is a ``.env`` that is not ours to overwrite.
    """
    values = {
        "TASKS_QUEUE_URL": stack.work_queue.url,
        "DLQ_URL": stack.dead_letter_queue.url if stack.dead_letter_queue is not None else "",
        "API_ID": stack.ingress.api.id,
        "API_AUTH": api_auth_of(stack),
        "API_KEY_ID": next(iter(stack.ingress.api.key_ids), ""),
        "AWS_REGION": stack.region,
        "AWS_ENDPOINT_URL": str(endpoint.url),
        "STAGE": stack.stage,
    }
    _refuse_foreign_env(places.env_file)
    lines = [_HEADER, *(f"{name}={value}" for name, value in values.items())]
    places.env_file.write_text("\n".join(lines) + "\n")


def _refuse_foreign_env(file: Path) -> None:
    if file.exists() and not file.read_text().startswith(_HEADER):
        raise TargetError(f"writing {file}: there is one that taskguard did not write. Move it away and try again.")


def from_env(places: Places) -> tuple[Endpoint, Stack]:
    """The stack that ``.env`` names; with the engine's recording, when it is the engine that ``taskguard up`` started.

    Raises:
        TargetError: when there is no such file, or it lacks a key.
    """
    values = dotenv_values(places.env_file)
    missing = [key for key in ("AWS_ENDPOINT_URL", "AWS_REGION") if not values.get(key)]
    if missing:
        state = f"has no {' and no '.join(missing)}" if places.env_file.exists() else "is not there"
        raise TargetError(
            f"reading {places.env_file}: it {state}. `{runnable('taskguard up')}` writes it; env.example shows its keys."
        )
    endpoint = Endpoint(target="endpoint", url=str(values["AWS_ENDPOINT_URL"]), region=str(values["AWS_REGION"]))
    running = RunningStack.load(places)
    if running is not None and running.instance.endpoint().url == endpoint.url:
        endpoint = running.instance.endpoint()
        if running.stage == (values.get("STAGE") or running.stage):
            return endpoint, running.stack(places)
    with by_an_engine(str(endpoint.url)):
        return endpoint, read_stack(endpoint, values.get("STAGE") or "dev", choices=config_of(places.service).choices)
