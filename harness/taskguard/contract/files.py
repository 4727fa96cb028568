"""Contracts as files: those that are built in, by name, and those that somebody wrote, by path."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

from taskguard.contract.contract import Contract
from taskguard.errors import ConfigurationError
from taskguard.support.typed import Refused, sentence, typed_toml, unreadable

AS_DEPLOYED = "as-deployed"
"""The built-in contract that holds where none is named."""

_SUFFIX = ".toml"


@cache
def built_in(name: str) -> Contract:
    """The built-in contract of this name.

    Raises:
        KeyError: there is none.
    """
    if name not in names_of_built_in():
        raise KeyError(name)
    return typed_toml(Contract, (_folder() / f"{name}{_SUFFIX}").read_text(encoding="utf-8"))


def names_of_built_in() -> list[str]:
    """The names of the contracts that are built in."""
    return sorted(file.name.removesuffix(_SUFFIX) for file in _folder().iterdir() if file.name.endswith(_SUFFIX))


def contract_named(name: str, beside: Path = Path()) -> Contract:
    """A built-in contract by its name, or one in a file by its path, which may be relative to the folder ``beside``.

    Raises:
        ConfigurationError: there is none, or it cannot be read.
    """
    if name in names_of_built_in():
        return built_in(name)
    path = beside / name
    if not path.exists():
        raise ConfigurationError(
            f"Looking for the contract {name}: it is not built in ({', '.join(names_of_built_in())}), and there is no file {path}."
        )
    return read_contract(path)


def read_contract(path: Path) -> Contract:
    """The contract in a file.

    Raises:
        ConfigurationError: it cannot be read; names the file and the place.
    """
    try:
        return typed_toml(Contract, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"Reading the contract {path}: {unreadable(error)}.") from error
    except Refused as refused:
        raise ConfigurationError(
            f"Reading the contract {path}: {sentence(refused)} docs/contract.md has all keys."
        ) from None


def _folder() -> resources.abc.Traversable:
    return resources.files(__package__) / "contracts"
