'use strict';
// The clock that the engine lives by (taskguard/support/scaled_clock.py has what its file holds), for what asks `Date`. What measures a
// duration (`performance.now`, `process.hrtime`) or waits (timers) goes by real time.
const fs = require('fs');

const BYTES = 40;
const { readSync } = fs;
const { bigint: monotonic } = process.hrtime;
const Real = Date;

exports.install = (file, skewSeconds) => {
  const now = file ? shown(fs.openSync(file, 'r'), skewSeconds) : () => Real.now() + skewSeconds * 1000;
  const stand = new Proxy(Real, {
    construct: (real, given, kind) => Reflect.construct(real, given.length ? given : [now()], kind),
    apply: () => new Real(now()).toString(),
    get: (real, name) => (name === 'now' ? now : Reflect.get(real, name)),
  });
  Real.prototype.constructor = stand;
  globalThis.Date = stand;
};

function shown(descriptor, skewSeconds) {
  const state = Buffer.alloc(BYTES);
  const again = Buffer.alloc(8);
  return function now() {
    let version;
    do {
      readSync(descriptor, state, 0, BYTES, 0);
      version = state.readBigUInt64LE(0);
      // Somebody writes while it is odd, or has written since.
      readSync(descriptor, again, 0, again.length, 0);
    } while (version % 2n || version !== again.readBigUInt64LE(0));
    const [real, pipeline, rate, until] = [8, 16, 24, 32].map((place) => state.readDoubleLE(place));
    const passed = Number(monotonic()) / 1e9 - real;
    const moment = pipeline + passed * rate;
    return Math.floor(((moment <= until ? moment : until + passed - (until - pipeline) / rate) + skewSeconds) * 1000);
  };
}
