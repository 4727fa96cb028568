"""Functions in Node.js, and what Lambda documents of each."""

from tests.engine.runtime_cases.case import EXITS, QUOTAS, TIMEOUTS, TIMEOUTS_OF_INIT, Case, failed

ERRORS = "nodejs-exceptions.html"
HANDLERS = "nodejs-handler.html"
RUNTIME = "lambda-nodejs.html"

CASES: tuple[Case, ...] = (
    Case(
        page=HANDLERS,
        name="a promise",
        source="exports.handler = async (event) => ({ got: event.n + 1 })",
        payload={"got": 2},
    ),
    Case(
        page=HANDLERS,
        name="a callback",
        source="exports.handler = (event, context, callback) => setTimeout(() => callback(null, event.n), 5)",
        payload=1,
    ),
    Case(
        page=HANDLERS,
        name="a callback with an error",
        source="exports.handler = (event, context, callback) => callback(new RangeError('too far'))",
        payload=failed("RangeError", "too far"),
        error=True,
        logged=("\tERROR\tInvoke Error \t", '"errorMessage":"too far"'),
    ),
    Case(
        page=HANDLERS,
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
    Case(page=HANDLERS, name="nothing at all", source="exports.handler = () => {}", payload=None),
    Case(
        page=ERRORS,
        name="an exception in a promise",
        source="exports.handler = async () => { throw new TypeError('not a number') }",
        payload=failed("TypeError", "not a number"),
        error=True,
    ),
    Case(
        page=ERRORS,
        name="an exception at once",
        source="exports.handler = () => { throw new Error('no') }",
        payload=failed("Error", "no"),
        error=True,
    ),
    Case(
        page=ERRORS,
        name="a text that is thrown",
        source="exports.handler = async () => { throw 'just words' }",
        payload=failed("string", "just words"),
        error=True,
    ),
    Case(
        page=ERRORS,
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
        page=ERRORS,
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
        page=EXITS,
        name="an exit",
        source="exports.handler = async () => process.exit(3)",
        payload=failed("Runtime.ExitError", "Error: Runtime exited with error: exit status 3"),
        error=True,
    ),
    Case(
        page=EXITS,
        name="a signal",
        source="exports.handler = async () => { process.kill(process.pid, 'SIGSEGV'); await new Promise(() => {}) }",
        payload=failed("Runtime.ExitError", "Error: Runtime exited with error: signal: segmentation fault"),
        error=True,
    ),
    Case(
        page=TIMEOUTS,
        name="a timeout",
        source="exports.handler = () => new Promise((resolve) => setTimeout(resolve, 60_000))",
        payload=failed("Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        error=True,
        timeout=1,
    ),
    Case(
        page=TIMEOUTS,
        name="an endless loop",
        source="exports.handler = async () => { for (;;); }",
        payload=failed("Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        error=True,
        timeout=1,
    ),
    Case(
        page=QUOTAS,
        name="a large answer",
        source="exports.handler = async () => 'x'.repeat(5_000_000)",
        payload="x" * 5_000_000,
    ),
    Case(
        page=QUOTAS,
        name="an answer that is too large",
        source="exports.handler = async () => 'x'.repeat(7_000_000)",
        payload=failed("Function.ResponseSizeTooLarge", "exceeded maximum allowed payload size (6291556 bytes)."),
        error=True,
    ),
    Case(
        page=RUNTIME,
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
        page=RUNTIME,
        name="ES modules by package.json",
        source="import { greet } from './lib/greet.js';\nexport const handler = async () => greet();",
        files={"package.json": '{"type": "module"}', "lib/greet.js": "export const greet = () => 'hello';"},
        payload="hello",
    ),
    Case(
        page=RUNTIME,
        name="ES modules that nothing announces",
        source="export const handler = async () => 1",
        runtime="nodejs22.x",
        payload=failed("Runtime.UserCodeSyntaxError", "Unexpected token 'export'"),
        error=True,
    ),
    Case(
        page=HANDLERS,
        name="a handler in a folder",
        file="src/functions/task.js",
        handler="src/functions/task.handlers.run",
        source="exports.handlers = { run: async () => __filename.split('/').slice(-3).join('/') }",
        payload="src/functions/task.js",
    ),
    Case(
        page=ERRORS,
        name="a module that is not there",
        source="require('nowhere'); exports.handler = async () => 1",
        payload=failed("Runtime.ImportModuleError", "Error: Cannot find module 'nowhere'"),
        error=True,
    ),
    Case(
        page=ERRORS,
        name="a file that is not there",
        source="exports.handler = async () => 1",
        handler="elsewhere.handler",
        payload=failed("Runtime.ImportModuleError", "Error: Cannot find module 'elsewhere'"),
        error=True,
    ),
    Case(
        page=ERRORS,
        name="a function that is not there",
        source="exports.handler = async () => 1",
        handler="index.other",
        payload=failed("Runtime.HandlerNotFound", "index.other is undefined or not exported"),
        error=True,
    ),
    Case(
        page=ERRORS,
        name="a syntax error",
        source="exports.handler = async () => {",
        payload=failed("Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected end of input"),
        error=True,
    ),
    Case(
        page=ERRORS,
        name="an exception while it is loaded",
        source="throw new RangeError('not today')",
        payload=failed("RangeError", "not today"),
        error=True,
        logged=("Uncaught Exception",),
    ),
    Case(
        page=EXITS,
        name="an exit while it is loaded",
        source="process.exit(4)",
        payload=failed("Runtime.ExitError", "Error: Runtime exited with error: exit status 4"),
        error=True,
    ),
    Case(
        page=TIMEOUTS_OF_INIT,
        name="a module that is never loaded to its end",
        file="index.mjs",
        source="await new Promise((resolve) => setTimeout(resolve, 60_000)); export const handler = async () => 1;",
        payload=failed("Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        error=True,
        timeout=1,
    ),
    Case(
        page=HANDLERS,
        name="nodejs24.x: a promise",
        runtime="nodejs24.x",
        source="exports.handler = async (event) => event.n",
        payload=1,
    ),
    Case(
        page=HANDLERS,
        name="nodejs24.x: a callback",
        runtime="nodejs24.x",
        source="exports.handler = (event, context, callback) => callback(null, 1)",
        payload=failed("Runtime.CallbackHandlerDeprecated", "callback"),
        error=True,
    ),
    Case(
        page=ERRORS,
        name="nodejs24.x: an exception",
        runtime="nodejs24.x",
        source="exports.handler = async () => { throw new RangeError('too far') }",
        payload=failed("RangeError", "too far"),
        error=True,
        logged=("\tERROR\tInvoke Error \t",),
    ),
    Case(
        page=RUNTIME,
        name="the AWS SDK that Lambda brings, of CommonJS",
        source="""
        |const { SQSClient } = require('@aws-sdk/client-sqs');
        |const { marshall } = require('@aws-sdk/util-dynamodb');
        |exports.handler = async () => [typeof SQSClient, marshall({ n: 1 })];
        """,
        payload=["function", {"n": {"N": "1"}}],
    ),
    Case(
        page=RUNTIME,
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
        page=RUNTIME,
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
