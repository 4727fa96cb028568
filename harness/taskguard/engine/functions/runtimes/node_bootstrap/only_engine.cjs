'use strict';
// Whatever is meant for AWS reaches this engine, and never AWS. The AWS SDK of version 2 knows nothing of AWS_ENDPOINT_URL, and code may
// name endpoints itself: AWS's, or an emulator's on its usual port. What asks by http, https or fetch is answered by the engine, with the
// name that was asked in the Host header; for whatever connects in another way, AWS's names do not exist.
const dns = require('dns');
const http = require('http');
const https = require('https');
const Module = require('module');

const OF_AWS = /(^|\.)(amazonaws\.com(\.cn)?|api\.aws|localhost\.localstack\.cloud)$/i;
const OF_AN_EMULATOR = /^(localhost|127\.0\.0\.1|host\.docker\.internal|localstack)$/i;
const USUAL_PORT = '4566';

const isMeant = (name, port) => OF_AWS.test(name) || (OF_AN_EMULATOR.test(name) && String(port) === USUAL_PORT);

exports.install = (engine) => {
  const agent = new http.Agent({ keepAlive: true });
  for (const module of [http, https]) redirectRequests(module, http.request, engine, agent);
  if (globalThis.fetch) globalThis.fetch = fetching(globalThis.fetch, engine);
  hideNames(dns);
  hideNames(dns.promises);
  Module.syncBuiltinESMExports();
};

function redirectRequests(module, send, engine, agent) {
  const original = module.request;
  const request = function (...given) {
    const { options, callback } = read(given);
    const [name, port] = String(options.hostname || options.host || 'localhost').split(':');
    if (!isMeant(name, options.port || port)) return original.apply(this, given);
    const headers = { ...options.headers };
    if (!Object.keys(headers).some((key) => key.toLowerCase() === 'host')) headers.host = name;
    const there = { protocol: 'http:', hostname: engine.hostname, host: engine.hostname, port: engine.port };
    return send.call(http, { ...options, ...there, agent, headers, createConnection: undefined, defaultPort: undefined }, callback);
  };
  module.request = request;
  module.get = function (...given) {
    const asked = request.apply(this, given);
    asked.end();
    return asked;
  };
}

// A URL, options, or both, and a callback: https://nodejs.org/api/http.html#httprequesturl-options-callback
function read([first, second, third]) {
  if (typeof first !== 'string' && !(first instanceof URL)) return { options: first || {}, callback: second };
  const url = new URL(first);
  const [more, callback] = typeof second === 'function' ? [{}, second] : [second, third];
  const path = url.pathname + url.search;
  return { options: { protocol: url.protocol, hostname: url.hostname, port: url.port, path, ...more }, callback };
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
