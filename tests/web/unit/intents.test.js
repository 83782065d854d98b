// Coalescing: one of a kind per frame, few without an answer, nothing lost on the way.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Backoff } from '../../../clients/web/js/backoff.js';
import { IntentQueue } from '../../../clients/web/js/intents.js';

/** @typedef {import('../../../clients/web/js/types.js').Intent} Intent */

function setup({ limit = 3, online = true } = {}) {
  const world = {
    online,
    now: 0,
    /** @type {Intent[]} */ sent: [],
    /** @type {(() => void)[]} */ frames: [],
    frame() {
      const callbacks = world.frames.splice(0);
      for (const callback of callbacks) callback();
    },
  };
  const queue = new IntentQueue({
    limit,
    now: () => world.now,
    schedule: (callback) => world.frames.push(callback),
    send: (intent) => (world.online ? `intent-${world.sent.push(intent)}` : null),
  });
  return { world, queue };
}

/** @param {string} key @param {unknown} value @returns {Intent} */
const camera = (key, value) => ({ scope: 'camera', target: 'main', key, value });

test('the first goes out at once, the rest of the frame as one', () => {
  const { world, queue } = setup();
  for (let i = 1; i <= 5; i++) queue.push(camera('pan', { dx_px: i, dy_px: -i }));
  assert.deepEqual(world.sent.map((intent) => intent.value), [{ dx_px: 1, dy_px: -1 }]);
  world.frame();
  assert.deepEqual(world.sent[1].value, { dx_px: 14, dy_px: -14 });
  world.frame();
  assert.equal(world.sent.length, 2);
  assert.equal(world.frames.length, 0, 'nothing is scheduled when nothing waits');
});

test('each kind merges in its own way', () => {
  const { world, queue } = setup();
  const twice = (/** @type {Intent} */ first, /** @type {Intent} */ second, /** @type {Intent} */ third) => {
    world.sent.length = 0;
    queue.clear();
    for (const intent of [first, second, third]) queue.push(intent);
    world.frame();
    world.frame();
    return world.sent[1].value;
  };
  assert.deepEqual(
    twice(camera('zoom', { factor: 9, anchor_px: [0, 0] }), camera('zoom', { factor: 2, anchor_px: [1, 1] }), camera('zoom', { factor: 3, anchor_px: [4, 5] })),
    { factor: 6, anchor_px: [4, 5] });
  assert.deepEqual(
    twice(camera('orbit', { d_az_deg: 9, d_el_deg: 9 }), camera('orbit', { d_az_deg: 1, d_el_deg: 2 }), camera('orbit', { d_az_deg: 3, d_el_deg: 4 })),
    { d_az_deg: 4, d_el_deg: 6 });
  assert.deepEqual(twice(camera('set', {}), camera('set', { fov: 45 }), camera('set', { angles: [1, 2, 3] })), { fov: 45, angles: [1, 2, 3] });
  const step = (/** @type {number} */ value) => ({ scope: 'dims', target: 'z', key: 'step', value });
  assert.equal(twice(step(9), step(1), step(-3)), -2);
  const index = (/** @type {number} */ value) => ({ scope: 'dims', target: 'z', key: 'index', value });
  assert.equal(twice(index(9), index(1), index(7)), 7);
});

test('kinds do not hold each other up, axes and layers are kinds of their own', () => {
  const { world, queue } = setup();
  for (const target of ['z', 't']) queue.push({ scope: 'dims', target, key: 'index', value: 1 });
  queue.push(camera('pan', { dx_px: 1, dy_px: 0 }));
  assert.equal(world.sent.length, 3);
});

test('without answers it stops at the limit, merges, and goes on with the first answer', () => {
  const { world, queue } = setup({ limit: 3 });
  for (let i = 0; i < 50; i++) {
    queue.push(camera('pan', { dx_px: 1, dy_px: 0 }));
    world.frame();
  }
  assert.equal(world.sent.length, 3);
  assert.equal(queue.answered('intent-1'), 0);
  world.frame();
  assert.equal(world.sent.length, 4);
  const moved = world.sent.reduce((sum, intent) => sum + /** @type {{ dx_px: number }} */ (intent.value).dx_px, 0);
  assert.equal(moved, 50, 'no movement is lost');
});

test('an answer gives the time of the oldest input that it answers', () => {
  const { world, queue } = setup();
  queue.push(camera('pan', { dx_px: 1, dy_px: 0 }), 10);
  queue.push(camera('pan', { dx_px: 1, dy_px: 0 }), 20);
  queue.push(camera('pan', { dx_px: 1, dy_px: 0 }), 30);
  world.frame();
  assert.equal(queue.answered('intent-1'), 10);
  assert.equal(queue.answered('intent-2'), 20);
  assert.equal(queue.answered('intent-2'), null);
  assert.equal(queue.answered('intent-99'), null);
});

test('busy while something waits or has no answer', () => {
  const { queue } = setup();
  assert.equal(queue.busy('camera.main.pan'), false);
  queue.push(camera('pan', { dx_px: 1, dy_px: 0 }));
  assert.equal(queue.busy('camera.main.pan'), true);
  queue.answered('intent-1');
  assert.equal(queue.busy('camera.main.pan'), false);
});

test('an answer that never comes does not block for ever', () => {
  const { world, queue } = setup({ limit: 1 });
  queue.push(camera('pan', { dx_px: 1, dy_px: 0 }));
  world.frame();
  queue.push(camera('pan', { dx_px: 1, dy_px: 0 }));
  assert.equal(world.sent.length, 1);
  world.now = 6000;
  queue.push(camera('pan', { dx_px: 1, dy_px: 0 }));
  assert.equal(world.sent.length, 2);
});

test('offline, intents are dropped and not kept for later', () => {
  const { world, queue } = setup({ online: false });
  queue.push(camera('pan', { dx_px: 1, dy_px: 0 }));
  world.online = true;
  world.frame();
  world.frame();
  assert.equal(world.sent.length, 0);
  assert.equal(queue.busy('camera.main.pan'), false);
});

test('waiting times double between their bounds, with jitter', () => {
  for (const random of [0, 0.5, 0.999]) {
    const backoff = new Backoff({ random: () => random });
    const times = Array.from({ length: 40 }, () => backoff.next());
    assert.ok(times.every((ms) => ms >= 500 && ms <= 10000), String(times));
    assert.ok(times[2] > times[1] && times[1] > times[0]);
    assert.ok(times[39] >= 8000);
    backoff.reset();
    assert.equal(backoff.next(), times[0]);
  }
});
