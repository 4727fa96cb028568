'use strict';
// What AWS's runtime interface client for Node.js has as a native module: how it talks to the Runtime API.
//
// The native one blocks while it posts. Here a post is under way when its function returns, and what would come after it waits: the next
// invocation, and an exit of the process.
const http = require('http');

const ROOT = '/2018-06-01/runtime/invocation/';
const LONGEST_HEADER = 100_000;

exports.transportTo = (address) => {
  const [hostname, port] = address.split(':');
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  // The ones that are in place now: others may be put there.
  const { request } = http;
  const exit = process.exit.bind(process);
  let underWay = Promise.resolve();

  const ask = (method, where, body, headers = {}) =>
    new Promise((resolve, reject) => {
      const asked = request({ hostname, port, agent, method, path: ROOT + where, headers }, (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('end', () => resolve({ bodyJson: Buffer.concat(parts).toString('utf8'), headers: response.headers }));
      });
      asked.on('error', reject);
      asked.end(body);
    });

  const post = (where, text, headers) => {
    const body = Buffer.from(text, 'utf8');
    const about = { 'Content-Type': 'application/json', 'Content-Length': body.length, ...headers };
    // Nobody is there to be told when it fails: the engine has ended.
    const posted = ask('POST', where, body, about).then(() => {}, () => {});
    underWay = posted;
    process.exit = (code) => { posted.then(() => exit(code)); };
    posted.then(() => { if (underWay === posted) process.exit = exit; });
  };

  return {
    initializeClient() {},
    next: () => underWay.then(() => ask('GET', 'next')),
    done: (id, body) => post(`${id}/response`, body),
    error: (id, body, cause) => {
      const shown = cause.length < LONGEST_HEADER ? encodeURI(cause) : '';
      post(`${id}/error`, body, { 'Lambda-Runtime-Function-XRay-Error-Cause': shown });
    },
  };
};
