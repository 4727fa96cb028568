"""What a broken pipeline is: a small change to our own, a name, a sentence, and the check that is meant for it.

This module must not know how a variant is deployed or judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from taskguard.service.files import copy_of

from tests.change import Change
from tests.mutants.loads import FATES, Load
from tests.places import PROJECT


class FromLogs(StrEnum):
    """What becomes of a variant when there is nothing but its logs and its table: never that it passes, unless they do not tell what
    it shows in."""

    REJECTED = "rejected"
    UNKNOWN = "unknown"
    NOT_TOLD = "not told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One broken pipeline.

    ``caught_by`` begins with the check that is meant for it, which must fail with a finding that matches ``message`` (a
    regular expression); the checks after it may fail too, since one mistake often breaks several promises. ``from_logs`` is
    what the meant check says when there is nothing but logs. ``load`` is what it is given to do. With ``real_time`` it is also
    tried without a scaled clock. One that ``takes_long``, mostly because its messages stay hidden until the queue's own visibility
    timeout is over, is begun before the others. The unbroken pipeline is one without changes, which no check is meant for.
    """

    name: str
    sentence: str
    changes: tuple[Change, ...]
    caught_by: tuple[str, ...]
    message: str
    from_logs: FromLogs = FromLogs.REJECTED
    load: Load = FATES
    real_time: bool = False
    takes_long: bool = False

    @property
    def meant(self) -> str:
        """The check that is meant for it."""
        return self.caught_by[0]

    @property
    def changes_code_only(self) -> bool:
        """Whether nothing but handlers are changed, so that the template stays as it is."""
        return all(change.file.startswith("handlers/") for change in self.changes)

    def changed_files(self) -> Mapping[str, str]:
        """The new text of each file that it changes.

        Raises:
            ValueError: as :meth:`Change.applied`.
        """
        texts: dict[str, str] = {}
        for change in self.changes:
            text = texts.get(change.file) or (PROJECT / change.file).read_text(encoding="utf-8")
            try:
                texts[change.file] = change.applied(text)
            except ValueError as error:
                raise ValueError(f"variant {self.name}: {error}") from error
        return texts


@contextmanager
def broken_service(variant: Variant) -> Iterator[Path]:
    """A copy of the service with the variant's changes, ready to be deployed."""
    with TemporaryDirectory(prefix="taskguard-variant-") as folder:
        service = Path(folder)
        copy_of(PROJECT, service)
        for file, text in variant.changed_files().items():
            (service / file).write_text(text, encoding="utf-8")
        yield service
