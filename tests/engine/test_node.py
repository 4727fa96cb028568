"""Functions in Node.js behave as on Lambda: a table of cases (docs/runtimes.md), and what no table holds."""

from __future__ import annotations

import json

import pytest

from tests.engine.conftest import Create, is_running, packed
from tests.engine.runtime_cases.case import Case, assert_as_on_lambda
from tests.engine.runtime_cases.node import CASES


@pytest.mark.documented
@pytest.mark.parametrize("case", [pytest.param(each, id=each.name) for each in CASES])
def test_a_function_does_as_on_lambda(function: Create, case: Case) -> None:
    assert_as_on_lambda(function, case)


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
        |    own: await asked(https, { hostname: 's3.amazonaws.com', path: '/', agent: new https.Agent({ keepAlive: true }) }),
        |    apart: await asked(await import('https'), where, { agent: false }),
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
    ways = ("https", "options", "own", "apart", "emulator", "fetch")
    assert told == dict.fromkeys(ways, "engine") | {"otherwise": "ENOTFOUND"}


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
