// Input to presented, whichever of ack and frame comes first; rates.

import assert from 'node:assert/strict';
import test from 'node:test';

import { LatencyTracker } from '../../../clients/web/js/latency.js';
import { RateMeter } from '../../../clients/web/js/rate_meter.js';

test('ack first, then the frame', () => {
  const latency = new LatencyTracker();
  latency.drawn(4, 90);
  latency.acked(5, 100);
  latency.drawn(4, 105);
  assert.deepEqual(latency.samples, []);
  latency.drawn(5, 130);
  latency.drawn(5, 150);
  assert.deepEqual(latency.samples, [30]);
});

test('frame first, then the ack: the time of the frame counts', () => {
  const latency = new LatencyTracker();
  latency.drawn(5, 130);
  latency.drawn(6, 140);
  latency.acked(5, 100);
  assert.deepEqual(latency.samples, [30]);
});

test('one frame presents everything up to its version', () => {
  const latency = new LatencyTracker();
  latency.acked(5, 100);
  latency.acked(6, 110);
  latency.acked(9, 120);
  latency.drawn(7, 150);
  assert.deepEqual(latency.samples, [50, 40]);
  latency.drawn(9, 160);
  assert.deepEqual(latency.samples, [50, 40, 40]);
});

test('an intent that changed nothing is no sample, neither at once nor much later', () => {
  const latency = new LatencyTracker({ maxAgeMs: 2000 });
  latency.drawn(5, 50);
  latency.acked(5, 100);
  latency.acked(6, 100);
  latency.drawn(7, 9000);
  assert.deepEqual(latency.samples, []);
  assert.equal(latency.waiting.length, 0);
});

test('a server that counts anew does not confuse it', () => {
  const latency = new LatencyTracker();
  latency.drawn(500, 10);
  latency.drawn(1, 20);
  latency.acked(2, 30);
  latency.drawn(2, 45);
  assert.deepEqual(latency.samples, [15]);
});

test('memory is bounded, percentiles are of the newest', () => {
  const latency = new LatencyTracker({ capacity: 10 });
  assert.equal(latency.percentile(0.5), null);
  for (let i = 1; i <= 1000; i++) {
    latency.acked(i, i * 10);
    latency.drawn(i, i * 10 + i);
  }
  assert.equal(latency.samples.length, 10);
  assert.equal(latency.percentile(0.5), 996);
  assert.equal(latency.percentile(1, 3), 1000);
  for (let i = 0; i < 5000; i++) latency.acked(1e9, 0);
  assert.ok(latency.waiting.length <= 256);
  assert.ok(latency.drawnVersions.length <= 64);
});

test('rates are of the last second', () => {
  const meter = new RateMeter();
  for (let ms = 0; ms < 2000; ms += 20) meter.add(ms, 1000);
  assert.equal(meter.rate(1999), 50000);
  assert.equal(meter.rate(2480), 25000);
  assert.equal(meter.rate(9999), 0);
  assert.equal(meter.events.length, 0);
});
