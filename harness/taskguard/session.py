"""One trip: a target, the stack on it, a run, its history, the grade.

Whoever makes graded runs starts it here: the command line, tests and benchmarks alike. It tells typed events
(:mod:`taskguard.run.events`) and shows and saves nothing itself but the run: progress, console, timings and reports are handlers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from taskguard.contract.terms import Terms
from taskguard.errors import ExitCode, RunEndedEarly, TaskGuardError
from taskguard.evidence.sources import source_at
from taskguard.history import HISTORY_FILE, History, Manifest, SavedRun, TaskSubmitted
from taskguard.history.file import UNFINISHED
from taskguard.history.wording import deployed_otherwise, no_table_chosen, not_made, stood_in, times
from taskguard.ingress.load import Load, load_of, plain_load, shared_load
from taskguard.ingress.workload import random_seed
from taskguard.judging.grading import grade_run
from taskguard.judging.statistics import get_ready_to_count
from taskguard.operating.graded_on_aws import deployed_stage
from taskguard.reports.html import get_ready as get_ready_to_report
from taskguard.run.backlog import Backlog
from taskguard.run.breaking_off import AsLongAsTheyAnswer, make_sure_it_is_recorded, why_it_ended
from taskguard.run.early import told_early
from taskguard.run.engine_limits import limits_of, used_by
from taskguard.run.events import Announced, Answered, Began, Graded, Recorded, SessionEvent, Tell, nobody, phase
from taskguard.run.injecting.fates import Fates
from taskguard.run.injecting.handing_over import end_all
from taskguard.run.injecting.planned_faults import PlannedFaults
from taskguard.run.kept_stage import on_engine_that_is_up
from taskguard.run.lasting_engine import LastingEngine
from taskguard.run.learning_first import with_words_learnt
from taskguard.run.manifests import digests_of_service, digests_of_stack, manifest_of
from taskguard.run.outside import Outside
from taskguard.run.own_engine import OwnEngine
from taskguard.run.probing import fitted_to_stack
from taskguard.run.redrive import Redrive
from taskguard.run.running import Run
from taskguard.run.runtimes import runtimes_of, stand_ins_of
from taskguard.run.stages import Asked
from taskguard.run.switching import NOTE
from taskguard.run.watch import Progress
from taskguard.service.config import config_of, terms_of
from taskguard.service.kept import from_env
from taskguard.service.ours import draws_of, is_ours
from taskguard.service.sandboxing import is_sandboxed, is_trusted
from taskguard.support.folders import naming
from taskguard.support.this_command import runnable
from taskguard.targets.base import Endpoint
from taskguard.targets.names import DEFAULT_REGION, TargetName
from taskguard.targets.process import has_ended
from taskguard.targets.registry import TargetOptions

_ROOM_OF_A_TASK_BYTES = 6000
"""What is seen of a task takes about half of that."""
_LEAST_ROOM_BYTES = 64 * 1024
_LOOK_AT_RECORDER_EVERY_SECONDS = 1.0


def grade(asked: Asked, tell: Tell = nobody, lasting: LastingEngine | None = None) -> Graded:
    """Make the run that is asked for and judge it; what was started for it is gone when this returns, unless it is to be kept. With a
    ``lasting`` engine it is made there, whatever target is asked for.

    Raises:
        RunEndedEarly: the run broke off, by whatever; what was seen of it is kept, and judged as far as it goes.
        TaskGuardError: the run could not be made; the message says why.
    """
    tell = _one_at_a_time(tell)
    try:
        with _room_for_history(asked), ExitStack() as cleanup:
            place = cleanup.enter_context(_place_of(asked, tell, lasting))
            saved = record(
                place.run, place.load, asked.folder, tell, asked, digests=place.digests, tasks_seed=place.tasks_seed
            )
            if asked.keep and place.engine is not None:
                place.engine.keep()
            with phase(tell, "stop"):
                cleanup.close()
    except RunEndedEarly:
        # Its reports are made as far as there is room for them.
        with suppress(OSError, TaskGuardError):
            judge(SavedRun.read(asked.folder), asked.folder, tell)
        raise
    return judge(saved, asked.folder, tell)


def record(
    run: Run,
    load: Load,
    folder: Path,
    tell: Tell = nobody,
    asked: Asked | None = None,
    *,
    digests: Mapping[str, str] | None = None,
    tasks_seed: str | None = None,
) -> SavedRun:
    """Run tasks through a stack that is there, and keep all that was seen in ``folder``: with the faults that are ``asked`` for, if
    there are any, for which functions may be replaced in mid-run. ``digests`` are of what was deployed for the run.

    Raises:
        RunEndedEarly: the run broke off after a task was handed in; what was seen until then is kept.
        DiscoveryError: what the stack is set to cannot be read.
        IngressError: before a run with faults, no words were found in which a task is taken.
    """
    asked_for = load.asked_for
    load = fitted_to_stack(load, run.endpoint, run.stack)
    if run.stack.unsupported:
        tell(Announced(not_made(run.stack.unsupported)))
    if run.stack.set_aside:
        tell(Announced(deployed_otherwise(run.stack.set_aside)))
    if run.stack.tables_in_doubt:
        tell(Announced(no_table_chosen(run.stack.tables_in_doubt)))
    if stand_ins := stand_ins_of(runtimes_of(run.endpoint, run.stack), run.stack):
        tell(Announced(stood_in(stand_ins)))
    tell(Announced(f"Submitting {times(asked_for, 'task')} to {run.stack.ingress.place}{_beside(load)}"))
    # A run that was killed could not end its faults itself.
    end_all(run.endpoint, run.stack)
    if asked is not None and asked.plan is not None:
        with phase(tell, "learn"):
            run = with_words_learnt(run, tell)
    # There is time for that, while the pipeline backs off.
    with _meanwhile(partial(_get_ready_to_judge, run.endpoint, run.terms)):
        return _made(run, load, folder, tell, asked, digests=digests or {}, tasks_seed=tasks_seed, asked_for=asked_for)


def _made(
    run: Run,
    load: Load,
    folder: Path,
    tell: Tell,
    asked: Asked | None,
    *,
    digests: Mapping[str, str],
    tasks_seed: str | None,
    asked_for: int,
) -> SavedRun:
    """Make the run, and keep what was seen of it."""
    outside = _outside(run, load, folder, tell, asked)
    tell(Began(len(load.task_ids)))
    plan, repeat = (asked.plan, asked.repeat) if asked is not None else (None, None)
    service = asked.places.service if asked is not None and digests else None
    manifest = partial(manifest_of, run, asked_for, digests, repeat, plan=plan, tasks_seed=tasks_seed, service=service)
    limits = partial(limits_of, run.endpoint, used_by(run.endpoint, run.stack))
    seen, history = _Seen(run.endpoint, tell), None
    try:
        with _early(run, load, seen, partial(manifest, ended_early="it goes on", fates=outside.fate_lines), asked):
            history = run.of(load, seen.tell, outside, learn_log=asked is not None and asked.learn_log)
        make_sure_it_is_recorded(run.endpoint)
        with phase(tell, "manifest"):
            made = manifest(engine_limits=limits(history), fates=outside.fate_lines)
            saved = SavedRun(history=history, manifest=made)
            saved.write(folder)
    except (KeyboardInterrupt, Exception) as error:
        if not seen.answers:
            raise
        ended = has_ended(run.endpoint)
        if history is None:
            history = run.history_until_now([*seen.answers, *outside.events], AsLongAsTheyAnswer(gone=ended))
        manifest = partial(manifest, engine_limits=limits(history), fates=outside.fate_lines)
        raise _kept_early(history, manifest, folder, error, run.endpoint if ended else None) from error
    tell(Recorded(saved, folder))
    return saved


def _early(
    run: Run, load: Load, seen: _Seen, manifest: Callable[[], Manifest], asked: Asked | None
) -> AbstractContextManager[None]:
    """What tells of checks that fail before the run has ended, where it is asked for."""
    if asked is None or not asked.early or asked.plan is not None:
        return nullcontext()
    apart = frozenset(task.task_id for task in load.apart)
    return told_early(run, seen.answers, manifest, apart, seen.tell)


def _outside(run: Run, load: Load, folder: Path, tell: Tell, asked: Asked | None) -> Outside:
    """What is done from outside in a run that was ``asked`` for, with this load."""
    faults, backlog = None, None
    if asked is not None and asked.plan is not None:
        faults = PlannedFaults(run.endpoint, run.stack, asked.plan, folder / "engine", dialect=run.dialect)
    if load.waiting:
        note = folder / "engine" / NOTE
        backlog = Backlog(run.endpoint, run.stack, run.terms, waiting=load.waiting, note=note, tell=tell)
    elif faults is None:
        tell(Announced("No task waits, since others may use this stage; messages may come one by one"))
    return Outside(
        faults=faults,
        backlog=backlog,
        redrive=Redrive(run.endpoint, run.stack, tell) if asked is not None and asked.redrive else None,
        fates=Fates(run.endpoint, run.stack, load.fates, tell) if load.fates or load.unsent is not None else None,
    )


@contextmanager
def _room_for_history(asked: Asked) -> Iterator[None]:
    """Set room aside in the run's folder, so that a disk that fills up meanwhile does not take it.

    Raises:
        OSError: there is none, or the folder cannot be written to; names the file.
    """
    asked.folder.mkdir(parents=True, exist_ok=True)
    room = asked.folder / f"{HISTORY_FILE}{UNFINISHED}"
    with naming(room):
        room.write_bytes(bytes(_LEAST_ROOM_BYTES + _ROOM_OF_A_TASK_BYTES * asked.tasks))
    try:
        yield
    finally:
        with suppress(OSError):
            room.unlink(missing_ok=True)


class _Seen:
    """Passes on what is told of a run, keeps the answers, and looks whether the engine still records what happens."""

    def __init__(self, endpoint: Endpoint, tell: Tell) -> None:
        self._endpoint, self._tell = endpoint, tell
        self._looked_at = -_LOOK_AT_RECORDER_EVERY_SECONDS
        self.answers: list[Answered] = []

    def tell(self, event: SessionEvent) -> None:
        if isinstance(event, Answered):
            self.answers.append(event)
        if isinstance(event, (TaskSubmitted, Progress)):
            now = time.monotonic()
            # The engine is busy with the tasks: it is not asked for each.
            if now - self._looked_at >= _LOOK_AT_RECORDER_EVERY_SECONDS:
                self._looked_at = now
                make_sure_it_is_recorded(self._endpoint)
        self._tell(event)


def _kept_early(
    history: History, manifest: Callable[..., Manifest], folder: Path, error: BaseException, ended: Endpoint | None
) -> RunEndedEarly:
    """Keep the history of a run that broke off by this ``error``, as far as it can be kept, and say so; ``ended`` is the engine that
    did."""
    reason, more = why_it_ended(error, ended)
    said = [f"the run ended early: {reason}", *([more] if more else [])]
    try:
        SavedRun(history=history, manifest=manifest(ended_early=reason)).write(folder)
        check = runnable("taskguard check", folder)
        said.append(f"What was seen until then is kept in {folder}; judge it as far as it goes with `{check}`")
    except OSError as full:
        said.append(f"Not all that was seen until then could be kept: {full}")
    code = error.exit_code if isinstance(error, TaskGuardError) and ended is None else ExitCode.NOT_MADE
    interrupt = error if isinstance(error, KeyboardInterrupt) else None
    return RunEndedEarly("\n".join(said), exit_code=code, interrupt=interrupt)


def judge(saved: SavedRun, folder: Path, tell: Tell = nobody) -> Graded:
    """Judge a run that was recorded."""
    with phase(tell, "judge"):
        graded = Graded(saved, grade_run(saved.history, saved.manifest), folder)
    tell(graded)
    return graded


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a run is made: ``engine`` is the one that was started for it."""

    run: Run
    load: Load
    tasks_seed: str
    digests: Mapping[str, str] = field(default_factory=dict)
    engine: OwnEngine | None = None


@contextmanager
def _place_of(asked: Asked, tell: Tell, lasting: LastingEngine | None) -> Iterator[_Place]:
    if asked.target is TargetName.RUNNING:
        # The ids of an earlier run would be known to the stack already.
        tasks_seed = random_seed()
        endpoint, stack = from_env(asked.places)
        draws = draws_of(endpoint, stack, asked.places.service)
        terms = terms_of(asked.places.service, draws, contract=asked.contract)
        source = source_at(endpoint, stack, terms.dialect, since_ms=endpoint.clock.now_ms())
        run = Run(endpoint=endpoint, stack=stack, terms=terms, alone=False, source=source)
        yield _Place(run=run, load=shared_load(tasks_seed, asked.tasks, terms), tasks_seed=tasks_seed)
    elif asked.target is TargetName.AWS:
        with deployed_stage(tell, asked) as (run, load):
            yield _Place(run=run, load=load, tasks_seed=load.seed, digests=digests_of_stack(run))
    else:
        with _on_engine(asked, tell, lasting) as place:
            yield place


@contextmanager
def _on_engine(asked: Asked, tell: Tell, lasting: LastingEngine | None) -> Iterator[_Place]:
    tasks_seed = asked.tasks_seed or asked.seed or random_seed()
    config = config_of(asked.places.service)
    tell(Announced(f"Seed of the tasks: {tasks_seed}.{_how_attempts_fail(asked)}"))
    options = TargetOptions(
        folder=asked.folder / "engine",
        cache=asked.places.cache,
        port=asked.port,
        region=asked.region or DEFAULT_REGION,
        endpoint_url=asked.endpoint_url,
        clock_scale=asked.clock_scale,
        functions_ready=True,
        sandboxed=is_sandboxed(asked.places.service, asked.sandboxed, asked.target),
    )
    if not is_trusted(asked.places.service):
        tell(Announced(_how_kept_apart(options.sandboxed, asked.target)))
    wanted = replace(asked, stage=asked.stage or config.stage)
    digests, terms = digests_of_service(asked.places.service, asked.deployer), wanted.terms()
    if asked.plan is not None:
        # What is broken on purpose has its own ways to switch consumers off.
        load = plain_load(tasks_seed, asked.tasks, exact_numbers=terms.contract.payload.numbers == "exact")
    else:
        # Where a seed decides what fails, some tasks die by their draws.
        fated = asked.target is TargetName.LOCALSTACK and terms.seed is None
        load = load_of(tasks_seed, asked.tasks, terms, fated=fated)
    if lasting is not None:
        run = lasting.run(options, wanted, load.task_ids, tell)
        yield _Place(run=run, load=load, tasks_seed=tasks_seed, digests=digests)
        return
    with ExitStack() as held:
        if asked.target is TargetName.LOCALSTACK and not (asked.fresh or asked.keep):
            found = on_engine_that_is_up(options, wanted, load.task_ids, tell, held)
            if found is not None:
                yield _Place(run=found, load=load, tasks_seed=tasks_seed, digests=digests)
                return
        # While an engine starts this process only waits, and a core is free.
        held.enter_context(_meanwhile(partial(_import_what_judges, terms)))
        engine = OwnEngine(asked.target, options, wanted, tell, held)
        yield _Place(run=engine.run, load=load, tasks_seed=tasks_seed, digests=digests, engine=engine)


def _how_kept_apart(sandboxed: bool, target: TargetName) -> str:
    if target is TargetName.DOCKER:
        where = "in a sandbox" if sandboxed else "on this machine as any program of yours, for there is no sandbox here"
        return f"The service's functions run in containers; it is built {where}"
    if sandboxed:
        return "The service is built, and its functions run, in a sandbox"
    return "The service is built, and its functions run, as any program of yours: without a sandbox"


def _how_attempts_fail(asked: Asked) -> str:
    if not is_ours(asked.places.service):
        return ""
    how = "at random" if asked.seed is None else f'as the seed "{asked.seed}" decides'
    return f" Attempts fail {how}, {asked.failure_rate:.0%} of them."


def _beside(load: Load) -> str:
    beside = f", and {load.chosen} probes beside them" if load.chosen else ""
    return (
        f"{beside}; the first {load.waiting} are held back for a moment, so that they come in batches"
        if load.waiting
        else beside
    )


@contextmanager
def _meanwhile(do: Callable[[], None]) -> Iterator[None]:
    """Do something that takes a while in another thread, which is over when this is left."""
    doing = threading.Thread(target=do, name="get-ready", daemon=True)
    doing.start()
    try:
        yield
    finally:
        doing.join()


def _import_what_judges(terms: Terms) -> None:
    if terms.rate is not None:
        get_ready_to_count()
    get_ready_to_report()


def _get_ready_to_judge(endpoint: Endpoint, terms: Terms) -> None:
    _import_what_judges(terms)
    for make_client in (endpoint.functions, endpoint.logs):
        make_client()
    for service in ("iam", "dynamodbstreams"):
        endpoint.client(service)


def _one_at_a_time(tell: Tell) -> Tell:
    """Events happen in several threads; a handler hears of one after the other."""
    lock = threading.RLock()

    def told(event: SessionEvent) -> None:
        with lock:
            tell(event)

    return told
