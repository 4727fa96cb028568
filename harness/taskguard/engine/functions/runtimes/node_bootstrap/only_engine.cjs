'use strict';
// Whatever is meant for AWS reaches this engine, and never AWS. The AWS SDK of version 2 knows nothing of AWS_ENDPOINT_URL, and code may
// name endpoints itself: AWS's, or an emulator's on its usual port. What asks by http, https or fetch is answered by the engine, with the
// name that was asked in the Host header; for whatever connects in another way, AWS's names do not exist.
const dns = require('dns');
const http = require('http');
const Module = require('module');

const OF_AWS = /(^|\.)(amazonaws\.com(\.cn)?|api\.aws|localhost\.localstack\.cloud)$/i;
const OF_AN_EMULATOR = /^(localhost|127\.0\.0\.1|host\.docker\.internal|localstack)$/i;
const USUAL_PORT = '4566';

const isMeant = (name, port) => OF_AWS.test(name) || (OF_AN_EMULATOR.test(name) && String(port) === USUAL_PORT);

exports.install = (engine) => {
  redirectRequests(engine, new http.Agent({ keepAlive: true }));
  if (globalThis.fetch) globalThis.fetch = fetching(globalThis.fetch, engine);
  hideNames(dns);
  hideNames(dns.promises);
  Module.syncBuiltinESMExports();
};

// By http or https, whichever way that was loaded: a request comes to an agent once its headers are made, and then asks for a connection.
// (To load https only to change it would take a function two milliseconds.)
function redirectRequests(engine, agent) {
  const { addRequest } = http.Agent.prototype;
  const there = { protocol: 'http:', hostname: engine.hostname, host: engine.hostname, port: engine.port };
  http.Agent.prototype.addRequest = function (request, options, ...others) {
    // The form of old: a host, a port and a local address.
    const asked = typeof options === 'string' ? { host: options, port: others[0], localAddress: others[1] } : options;
    const name = String(asked.host || asked.hostname || 'localhost');
    if (this === agent || !isMeant(name, asked.port)) return addRequest.call(this, request, options, ...others);
    const plain = { ...asked, ...there, agent, servername: undefined, createConnection: undefined };
    return addRequest.call(agent, request, plain);
  };
}

function fetching(original, engine) {
  return function fetch(input, init) {
    const asked = input instanceof Request ? input : undefined;
    let url;
    try {
      url = new URL(asked ? asked.url : input);
    } catch {
      return original(input, init);
    }
    if (!isMeant(url.hostname, url.port)) return original(input, init);
    const request = new Request(asked || url, init);
    const headers = new Headers(request.headers);
    headers.set('host', url.host);
    const there = new URL(url.pathname + url.search, engine);
    const { method, redirect, signal } = request;
    const body = request.body ? { body: request.body, duplex: 'half' } : {};
    return original(there, { method, redirect, signal, headers, ...body });
  };
}

function hideNames(module) {
  const lookup = module.lookup;
  module.lookup = function (name, ...others) {
    if (!OF_AWS.test(name)) return lookup.call(this, name, ...others);
    const error = new Error(`getaddrinfo ENOTFOUND ${name} (a function reaches the engine by http, and never AWS)`);
    Object.assign(error, { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: name });
    const callback = others[others.length - 1];
    if (typeof callback !== 'function') return Promise.reject(error);
    process.nextTick(callback, error);
    return {};
  };
}
