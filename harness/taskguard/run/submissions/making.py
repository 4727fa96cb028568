"""Grades submissions, each by a process of its own with an engine, a deadline and a folder of its own, so that one that crashes, hangs or
takes all memory holds up no other.

What is done already, of the same files on the same terms, is not done again. It tells typed events, and shows nothing. It must not know
how a grade is judged.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from taskguard import __version__
from taskguard.contract.contract import Contract
from taskguard.errors import ConfigurationError, ExitCode, TaskGuardError
from taskguard.history import MANIFEST_FILE
from taskguard.ingress.access import FOR_SUBMISSIONS
from taskguard.places import cache_folder
from taskguard.run.manifests import digests_of_service
from taskguard.run.not_made import NotMade
from taskguard.run.submissions.kept import CONSOLE_FILE, OF_ERRORS, RUN_FOLDER, End, Kept
from taskguard.run.submissions.listed import Submission
from taskguard.run.submissions.process import GRACE_SECONDS, Program, Stopped, run
from taskguard.service.config import CONFIG_FILE, config_of
from taskguard.service.deployers.choosing import is_there
from taskguard.service.files import digest_of
from taskguard.service.ours import is_ours
from taskguard.support import folders
from taskguard.support.typed import untyped

SUBMISSIONS_FOLDER = "submissions"
_MOST_LINES = 12
_LONGEST_LINE = 300
_DIFFERS = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1"),
    (re.compile(r"/\S*/taskguard-[\w./-]*"), "…"),
    (re.compile(r"(execute-api)/\w+"), r"\1/…"),
)
"""What differs from run to run, and what stands in its place."""
_OF_A_TRACE = re.compile(r"\s+at .+:\d+\)?$")
"""Where JavaScript was when it failed, which stands below what failed."""
_OF_THAT_MOMENT = re.compile(
    r"\s*(\d+/\d+ |fails already:|✗ )|taskguard: (interrupted|the run ended early)|What was seen until then is kept"
)
"""Lines of a run that is stopped which tell how far it was, and that it was stopped."""
_IS_A_GRADE = (ExitCode.PASSED, ExitCode.FAILED, ExitCode.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for all submissions: the ``contract`` and its file or name, and what each run is to be where a submission says nothing.
    ``sandboxed`` is as :class:`taskguard.run.stages.Asked` has it."""

    contract_name: str
    contract: Contract
    tasks: int
    seed: str
    clock_scale: float
    deadline_seconds: float
    sandboxed: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A submission has come to its end, as ``kept``; ``before``: it had been graded already."""

    submission: Submission
    kept: Kept
    before: bool = False


Tell = Callable[[Done], None]


@dataclass(frozen=True, kw_only=True)
class Grading:
    """How submissions are graded into the folder ``out``, on these ``terms``, as many at a time as there are ``jobs``. ``command`` are
    the words that stand before those of ``taskguard grade``."""

    out: Path
    terms: Terms
    command: Sequence[str]
    jobs: int
    grace_seconds: float = GRACE_SECONDS
    abandoned: threading.Event = field(default_factory=threading.Event)

    def folder_of(self, submission: Submission) -> Path:
        """The submission's folder in the gradebook's."""
        return self.out / SUBMISSIONS_FOLDER / submission.place

    def grade(self, submissions: Sequence[Submission], tell: Tell) -> None:
        """Grade all that is not done. When this is left, by an interrupt too, nothing that was started runs any more.

        Raises:
            ConfigurationError: the folder is used by another gradebook, or holds something else.
        """
        with self._alone(), ThreadPoolExecutor(self.jobs, thread_name_prefix="submission") as pool:
            begun = [pool.submit(self._done, each) for each in submissions]
            try:
                for future in as_completed(begun):
                    if (done := future.result()) is not None:
                        tell(done)
            except BaseException:
                self.abandoned.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if self.out.exists() and any(self.out.iterdir()) and not (self.out / SUBMISSIONS_FOLDER).is_dir():
            raise ConfigurationError(
                f"Making a gradebook in {self.out}: it holds something else. Name a new folder, or a gradebook's."
            )
        (self.out / SUBMISSIONS_FOLDER).mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.out / SUBMISSIONS_FOLDER / ".lock", timeout=0):
                yield
        except Timeout:
            raise ConfigurationError(
                f"Making a gradebook in {self.out}: another one is being made there. Wait for it."
            ) from None

    def _done(self, submission: Submission) -> Done | None:
        """How it ended; none where it was interrupted, so that nothing is known of it."""
        folder = self.folder_of(submission)
        try:
            digest, why_not = self._digest(submission), None
        except Exception as error:  # whatever strangers' files bring about concerns this submission alone
            digest, why_not = "", error
        if digest and (before := _kept_before(folder, digest)):
            return Done(submission=submission, kept=before, before=True)
        folders.remove(folder)
        folder.mkdir(parents=True)
        kept = self._not_tried(submission, why_not) or self._tried(submission, folder, digest)
        if kept is None:
            return None
        kept.write(folder)
        return Done(submission=submission, kept=kept)

    def _not_tried(self, submission: Submission, why_not: Exception | None) -> Kept | None:
        if submission.problem is not None:
            return Kept(name=submission.name, end=End.NOT_TRIED, said=(submission.problem,))
        if not submission.folder.is_dir():
            return Kept(name=submission.name, end=End.NO_SERVICE, said=("There is no such folder.",))
        if why_not is None:
            if is_there(submission.folder):
                return None
            return Kept(name=submission.name, end=End.NO_SERVICE, said=_services_below(submission.folder))
        end = OF_ERRORS.get(type(why_not).__name__, End.NOT_RUN)
        return Kept(name=submission.name, end=end, said=self._without_places(str(why_not), submission))

    def _tried(self, submission: Submission, folder: Path, digest: str) -> Kept | None:
        program = Program(
            words=[*self.command, *self._arguments(submission, folder / RUN_FOLDER)],
            folder=folder,
            log=folder / CONSOLE_FILE,
            deadline_seconds=submission.deadline_seconds or self.terms.deadline_seconds,
            grace_seconds=self.grace_seconds,
            hidden=_not_for(submission),
        )
        if self.abandoned.is_set():
            return None
        ended = run(program, self.abandoned)
        if ended is Stopped.ABANDONED:
            return None
        end, said = _how_it_ended(ended, folder)
        return Kept(name=submission.name, end=end, digest=digest, said=self._without_places(said, submission))

    def _arguments(self, submission: Submission, run_folder: Path) -> Iterator[str]:
        terms, seed = self.terms, submission.seed or self.terms.seed
        contract = Path(terms.contract_name)
        yield from (str(submission.folder), "--fresh", "--out", str(run_folder.absolute()))
        yield from ("--contract", str(contract.absolute()) if contract.exists() else terms.contract_name)
        yield from ("--tasks", str(submission.tasks or terms.tasks), "--clock-scale", f"{terms.clock_scale:g}")
        # Of our own service the seed decides what fails, too.
        yield from ("--seed" if is_ours(submission.folder) else "--tasks-seed", seed)
        for option, value in (("--stage", submission.stage), ("--deployer", submission.deployer)):
            if value is not None:
                yield from (option, str(value))
        if terms.sandboxed is not None:
            yield "--sandbox" if terms.sandboxed else "--no-sandbox"

    def _digest(self, submission: Submission) -> str:
        """Of all that decides how it is graded; empty where it is not to be."""
        if submission.problem is not None or not submission.folder.is_dir() or not is_there(submission.folder):
            return ""
        service, terms = submission.folder, self.terms
        decides = {
            "taskguard": __version__,
            "service": digests_of_service(service, submission.deployer),
            "beside": {name: digest_of(service / name) for name in ("package.json", CONFIG_FILE)},
            "contract": untyped(terms.contract),
            "run": [submission.tasks or terms.tasks, submission.seed or terms.seed, terms.clock_scale, terms.sandboxed],
            "stage": [submission.stage, submission.deployer],
        }
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()

    def _without_places(self, said: str, submission: Submission) -> tuple[str, ...]:
        """The last lines of what was said, without what differs from machine to machine, or from run to run."""
        places = (
            (self.folder_of(submission), "."),
            (submission.folder, submission.name),
            (self.out, "."),
            (cache_folder(), "…"),
        )
        names = {
            path: name for place, name in places for path in (str(place), str(place.absolute()), str(place.resolve()))
        }
        # One may be part of another.
        for path in sorted(names, key=len, reverse=True):
            said = said.replace(path, names[path])
        for differs, name in _DIFFERS:
            said = differs.sub(name, said)
        lines = [
            line.rstrip()[:_LONGEST_LINE] for line in said.splitlines() if line.strip() and not _OF_A_TRACE.match(line)
        ]
        return tuple(lines if len(lines) <= _MOST_LINES else [lines[0], "…", *lines[2 - _MOST_LINES :]])


def _services_below(folder: Path) -> tuple[str, ...]:
    """Where a service is instead, as an archive's folder within the folder often is."""
    found = [each for each in sorted(folder.glob("*/")) + sorted(folder.glob("*/*/")) if not each.is_symlink()]
    names = [each.relative_to(folder).as_posix() for each in found if _may_be_there(each)]
    told = f"There is one in {', '.join(names)}: move it up, or list that folder in a CSV file."
    return (told,) if names else ()


def _may_be_there(folder: Path) -> bool:
    try:
        return is_there(folder)
    except (TaskGuardError, OSError):
        return True


def _not_for(submission: Submission) -> frozenset[str]:
    """The variables of the environment that a submission's headers name, and that nobody meant for it: a function would have them in its
    event, and a log would tell them."""
    named = config_of(submission.folder).dialect.ingress.variables
    return frozenset(name for name in named if not name.startswith(FOR_SUBMISSIONS))


def _kept_before(folder: Path, digest: str) -> Kept | None:
    """What is kept of a submission that was graded, by this very digest."""
    try:
        kept = Kept.read(folder)
    except TaskGuardError:
        return None
    is_whole = kept.end is End.GRADED and kept.digest == digest and (folder / RUN_FOLDER / MANIFEST_FILE).is_file()
    return kept if is_whole else None


def _how_it_ended(ended: int | Stopped, folder: Path) -> tuple[End, str]:
    run_folder = folder / RUN_FOLDER
    if isinstance(ended, Stopped):
        # That it was interrupted, which the command says then, was the gradebook's doing; how far it was differs each time.
        said = _end_of(folder / CONSOLE_FILE).splitlines()
        return End.TIMED_OUT, "\n".join(line for line in said if not _OF_THAT_MOMENT.match(line))
    if ended in _IS_A_GRADE and (run_folder / MANIFEST_FILE).is_file():
        return End.GRADED, ""
    told = NotMade.read(run_folder)
    if told is not None:
        return OF_ERRORS.get(told.error, End.NOT_RUN), told.message
    how = f"It was ended by signal {-ended}." if ended < 0 else f"It ended with {ended}."
    return End.NOT_RUN, f"{how}\n{_end_of(folder / CONSOLE_FILE)}"


def _end_of(file: Path, most_bytes: int = 20_000) -> str:
    with file.open("rb") as said:
        said.seek(max(0, file.stat().st_size - most_bytes))
        return said.read().decode("utf-8", errors="replace")
