'use strict';
// The first code of a Node.js function's process: see to it that AWS is this engine, set the clock, then hand over to AWS's own runtime
// interface client, whose transport is the one of transport.cjs. It runs on each Node.js from 16 on.
//
// Run as `node index.cjs <client's folder> <handler> <clock> <skew> <engine>`: the clock's file, empty for the machine's, by how many
// seconds this process is told more than it, and the engine's URL.
const fs = require('fs');
const Module = require('module');
const path = require('path');
const { pathToFileURL } = require('url');

const [, , client, handler, clock, skew, engine] = process.argv;
const transport = require('./transport.cjs').transportTo(process.env.AWS_LAMBDA_RUNTIME_API);
require('./only_engine.cjs').install(new URL(engine));
if (clock || Number(skew)) require('./clock.cjs').install(clock, Number(skew));

// Otherwise what does not fit into a pipe at once is written later, and an answer, or an exit, overtakes it.
for (const stream of [process.stdout, process.stderr]) stream._handle?.setBlocking?.(true);

// What the client has as a native module is not built here.
const load = Module._load;
Module._load = function (request, ...others) {
  return request === './rapid-client.node' ? transport : load.call(this, request, ...others);
};

const third = path.join(client, 'dist', 'index.mjs');
const entry = fs.existsSync(third) ? third : path.join(client, 'index.mjs');
process.argv.splice(1, process.argv.length, entry);
import(pathToFileURL(entry).href)
  // The third version is to be started; the fourth starts by itself.
  .then(({ run }) => run && run(process.env.LAMBDA_TASK_ROOT, handler))
  // As what a main module throws is told: an exception that nobody caught, and no promise that nobody handled.
  .catch((error) => setImmediate(() => { throw error; }));
