"""What a function is told by its environment, read once when it starts and checked then.

A wrong setting stops the function at its start with a message that names it, instead of failing tasks later. This module
knows names, defaults and valid ranges; it must not know of AWS, and calls nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from handlers.backoff import LONGEST_VISIBILITY_SECONDS, Backoff
from handlers.failure_simulation import FailureSimulation


class SettingsError(Exception):
    """An environment variable is missing or wrong. The message names it, what was found and what is accepted."""


@dataclass(frozen=True, slots=True)
class SubmitSettings:
    """Settings of submitTask."""

    table_name: str
    task_queue_url: str


@dataclass(frozen=True, slots=True)
class RecordSettings:
    """Settings of a function that needs nothing but the records: getTask and monitorDLQ."""

    table_name: str


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """Settings of processTask."""

    table_name: str
    task_queue_url: str
    backoff: Backoff
    failure_simulation: FailureSimulation


def submit_settings(environment: Mapping[str, str]) -> SubmitSettings:
    """Reads TABLE_NAME and TASK_QUEUE_URL. Raises SettingsError."""
    return SubmitSettings(_required(environment, "TABLE_NAME"), _required(environment, "TASK_QUEUE_URL"))


def record_settings(environment: Mapping[str, str]) -> RecordSettings:
    """Reads TABLE_NAME. Raises SettingsError."""
    return RecordSettings(_required(environment, "TABLE_NAME"))


def process_settings(environment: Mapping[str, str]) -> ProcessSettings:
    """Reads all settings of processTask, with defaults for all but TABLE_NAME and TASK_QUEUE_URL. Raises SettingsError."""
    return ProcessSettings(
        table_name=_required(environment, "TABLE_NAME"),
        task_queue_url=_required(environment, "TASK_QUEUE_URL"),
        backoff=Backoff(
            base_seconds=_whole_number(environment, "BACKOFF_BASE_SECONDS", 5, 0, LONGEST_VISIBILITY_SECONDS),
            factor=_whole_number(environment, "BACKOFF_FACTOR", 2, 1, LONGEST_VISIBILITY_SECONDS),
        ),
        failure_simulation=FailureSimulation(
            rate=_probability(environment, "FAILURE_RATE", 0.3), seed=_seed(environment)
        ),
    )


def stage(environment: Mapping[str, str]) -> str:
    """Reads STAGE, which the metrics of a function are named by. Raises SettingsError."""
    return _required(environment, "STAGE")


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "").strip()
    if not value:
        raise SettingsError(f"{name} is not set: serverless.yml must give this function its value.")
    return value


def _whole_number(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environment.get(name, "").strip()
    if not text:
        return default
    # A plain pattern, because int() also takes "1_0" and the digits of other scripts.
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and least <= int(text) <= most):
        raise SettingsError(f"{name} is {text!r}: it must be a whole number from {least} to {most}.")
    return int(text)


def _probability(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise SettingsError(f"{name} is {text!r}: it must be a number from 0 to 1.")
    return value


def _seed(environment: Mapping[str, str]) -> str | None:
    seed = environment.get("FAILURE_SEED", "")
    if not seed:
        return None
    try:
        seed.encode()
    except UnicodeEncodeError:
        raise SettingsError(f"FAILURE_SEED is {seed!r}: it must be text in UTF-8.") from None
    return seed
