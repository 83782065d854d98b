// What notify payloads do to the model, malformed ones included.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Model } from '../../../clients/web/js/model.js';

const SCENE = {
  viewer: { camera: { center: [128, 96], zoom: 2, rect: [0, 0, 256, 192] } },
  layers: [{
    layer_id: 'layer-0', name: 'blobs', shape: [4, 32, 192, 256], dtype: 'uint16', axis_labels: ['t', 'z', 'y', 'x'], contrast_limits: [0, 4095],
    controls: { visible: true, opacity: 1, colormap: 'gray', interpolation: 'linear', gamma: 1, contrast_limits: [100, 900], rendering: 'mip' },
  }],
  metadata: { status: 'ready', source_path: '/data/blobs.zarr', napari_cuda: { colormaps: ['gray', 'viridis'], axes: [
    { name: 't', type: 'time', unit: 'second', size: 4, scale: 0.5, translate: 0 }, { name: 'z', unit: 'micrometer', size: 32, scale: 2, translate: 1 },
    { name: 'y', size: 192 }, { name: 'x', size: 256 }] } },
};
const DIMS = {
  step: [1, 16, 0, 0], current_step: [1, 16, 0, 0], ndisplay: 2, mode: 'plane', current_level: 0, level_shapes: [[4, 32, 192, 256]],
  levels: [{}], axis_labels: ['t', 'z', 'y', 'x'], order: [0, 1, 2, 3], displayed: [2, 3],
};

function loaded() {
  const model = new Model();
  model.apply('scene', SCENE);
  model.apply('dims', DIMS);
  return model;
}

test('a baseline fills it', () => {
  const model = loaded();
  assert.equal(model.idle, false);
  assert.deepEqual(model.sliderAxes, [0, 1]);
  assert.deepEqual(model.axis(1), { name: 'z', type: '', unit: 'micrometer', size: 32, scale: 2, translate: 1 });
  assert.deepEqual(model.layers[0].contrastRange, [0, 4095]);
  assert.deepEqual(model.layers[0].controls.contrast_limits, [100, 900]);
  assert.deepEqual(model.pose.plane, { center: [128, 96], zoom: 2 });
  assert.deepEqual(model.colormaps, ['gray', 'viridis']);
});

test('in 3-D only the other axes have sliders', () => {
  const model = loaded();
  model.apply('dims', { ...DIMS, ndisplay: 3, mode: 'volume', displayed: [1, 2, 3] });
  assert.deepEqual(model.sliderAxes, [0]);
});

test('layer deltas change only what they name, in the right type', () => {
  const model = loaded();
  model.apply('layers', { layer_id: 'layer-0', controls: { gamma: 2, opacity: 'half', contrast_limits: [1, null], colormap: 'viridis', junk: 1 } });
  assert.deepEqual(model.layers[0].controls, { visible: true, opacity: 1, colormap: 'viridis', interpolation: 'linear', gamma: 2, contrast_limits: [100, 900] });
  model.apply('layers', { layer_id: 'unknown', controls: { gamma: 3 } });
  assert.equal(model.layers[0].controls.gamma, 2);
  assert.equal(SCENE.layers[0].controls.gamma, 1, 'the payload is not kept');
});

test('poses: the rectangle says the zoom once the size is known; nonsense is ignored', () => {
  const model = loaded();
  model.apply('stream', { frame_size: [1280, 720], fps: 60, avcc: '' });
  model.apply('camera', { mode: 'pose', state: { center: [1, 2], zoom: 0.3, rect: [0, 0, 320, 180] } });
  assert.deepEqual(model.pose.plane, { center: [1, 2], zoom: 4 });
  model.apply('camera', { mode: 'pose', state: { center: [1, 2, 3], angles: [4, 5, 6], distance: 7, fov: 0 } });
  assert.deepEqual(model.pose.volume, { center: [1, 2, 3], angles: [4, 5, 6], distance: 7, fov: 0 });
  for (const state of [null, {}, { center: [1] }, { center: [1, 2, 3], angles: [1, 2] }, { center: [1, 2], zoom: 0 }]) {
    model.apply('camera', { mode: 'pose', state });
    assert.deepEqual(model.pose.plane, { center: [1, 2], zoom: 4 });
  }
});

test('broken dims leave the earlier ones', () => {
  const model = loaded();
  for (const change of [{ current_level: 7 }, { level_shapes: 'x' }, { current_step: [1] }]) {
    model.apply('dims', { ...DIMS, ...change });
    assert.deepEqual(model.dims.step, [1, 16, 0, 0]);
  }
});

test('idle and unknown topics', () => {
  const model = loaded();
  /** @type {string[]} */
  const seen = [];
  model.listen((topic) => seen.push(topic));
  model.apply('scene', { viewer: {}, layers: [], metadata: { status: 'idle' } });
  assert.equal(model.idle, true);
  model.apply('telemetry', { x: 1 });
  model.apply('camera', { mode: 'zoom', delta: { factor: 1.1 } });
  assert.deepEqual(seen, ['scene']);
});
