"""LocalStack's Lambda executor: each execution environment is a local process under AWS's runtime interface client.

It brings an invocation to the process and its outcome back to LocalStack, with the platform's log lines and in Lambda's
own words: a response, a handler's error, a timeout, an exit, a failed initialisation. A process that has ended is
started again by the next invocation, as Lambda re-initialises an environment.
"""

import json
import math
import os
import tempfile
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

from localstack import config
from localstack.runtime import events
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from taskguard.engine.clock.pacer import pacer
from taskguard.engine.faults.failing import ERROR, Failing, come_back, failing_of
from taskguard.engine.faults.functions import epoch, spoilt, strike_invocation, strike_start
from taskguard.engine.faults.holding import rendezvous
from taskguard.engine.faults.under_way import Strike, UnderWay, under_way
from taskguard.engine.functions.available import runtime_named
from taskguard.engine.functions.launch import Folders, Function
from taskguard.engine.functions.layers import opt_of
from taskguard.engine.functions.leftovers import leftovers
from taskguard.engine.functions.packages import task_root
from taskguard.engine.functions.placement import placement
from taskguard.engine.functions.process import FunctionProcess
from taskguard.engine.functions.runtime_api import Answer, Invocation, RuntimeApi
from taskguard.engine.functions.runtimes import language_of
from taskguard.engine.functions.starting import launch_here, load_fork_servers
from taskguard.engine.network import network
from taskguard.engine.recorder.flight_recorder import Caller, now_ms, recorder
from taskguard.engine.recorder.redaction import without_credentials
from taskguard.engine.settings import EngineSettings

INIT_TIMEOUT_SECONDS = 10.0
"""Lambda's bound on the init phase, https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html."""

_NO_SUCH_HANDLER = "taskguard_no_such_module.handler"
_NOT_ON_LAMBDA = ("LOCALSTACK_", "EDGE_PORT", "AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON")
_LOOK_EVERY_SECONDS = 0.2
_LONGEST_TOLD = 4000
"""How many characters of a failed invocation's log the recorder is told at most: the last ones."""


class EnvironmentStoppedError(Exception):
    """An invocation came after its environment had been stopped."""


class ProcessExecutor(RuntimeExecutor):
    """One execution environment of one function version."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:  # noqa: A002  # LocalStack's name
        super().__init__(id=id, function_version=function_version)
        self._environment: dict[str, str] = {}
        self._process: FunctionProcess | None = None
        self._api: RuntimeApi | None = None
        self._exited: Future[None] = Future()
        # LocalStack stops an environment from another thread than the one that invokes it.
        self._changing = threading.RLock()
        self._invoking = threading.Lock()
        self._stopped = False
        self._init_milliseconds: float | None = None
        self._handed_over_at_ms: float | None = None
        self._output_of_ended = ""
        # How its process was started: the how-manieth it is, under which plans of faults, and by how much its clock is wrong.
        self._starts = 0
        self._epoch: tuple[str, ...] | None = None
        self._skew_seconds = 0.0
        self._failed_start: Strike | None = None

    # What LocalStack calls

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        load_fork_servers(runtime_named(function_version.config.runtime), _engine())
        _task_root(function_version)

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        # Other versions and functions may have the same code; it goes with the engine's scratch folder.
        pass

    def get_address(self) -> str:
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        return _engine()

    def get_logs(self) -> str:
        return self._process.take_output() if self._process else ""

    def start(self, env_vars: dict[str, str]) -> None:
        self._environment = self._as_on_lambda(env_vars)
        caller = Caller(self.function_version.id.function_name, self.id)
        recorder().callers[self._environment["AWS_SESSION_TOKEN"]] = caller
        # It is started for an invocation, which is Lambda's from now on: a cold start is part of it.
        self._handed_over_at_ms = now_ms()
        with pacer().work():
            self._spawn(INIT_TIMEOUT_SECONDS)

    def count_cold_start(self, since_ms: float | None) -> None:
        """It was started ahead of time: its cold start is part of the invocation that has waited for it since then, or of none."""
        self._handed_over_at_ms = since_ms

    def stop(self) -> None:
        ended = self._let_invocation_end()
        try:
            with self._changing:
                self._stopped = True
                self._end_process()
        finally:
            if ended:
                self._invoking.release()
        recorder().callers.pop(self._environment.get("AWS_SESSION_TOKEN", ""), None)

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        with self._invoking, pacer().work():
            if self._stopped:
                # Before anything is recorded: no function has been handed this, and LocalStack tries again elsewhere.
                raise EnvironmentStoppedError(f"environment {self.id} has been stopped")
            return self._invoke(payload)

    # One invocation

    def _invoke(self, payload: dict[str, str]) -> InvocationResult:
        request_id = payload["invoke-id"]
        name = self.function_version.id.function_name
        caller = recorder().callers.get(self._environment["AWS_SESSION_TOKEN"])
        if caller is not None:
            caller.begin(request_id)
        started, began_at = time.monotonic(), self._handed_over_at_ms or now_ms()
        self._handed_over_at_ms = None
        about = {"function": name, "environment": self.process_name(), "requestId": request_id, "startedAt": began_at}
        recorder().write("invocation-started", **about, payload=without_credentials(payload["payload"]))
        with under_way(name, self.id, request_id, payload["payload"], self._kill_process) as invocations:
            outcome = self._run(payload, started, invocations)
            if caller is not None:
                caller.is_answered = True
                if not runtime_named(self.function_version.config.runtime).may_work_on:
                    caller.end()
            come_back(invocations)
        ended_at = now_ms()
        if self._process is not None and (watch := leftovers()) is not None:
            watch.note(name, self.id, request_id, self._process)
        written = self._written()
        logs = self._logs(request_id, outcome, written, (time.monotonic() - started) * 1000)
        recorder().write(
            "invocation-ended",
            **about,
            response=without_credentials(outcome.payload.decode("utf-8", errors="replace")),
            error=outcome.is_error,
            failure=_failure(outcome, written) if outcome.is_error else None,
            endedAt=ended_at,
        )
        return InvocationResult(request_id, outcome.payload, is_error=outcome.is_error, logs=logs)

    def _run(self, payload: dict[str, str], started: float, invocations: tuple[UnderWay, ...]) -> Answer:
        request_id, timeout = payload["invoke-id"], self.function_version.config.timeout
        with self._changing:
            if self._is_to_be_started():
                self._spawn(timeout)
            api, process, exited = self._api, self._process, self._exited
        assert api is not None
        assert process is not None
        _first_of(api.ready, exited, seconds=started + timeout - time.monotonic())
        if self._failed_start is not None:
            self._failed_start.of(invocations).record()
        if api.ready.done() and (document := api.ready.result()) is not None:
            self._end_process()
            return Answer(document, is_error=True, loaded=False)
        strike = strike_invocation(invocations) if invocations and api.ready.done() else None
        if strike is not None and strike.fault.kind in ("kill-first", "hang"):
            return self._end_badly(strike, request_id, process, timeout)
        if invocations:
            rendezvous().meet(delivery.message_id for each in invocations[:1] for delivery in each.deliveries)
        failing = failing_of(self.function_version.id.function_name, invocations) if api.ready.done() else None
        shown = payload["payload"] if failing is None else failing.shown(payload["payload"])
        answer: Future[Answer] = Future()
        if shown is None:
            answer.set_result(Answer(b"", is_error=False))
        elif api.ready.done():
            remaining = started + timeout - time.monotonic()
            placement().handed(self.process_name(), shown)
            answer = api.submit(
                Invocation(
                    request_id=request_id,
                    payload=shown.encode(),
                    function_arn=payload["invoked-function-arn"],
                    trace_id=payload["trace-id"],
                    # By the process's own clock, however wrong: what is left of its time is not.
                    deadline_ms=math.floor((time.time() + self._skew_seconds + remaining) * 1000),
                )
            )
            _first_of(answer, exited, seconds=remaining)
        if answer.done():
            result = _overridden(failing, answer.result())
            return self._answer_badly(strike, result, request_id, process, timeout) if strike is not None else result
        failed = self._crashed(request_id, process) if exited.done() else self._timed_out(request_id, timeout)
        return replace(failed, loaded=api.ready.done())

    def _end_badly(self, strike: Strike, request_id: str, process: FunctionProcess, timeout: int) -> Answer:
        """As a fault has it, the process is killed, or its time is over sooner than it is."""
        strike.record()
        if strike.fault.kind in ("kill-first", "kill-last"):
            process.begin_to_end()
            process.ended.wait()
            return self._crashed(request_id, process)
        time.sleep(strike.fault.takes_seconds)
        return self._timed_out(request_id, timeout)

    def _answer_badly(
        self, strike: Strike, answer: Answer, request_id: str, process: FunctionProcess, timeout: int
    ) -> Answer:
        if strike.fault.kind in ("kill-last", "timeout"):
            return self._end_badly(strike, request_id, process, timeout)
        # Of an error there is nothing to spoil.
        return answer if answer.is_error else Answer(spoilt(strike, answer.payload), is_error=False)

    def _crashed(self, request_id: str, process: FunctionProcess) -> Answer:
        message = f"RequestId: {request_id} Error: {process.exit_reason()}"
        self._end_process()
        document = {"errorType": "Runtime.ExitError", "errorMessage": message}
        return Answer(json.dumps(document).encode(), is_error=True, log_lines=(message, "Runtime.ExitError"))

    def _timed_out(self, request_id: str, timeout: int) -> Answer:
        self._end_process()
        reason = f"Task timed out after {timeout:.2f} seconds"
        document = {"errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {request_id} Error: {reason}"}
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        line = f"{stamp}.000Z {request_id} {reason}"
        return Answer(json.dumps(document).encode(), is_error=True, log_lines=(line, ""))

    def _written(self) -> str:
        """What the function has written since it was last asked."""
        written = self._output_of_ended + (self._process.take_output() if self._process else "")
        self._output_of_ended = ""
        return written

    def _logs(self, request_id: str, outcome: Answer, written: str, milliseconds: float) -> str:
        version, memory = self.function_version.id.qualifier, self.function_version.config.memory_size
        process = self._process
        report = (
            f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms"
            f"\tBilled Duration: {math.ceil(milliseconds)} ms\tMemory Size: {memory} MB"
            f"\tMax Memory Used: {process.memory_mb() if process else 0} MB"
        )
        if self._init_milliseconds is not None:
            report += f"\tInit Duration: {self._init_milliseconds:.2f} ms"
            self._init_milliseconds = None
        lines = [
            f"START RequestId: {request_id} Version: {version}",
            written.rstrip("\n"),
            *outcome.log_lines,
            f"END RequestId: {request_id}",
            report,
        ]
        return "\n".join(lines) + "\n"

    # The process

    def _is_to_be_started(self) -> bool:
        """Whether the next invocation needs a new process."""
        # A start that a fault has struck is this invocation's failure, though Lambda would try once more.
        ended = self._process is None or (self._process.ended.is_set() and self._failed_start is None)
        return ended or self._epoch != epoch(self.function_version.id.function_name)

    def renew(self) -> None:
        """The next invocation meets a new process, as can happen on Lambda at any time."""
        self._epoch = None

    def process_name(self) -> str:
        """What tells the process that the next invocation meets from others: an environment may have several, one after another."""
        return f"{self.id}-{self._starts + self._is_to_be_started()}"

    def _spawn(self, wait_seconds: float) -> None:
        if self._stopped:
            raise EnvironmentStoppedError(f"environment {self.id} has been stopped")
        self._end_process()
        task_root = _task_root(self.function_version)
        name = self.function_version.id.function_name
        self._epoch = epoch(name)
        self._starts += 1
        strike = strike_start(name)
        self._failed_start, self._skew_seconds = None, 0.0
        if strike is not None and strike.fault.kind == "no-init":
            # Told of with the invocation that it fails, which may not be known yet.
            self._failed_start = strike
        elif strike is not None:
            strike.record()
            self._skew_seconds = strike.fault.takes_seconds
        began = time.monotonic()
        settings = EngineSettings.from_environment()
        api, exited = RuntimeApi(network().listener() if settings.sandboxed else None), Future[None]()
        function = Function(
            runtime=runtime_named(self.function_version.config.runtime),
            handler=_NO_SUCH_HANDLER if self._failed_start else self.function_version.config.handler,
            variables={**self._environment, "AWS_LAMBDA_RUNTIME_API": api.address},
            endpoint=self.get_runtime_endpoint(),
            skew_seconds=self._skew_seconds,
            memory_bytes=self.function_version.config.memory_size * 1024**2,
            temporary_bytes=self.function_version.config.ephemeral_storage.size * 1024**2,
        )
        try:
            folders = Folders(
                task_root=task_root,
                home=Path(tempfile.mkdtemp(prefix="function-")),
                opt=opt_of(self.function_version),
                clock=settings.clock_file,
            )
            process = FunctionProcess(launch_here(function, folders), on_exit=lambda: exited.set_result(None))
        except BaseException:
            api.close()
            raise
        self._api, self._process, self._exited = api, process, exited
        if self._failed_start is not None and self._failed_start.variant(2):
            process.begin_to_end()
        _first_of(api.ready, exited, seconds=wait_seconds)
        self._init_milliseconds = (time.monotonic() - began) * 1000

    def _kill_process(self) -> None:
        """End the process in the middle of what it does, and wait until it is gone."""
        if (process := self._process) is not None:
            process.begin_to_end()
            process.ended.wait()

    def _let_invocation_end(self) -> bool:
        """On Lambda, what runs when a function is updated or deleted runs to its end; LocalStack stops it at once. Whether
        it has ended; no other can begin then until ``_invoking`` is released."""
        deadline = time.monotonic() + self.function_version.config.timeout
        while not events.infra_stopping.is_set() and time.monotonic() < deadline:
            if self._invoking.acquire(timeout=_LOOK_EVERY_SECONDS):
                return True
        return False

    def _end_process(self) -> None:
        with self._changing:
            process, self._process = self._process, None
            api, self._api = self._api, None
        if process is not None:
            process.kill()
            self._output_of_ended += process.take_output()
        if api is not None:
            api.close()

    def _as_on_lambda(self, env_vars: dict[str, str]) -> dict[str, str]:
        variables = {
            name: str(value)
            for name, value in env_vars.items()
            if value is not None and not name.startswith(_NOT_ON_LAMBDA)
        }
        return {**variables, "AWS_EXECUTION_ENV": f"AWS_Lambda_{self.function_version.config.runtime}"}


def _failure(outcome: Answer, written: str) -> dict[str, Any]:
    """What the recorder is told of a failed invocation, beside the answer."""
    log = "\n".join([written[-_LONGEST_TOLD:].rstrip("\n"), *filter(None, outcome.log_lines)])
    size = len(written.encode("utf-8", errors="replace"))
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    return {"loaded": outcome.loaded, "log": log, "logBytes": size, "load": round(load, 2)}


def _overridden(failing: Failing | None, answer: Answer) -> Answer:
    """The answer with what is made to fail; an error has failed the whole batch by itself."""
    if failing is None or answer.is_error:
        return answer
    told = failing.answered(answer.payload)
    return Answer(ERROR, is_error=True) if told is None else Answer(told, is_error=False)


def _first_of(*futures: Future[Any], seconds: float) -> None:
    wait(futures, max(0.0, seconds), FIRST_COMPLETED)


def _engine() -> str:
    return f"http://127.0.0.1:{config.GATEWAY_LISTEN[0].port}"


def _task_root(function_version: FunctionVersion) -> Path:
    runtime, opt = runtime_named(function_version.config.runtime), opt_of(function_version)
    kind = runtime.name or "package"
    return task_root(
        function_version,
        kind if opt is None else f"{kind}-{opt.name}",
        lambda package: language_of(runtime).prepare(runtime, package, opt),
    )
