"""Functions in Node.js behave as on Lambda: a table of cases, each with what Lambda documents of it (docs/runtimes.md)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.engine.conftest import Create, is_running, packed

ERRORS = "https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A function, and what its caller and its log are told. ``payload`` is the answer, or of an error the fields that it has;
    ``logged`` are parts of lines."""

    name: str
    source: str
    payload: Any
    error: bool = False
    file: str = "index.js"
    handler: str = "index.handler"
    files: dict[str, str] = field(default_factory=dict)
    runtime: str = "nodejs20.x"
    timeout: int = 10
    logged: tuple[str, ...] = ()


def failed(error_type: str, message: str) -> dict[str, str]:
    return {"errorType": error_type, "errorMessage": message}


CASES = (
    Case(name="a promise", source="exports.handler = async (event) => ({ got: event.n + 1 })", payload={"got": 2}),
    Case(
        name="a callback",
        source="exports.handler = (event, context, callback) => setTimeout(() => callback(null, event.n), 5)",
        payload=1,
    ),
    Case(
        name="a callback with an error",
        source="exports.handler = (event, context, callback) => callback(new RangeError('too far'))",
        payload=failed("RangeError", "too far"),
        error=True,
        logged=("\tERROR\tInvoke Error \t", '"errorMessage":"too far"'),
    ),
    Case(
        name="a callback, while something else still waits",
        source="""
        |exports.handler = (event, context, callback) => {
        |  context.callbackWaitsForEmptyEventLoop = false;
        |  setTimeout(() => {}, 60_000);
        |  callback(null, 'at once');
        |};
        """,
        payload="at once",
    ),
    Case(name="nothing at all", source="exports.handler = () => {}", payload=None),
    Case(
        name="an exception in a promise",
        source="exports.handler = async () => { throw new TypeError('not a number') }",
        payload=failed("TypeError", "not a number"),
        error=True,
    ),
    Case(
        name="an exception at once",
        source="exports.handler = () => { throw new Error('no') }",
        payload=failed("Error", "no"),
        error=True,
    ),
    Case(
        name="a text that is thrown",
        source="exports.handler = async () => { throw 'just words' }",
        payload=failed("string", "just words"),
        error=True,
    ),
    Case(
        name="a rejection that nobody handles",
        source="""
        |exports.handler = async () => {
        |  Promise.reject(new Error('forgotten'));
        |  await new Promise((resolve) => setTimeout(resolve, 5000));
        |};
        """,
        payload=failed("Runtime.UnhandledPromiseRejection", "Error: forgotten"),
        error=True,
        logged=("Unhandled Promise Rejection",),
    ),
    Case(
        name="an exception that nobody catches",
        source="""
        |exports.handler = async () => {
        |  setTimeout(() => { throw new Error('from a timer') }, 5);
        |  await new Promise((resolve) => setTimeout(resolve, 5000));
        |};
        """,
        payload=failed("Error", "from a timer"),
        error=True,
        logged=("Uncaught Exception",),
    ),
    Case(
        name="an exit",
        source="exports.handler = async () => process.exit(3)",
        payload=failed("Runtime.ExitError", "Error: Runtime exited with error: exit status 3"),
        error=True,
    ),
    Case(
        name="a signal",
        source="exports.handler = async () => { process.kill(process.pid, 'SIGSEGV'); await new Promise(() => {}) }",
        payload=failed("Runtime.ExitError", "Error: Runtime exited with error: signal: segmentation fault"),
        error=True,
    ),
    Case(
        name="a timeout",
        source="exports.handler = () => new Promise((resolve) => setTimeout(resolve, 60_000))",
        payload=failed("Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        error=True,
        timeout=1,
    ),
    Case(
        name="an endless loop",
        source="exports.handler = async () => { for (;;); }",
        payload=failed("Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        error=True,
        timeout=1,
    ),
    Case(name="a large answer", source="exports.handler = async () => 'x'.repeat(5_000_000)", payload="x" * 5_000_000),
    Case(
        name="an answer that is too large",
        source="exports.handler = async () => 'x'.repeat(7_000_000)",
        payload=failed("Function.ResponseSizeTooLarge", "exceeded maximum allowed payload size (6291556 bytes)."),
        error=True,
    ),
    Case(
        name="ES modules by their name",
        file="index.mjs",
        source="""
        |import { hostname } from 'node:os';
        |const before = await Promise.resolve(40);
        |export const handler = async (event) => [before + event.n, typeof hostname()];
        """,
        payload=[41, "string"],
    ),
    Case(
        name="ES modules by package.json",
        source="import { greet } from './lib/greet.js';\nexport const handler = async () => greet();",
        files={"package.json": '{"type": "module"}', "lib/greet.js": "export const greet = () => 'hello';"},
        payload="hello",
    ),
    Case(
        name="ES modules that nothing announces",
        source="export const handler = async () => 1",
        runtime="nodejs22.x",
        payload=failed("Runtime.UserCodeSyntaxError", "Unexpected token 'export'"),
        error=True,
    ),
    Case(
        name="a handler in a folder",
        file="src/functions/task.js",
        handler="src/functions/task.handlers.run",
        source="exports.handlers = { run: async () => __filename.split('/').slice(-3).join('/') }",
        payload="src/functions/task.js",
    ),
    Case(
        name="a module that is not there",
        source="require('nowhere'); exports.handler = async () => 1",
        payload=failed("Runtime.ImportModuleError", "Error: Cannot find module 'nowhere'"),
        error=True,
    ),
    Case(
        name="a file that is not there",
        source="exports.handler = async () => 1",
        handler="elsewhere.handler",
        payload=failed("Runtime.ImportModuleError", "Error: Cannot find module 'elsewhere'"),
        error=True,
    ),
    Case(
        name="a function that is not there",
        source="exports.handler = async () => 1",
        handler="index.other",
        payload=failed("Runtime.HandlerNotFound", "index.other is undefined or not exported"),
        error=True,
    ),
    Case(
        name="a syntax error",
        source="exports.handler = async () => {",
        payload=failed("Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected end of input"),
        error=True,
    ),
    Case(
        name="an exception while it is loaded",
        source="throw new RangeError('not today')",
        payload=failed("RangeError", "not today"),
        error=True,
        logged=("Uncaught Exception",),
    ),
    Case(
        name="nodejs24.x: a promise",
        runtime="nodejs24.x",
        source="exports.handler = async (event) => event.n",
        payload=1,
    ),
    Case(
        name="nodejs24.x: a callback",
        runtime="nodejs24.x",
        source="exports.handler = (event, context, callback) => callback(null, 1)",
        payload=failed("Runtime.CallbackHandlerDeprecated", "callback"),
        error=True,
    ),
    Case(
        name="nodejs24.x: an exception",
        runtime="nodejs24.x",
        source="exports.handler = async () => { throw new RangeError('too far') }",
        payload=failed("RangeError", "too far"),
        error=True,
        logged=("\tERROR\tInvoke Error \t",),
    ),
    Case(
        name="the AWS SDK that Lambda brings, of CommonJS",
        source="""
        |const { SQSClient } = require('@aws-sdk/client-sqs');
        |const { marshall } = require('@aws-sdk/util-dynamodb');
        |exports.handler = async () => [typeof SQSClient, marshall({ n: 1 })];
        """,
        payload=["function", {"n": {"N": "1"}}],
    ),
    Case(
        name="the AWS SDK that Lambda brings, of ES modules",
        file="index.mjs",
        source="""
        |import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
        |import { STSClient, GetCallerIdentityCommand } from '@aws-sdk/client-sts';
        |const sts = new STSClient();
        |export const handler = async () => [
        |  typeof DynamoDBDocumentClient, (await sts.send(new GetCallerIdentityCommand({}))).Account];
        """,
        payload=["function", "000000000000"],
    ),
    Case(
        name="the AWS SDK of nodejs16.x, which knows nothing of the engine",
        runtime="nodejs16.x",
        source="""
        |const AWS = require('aws-sdk');
        |const db = new AWS.DynamoDB();
        |exports.handler = async () => [(await db.listTables().promise()).TableNames.length >= 0, db.endpoint.host];
        """,
        payload=[True, "dynamodb.eu-central-1.amazonaws.com"],
    ),
)


@pytest.mark.parametrize("case", [pytest.param(each, id=each.name) for each in CASES])
def test_a_function_does_as_on_lambda(function: Create, case: Case) -> None:
    made = function(
        case.source,
        runtime=case.runtime,
        handler=case.handler,
        file=case.file,
        files=case.files,
        timeout=case.timeout,
    )
    outcome = made.invoke(n=1)
    shown = json.dumps(outcome.payload)[:500]
    if outcome.error != ("Unhandled" if case.error else None):
        pytest.fail(shown)
    if case.error:
        assert outcome.payload["errorType"] == case.payload["errorType"]
        assert case.payload["errorMessage"] in outcome.payload["errorMessage"]
    elif outcome.payload != case.payload:
        pytest.fail(shown)
    if case.logged:
        log = "\n".join(made.log(until="REPORT"))
        assert [part for part in case.logged if part not in log] == []


def test_what_is_meant_for_aws_reaches_the_engine_however_it_is_asked(function: Create) -> None:
    asker = function(
        """
        |const http = require('http'), https = require('https'), tls = require('tls');
        |const asked = (module, ...given) => new Promise((resolve, reject) => module.get(...given, (answer) => {
        |  answer.resume().on('end', () => resolve(answer.headers.server ? 'engine' : 'other'));
        |}).on('error', reject));
        |exports.handler = async () => {
        |  const where = 'https://sqs.eu-central-1.amazonaws.com/';
        |  const fetched = await fetch(where, { method: 'POST', body: 'Action=ListQueues' });
        |  return {
        |    https: await asked(https, where),
        |    options: await asked(https, { hostname: 's3.amazonaws.com', path: '/' }),
        |    emulator: await asked(http, 'http://localhost:4566/_localstack/health'),
        |    fetch: fetched.headers.has('server') ? 'engine' : 'other',
        |    otherwise: await new Promise((resolve) => tls.connect(443, 'sqs.amazonaws.com').on('error', (e) => resolve(e.code))),
        |  };
        |};
        """,
        file="index.js",
        handler="index.handler",
        runtime="nodejs20.x",
    )
    told = asker.invoke().payload
    assert told == dict.fromkeys(("https", "options", "emulator", "fetch"), "engine") | {"otherwise": "ENOTFOUND"}


def test_a_log_is_one_event_a_call_whatever_is_in_it(function: Create) -> None:
    teller = function(
        "exports.handler = async () => { console.log('one\\ntwo'); console.error({ a: 1 }); process.stdout.write('raw\\n') }",
        file="index.js",
        handler="index.handler",
        runtime="nodejs20.x",
    )
    request_id = teller.invoke().request_id
    _, first, second, third, *_ = teller.log(until="REPORT")
    assert first.split("\t")[1:] == [request_id, "INFO", "one\rtwo"]
    assert second.split("\t")[1:3] == [request_id, "ERROR"]
    assert third == "raw"


def test_what_is_logged_comes_before_the_answer_however_long_it_is(function: Create) -> None:
    teller = function(
        "exports.handler = async () => { console.log('x'.repeat(500_000)); console.log('the end') }",
        file="index.js",
        handler="index.handler",
        runtime="nodejs20.x",
    )
    teller.invoke()
    _, long, end, *_ = teller.log(until="REPORT")
    assert (long.count("x"), end.split("\t")[-1]) == (500_000, "the end")


def test_a_log_is_json_where_that_is_asked_for(function: Create) -> None:
    teller = function(
        "exports.handler = async () => { console.warn('careful %d', 1); throw new Error('no') }",
        file="index.js",
        handler="index.handler",
        runtime="nodejs20.x",
        settings={"LoggingConfig": {"LogFormat": "JSON"}},
    )
    request_id = teller.invoke().request_id
    lines = [json.loads(line) for line in teller.log(until="REPORT") if line.startswith("{")]
    assert [(line["level"], line["requestId"]) for line in lines] == [("WARN", request_id), ("ERROR", request_id)]
    assert lines[0]["message"] == "careful 1"
    assert lines[1]["message"]["errorMessage"] == "no"


@pytest.mark.parametrize(
    ("file", "load"),
    [
        ("index.js", "const {name} = require('layered');\nexports."),
        ("index.mjs", "import {name} from 'layered';\nexport const "),
    ],
)
def test_what_a_layer_holds_is_found(function: Create, file: str, load: str) -> None:
    endpoint = function("def handler(event, context): pass").endpoint
    layers = [
        endpoint.functions().publish_layer_version(
            LayerName=f"layer-{number}",
            Content={
                "ZipFile": packed(
                    {
                        "nodejs/node_modules/layered/index.js": f"exports.name = 'layer {number}'",
                        f"number-{number}": "here",
                    }
                )
            },
        )["LayerVersionArn"]
        for number in (1, 2)
    ]
    made = function(
        f"{load}handler = async () => name",
        file=file,
        handler="index.handler",
        runtime="nodejs20.x",
        settings={"Layers": layers},
    )
    assert made.invoke().payload == "layer 2"


def test_it_lives_by_the_engine_s_clock(function: Create) -> None:
    teller = function(
        """
        |class Later extends Date {}
        |exports.handler = async () => {
        |  const [began, from] = [Date.now(), process.hrtime.bigint()];
        |  await new Promise((resolve) => setTimeout(resolve, 20));
        |  return {
        |    fits: Math.abs(new Date() - Date.now()) < 1000 && new Later() >= began && new Date() instanceof Date,
        |    parses: new Date('2020-01-02T03:04:05Z').getTime() === Date.UTC(2020, 0, 2, 3, 4, 5),
        |    passed: Number(process.hrtime.bigint() - from) / 1e6 >= 19,
        |    at: Date.now() / 1000,
        |  };
        |};
        """,
        file="index.js",
        handler="index.handler",
        runtime="nodejs20.x",
    )
    told = teller.invoke().payload
    assert (told["fits"], told["parses"], told["passed"]) == (True, True, True)
    assert told["at"] == pytest.approx(teller.endpoint.clock.now_ms() / 1000, abs=60)


def test_what_it_leaves_running_ends_with_it(function: Create) -> None:
    starter = function(
        """
        |const { spawn } = require('child_process');
        |exports.handler = async (event) => {
        |  if (event.exit) process.exit(1);
        |  const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
        |  child.unref();
        |  return [process.pid, child.pid];
        |};
        """,
        file="index.js",
        handler="index.handler",
        runtime="nodejs20.x",
    )
    pids = starter.invoke().payload
    assert all(is_running(pid) for pid in pids)
    starter.invoke(exit=True)
    assert not any(is_running(pid) for pid in pids)
