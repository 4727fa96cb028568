"""The tasks that a run hands to a stage that outlives it, written down before each is sent.

Whatever ends the run, also kill -9, the file tells what it left on the stage; it is there as long as anything is. Several
processes of one test session may write to it at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from taskguard.errors import HistoryError

LEDGER_FILE = "tasks-on-stage.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the tasks are: a stage of a region; of AWS, or of the engine at ``url``. ``since`` is ISO 8601, in UTC: a record
    made before is not the run's."""

    region: str
    stage: str
    url: str | None
    since: str

    @classmethod
    def now(cls, *, region: str, stage: str, url: str | None, clock_tolerance_ms: float) -> Place:
        """For a run that begins now, on a clock that may be so far from the stage's."""
        since = datetime.now(UTC) - timedelta(milliseconds=clock_tolerance_ms)
        text = since.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return cls(region=region, stage=stage, url=url, since=text)


class Ledger:
    """The file in a run's ``folder``, and the ``place`` of the tasks that are added."""

    def __init__(self, folder: Path, place: Place) -> None:
        self.path = folder / LEDGER_FILE
        self.place = place

    def add(self, task_ids: Iterable[str]) -> None:
        """Write down tasks that are about to be sent."""
        lines = [json.dumps({**asdict(self.place), "taskId": task_id}) for task_id in task_ids]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # One write of whole lines to the end: what several processes write does not mix.
        with self.path.open("a") as file:
            file.write("".join(f"{line}\n" for line in lines))


def read_ledger(folder: Path) -> dict[Place, list[str]]:
    """The tasks written down in ``folder``, by place; empty when there is no ledger, so nothing is left.

    Raises:
        HistoryError: when the folder is not there, or the file cannot be read.
    """
    if not folder.is_dir():
        raise HistoryError(f"reading what a run left on its stage: {folder} is not a folder. Give the run's folder.")
    path = folder / LEDGER_FILE
    found: dict[Place, dict[str, None]] = {}
    try:
        for line in path.read_text().splitlines():
            document = json.loads(line)
            task_id = document.pop("taskId")
            found.setdefault(Place(**document), {})[task_id] = None
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise HistoryError(f"reading {path}: {error!r}. taskguard wrote it; was it edited?") from error
    return {place: list(task_ids) for place, task_ids in found.items()}
