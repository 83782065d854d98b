// Places and sizes: the picture in its element, pointers, wheels, round lengths.

import assert from 'node:assert/strict';
import test from 'node:test';

import { fitRect, formatNumber, roundLength, shortUnit, toVideo, wheelNotches, zoomFactor } from '../../../clients/web/js/geometry.js';

test('the picture is centred in what is left of its element', () => {
  const wide = fitRect({ left: 10, top: 20, width: 984, height: 692 }, 1920, 1080);
  assert.ok(Math.abs(wide.width - 984) < 1e-9);
  assert.ok(Math.abs(wide.height - 553.5) < 1e-9);
  assert.ok(Math.abs(wide.top - 20 - (692 - 553.5) / 2) < 1e-9);
  const tall = fitRect({ left: 0, top: 0, width: 2000, height: 540 }, 1920, 1080);
  assert.deepEqual([tall.left, tall.width, tall.scale], [520, 960, 0.5]);
});

test('a pointer becomes a video pixel, clamped into the picture', () => {
  const picture = fitRect({ left: 100, top: 0, width: 960, height: 740 }, 1920, 1080);
  assert.deepEqual(toVideo(picture, 100, 100), [0, 0]);
  assert.deepEqual(toVideo(picture, 100 + 480, 100 + 270), [960, 540]);
  assert.deepEqual(toVideo(picture, 5000, 0), [1920, 0]);
});

test('a notch is a notch in every unit; up magnifies', () => {
  assert.equal(wheelNotches({ deltaY: -100, deltaMode: 0 }), -1);
  assert.equal(wheelNotches({ deltaY: 3, deltaMode: 1 }), 1);
  assert.ok(Math.abs(zoomFactor(-1) - 1 / 1.1) < 1e-12);
  assert.ok(zoomFactor(1e9) < 3 && zoomFactor(-1e9) > 0.3);
});

test('round lengths', () => {
  for (const [length, round] of [[1, 1], [1.99, 1], [2, 2], [4.9, 2], [5, 5], [99, 50], [100, 100], [0.07, 0.05], [1e-9, 1e-9]]) {
    assert.ok(Math.abs(roundLength(length) / round - 1) < 1e-9, `${length}: ${roundLength(length)}`);
  }
  for (const nothing of [0, -1, NaN, Infinity]) assert.equal(roundLength(nothing), 0);
});

test('numbers and units as people write them', () => {
  assert.equal(formatNumber(0.1 + 0.2), '0.3');
  assert.equal(formatNumber(1234567), '1234567');
  assert.equal(formatNumber(-71.512345), '-71.51');
  assert.equal(formatNumber(NaN), '–');
  assert.equal(shortUnit('micrometer'), 'µm');
  assert.equal(shortUnit('furlong'), 'furlong');
});
