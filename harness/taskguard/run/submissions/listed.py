"""Which submissions there are: the folders in a folder, or the lines of a CSV file with a folder each.

Their names come from strangers: what files are called after them is made of harmless characters. It must not look into a submission.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from taskguard.errors import ConfigurationError
from taskguard.service.config import DeployerName
from taskguard.support.typed import Refused, Strict, nearest, sentence, typed, unreadable

_LONGEST_PLACE = 60


class Submission(Strict, frozen=True, kw_only=True):
    """One service to be graded, in the absolute path ``folder``; ``place`` is what its folder in the gradebook is called. What is none is
    as the gradebook has it for all. The ``problem`` is why it is not run at all, where it is not."""

    name: str
    place: str
    folder: Path
    stage: str | None = None
    tasks: int | None = None
    seed: str | None = None
    deployer: DeployerName | None = None
    deadline_seconds: float | None = None
    problem: str | None = None


def submissions_in(source: Path, *, besides: Path | None = None) -> list[Submission]:
    """The submissions that a folder holds, or a CSV file lists, in the order of their names; ``besides`` is a folder that is none.

    Raises:
        ConfigurationError: there is none, or the file cannot be read; names the line.
    """
    if source.is_dir():
        found = [
            Submission(name=each.name, place="", folder=each.absolute(), problem=_LINK if each.is_symlink() else None)
            for each in source.iterdir()
            if each.is_dir() and not each.name.startswith(".") and each.resolve() != besides
        ]
        empty = "there is no folder in it. Each submission is to be a folder there, or a line of a CSV file"
    else:
        found = list(_listed(source))
        empty = "it lists no submission"
    if not found:
        raise ConfigurationError(f"Looking for submissions in {source}: {empty}.")
    return _placed(sorted(found, key=lambda each: (each.name.casefold(), each.name)))


_LINK = "It is a link, and those are not followed. Put a folder in its place, or list it in a CSV file."
_SAME = "Its folder is that of {name}, and it is graded there."


class _Line(Strict, frozen=True, kw_only=True):
    """A line of the file; a column that is not there, or is empty, says nothing."""

    folder: Annotated[str, msgspec.Meta(min_length=1)]
    name: str | None = None
    stage: str | None = None
    tasks: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None
    seed: str | None = None
    deployer: DeployerName | None = None
    deadline_seconds: Annotated[float, msgspec.Meta(gt=0)] | None = None


COLUMNS = tuple(field.name for field in msgspec.structs.fields(_Line))
"""What a CSV file may say of a submission."""


def _listed(file: Path) -> Iterator[Submission]:
    try:
        # Spreadsheets begin a file with a mark of its encoding.
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"Reading the submissions of {file}: {unreadable(error)}.") from None
    header = text.partition("\n")[0]
    lines = csv.DictReader(io.StringIO(text), delimiter=";" if ";" in header and "," not in header else ",")
    for column in lines.fieldnames or ():
        if column.strip() not in COLUMNS:
            raise ConfigurationError(
                f'Reading the submissions of {file}: unknown column "{column}"; {sentence(nearest(column, COLUMNS))}'
            )
    seen: dict[tuple[Path, str | None], str] = {}
    for cells in lines:
        line = _line(file, lines.line_num, cells)
        folder = (file.parent / line.folder).absolute()
        name = line.name or folder.name
        key = (folder.resolve(), line.stage)
        problem = _SAME.format(name=seen[key]) if key in seen else None
        seen.setdefault(key, name)
        yield Submission(
            name=name,
            place="",
            folder=folder,
            stage=line.stage,
            tasks=line.tasks,
            seed=line.seed,
            deployer=line.deployer,
            deadline_seconds=line.deadline_seconds,
            problem=problem,
        )


def _line(file: Path, number: int, cells: Mapping[str | None, str | list[str] | None]) -> _Line:
    place = f"Reading the submissions of {file}, line {number}"
    if None in cells:
        raise ConfigurationError(f"{place}: it has more cells than there are columns.")
    given = {
        str(name).strip(): value.strip() for name, value in cells.items() if isinstance(value, str) and value.strip()
    }
    values = {name: _number(value) if name in ("tasks", "deadline_seconds") else value for name, value in given.items()}
    try:
        return typed(_Line, values)
    except Refused as refused:
        raise ConfigurationError(f"{place}: {sentence(refused)}") from None


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _placed(submissions: Sequence[Submission]) -> list[Submission]:
    """The submissions, each with a place and a name of its own."""
    places: set[str] = set()
    names: dict[str, int] = {}
    found = []
    for each in submissions:
        names[each.name] = names.get(each.name, 0) + 1
        name = each.name if names[each.name] == 1 else f"{each.name} ({names[each.name]})"
        place = place_of(name, places)
        # Some file systems do not tell upper case from lower case.
        places.add(place.casefold())
        found.append(msgspec.structs.replace(each, name=name, place=place))
    return found


def place_of(name: str, taken: Iterable[str] = ()) -> str:
    """What a folder is called after a name: the same, where that is harmless anywhere, and not ``taken``."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:_LONGEST_PLACE]
    if plain == name and plain.casefold() not in taken:
        return plain
    digest = hashlib.sha256(name.encode("utf-8", errors="surrogateescape")).hexdigest()
    return f"{plain or 'submission'}-{digest[:8]}"
