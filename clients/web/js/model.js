// What the server last said about the scene. Fed by notify payloads, read by everybody, changed by nobody else. What arrives is checked
// here once: a malformed part is left out and the previous value stays.

import { decodeBase64 } from './h264.js';

/** @typedef {import('./types.js').AxisInfo} AxisInfo */
/** @typedef {import('./types.js').Dims} Dims */
/** @typedef {import('./types.js').Layer} Layer */
/** @typedef {import('./types.js').Pair} Pair */
/** @typedef {import('./types.js').PlanePose} PlanePose */
/** @typedef {import('./types.js').VolumePose} VolumePose */
/** @typedef {import('./types.js').Stream} Stream */
/** @typedef {'scene' | 'dims' | 'layers' | 'camera' | 'stream'} Topic */

const CONTROL_KEYS = /** @type {const} */ (['visible', 'opacity', 'colormap', 'interpolation', 'gamma', 'contrast_limits']);

/** @param {unknown} value @param {number} [length] @returns {value is number[]} */
function isNumbers(value, length) {
  return Array.isArray(value) && (length === undefined || value.length === length) && value.every((item) => Number.isFinite(item));
}

export class Model {
  constructor() {
    this.idle = true;
    this.sourcePath = '';
    /** @type {AxisInfo[]} */
    this.axes = [];
    /** @type {string[]} */
    this.colormaps = ['gray'];
    /** @type {string[]} */
    this.interpolations = ['linear', 'nearest'];
    /** @type {Dims} */
    this.dims = { labels: [], step: [], sizes: [], order: [], displayed: [], ndisplay: 2 };
    /** @type {Layer[]} */
    this.layers = [];
    /** @type {{ plane: PlanePose | null, volume: VolumePose | null }} */
    this.pose = { plane: null, volume: null };
    /** @type {Stream} */
    this.stream = { width: 0, height: 0, fps: 0, avcc: new Uint8Array(0) };
    /** @type {Set<(topic: Topic) => void>} */
    this.listeners = new Set();
  }

  /** @param {(topic: Topic) => void} listener */
  listen(listener) {
    this.listeners.add(listener);
  }

  /** @param {string} topic @param {any} payload */
  apply(topic, payload) {
    switch (topic) {
      case 'scene': this.#applyScene(payload); break;
      case 'dims': this.#applyDims(payload); break;
      case 'layers': this.#applyLayer(payload); break;
      case 'camera': if (!this.#applyPose(payload.state)) return; break;
      case 'stream': this.#applyStream(payload); break;
      default: return;
    }
    for (const listener of this.listeners) listener(/** @type {Topic} */ (topic));
  }

  /** Axes that have a slider, in data order. @returns {number[]} */
  get sliderAxes() {
    const { displayed, sizes } = this.dims;
    return sizes.map((_, axis) => axis).filter((axis) => !displayed.includes(axis) && sizes[axis] > 1);
  }

  /** @param {number} axis @returns {AxisInfo} */
  axis(axis) {
    const size = this.dims.sizes[axis] ?? 1;
    const known = this.axes[axis];
    // With a pinned level the sliders count its indices, while the scene describes the finest one's.
    return known ? { ...known, size, scale: (known.scale * known.size) / size } : { name: this.dims.labels[axis] ?? String(axis), type: '', unit: '', size, scale: 1, translate: 0 };
  }

  /** @param {any} payload */
  #applyScene(payload) {
    const metadata = payload.metadata ?? {};
    const layers = Array.isArray(payload.layers) ? payload.layers : [];
    this.idle = metadata.status ? metadata.status !== 'ready' : layers.length === 0;
    this.sourcePath = typeof metadata.source_path === 'string' ? metadata.source_path : '';
    const ours = metadata.napari_cuda ?? {};
    if (isStrings(ours.colormaps) && ours.colormaps.length > 0) this.colormaps = ours.colormaps;
    if (isStrings(ours.interpolations) && ours.interpolations.length > 0) this.interpolations = ours.interpolations;
    this.axes = Array.isArray(ours.axes) ? ours.axes.map(toAxis) : axesOfBlock(layers[0]);
    this.layers = layers.map((/** @type {any} */ block) => toLayer(block, ours));
    this.pose = { plane: null, volume: null };
    this.#applyPose(payload.viewer?.camera);
  }

  /** @param {any} payload */
  #applyDims(payload) {
    const level = Number(payload.current_level ?? 0);
    const sizes = payload.level_shapes?.[level];
    const step = payload.current_step ?? payload.step;
    if (!isNumbers(sizes) || !isNumbers(step, sizes.length)) return;
    const ndisplay = payload.ndisplay === 3 ? 3 : 2;
    const order = isNumbers(payload.order, sizes.length) ? payload.order : sizes.map((_, axis) => axis);
    const displayed = isNumbers(payload.displayed, Math.min(ndisplay, sizes.length)) ? payload.displayed : order.slice(-ndisplay);
    const labels = isStrings(payload.axis_labels) ? payload.axis_labels : sizes.map((_, axis) => String(axis));
    this.dims = { labels, step, sizes, order, displayed, ndisplay };
  }

  /** @param {any} payload */
  #applyLayer(payload) {
    if (payload.removed === true) {
      this.layers = this.layers.filter((layer) => layer.id !== payload.layer_id);
      return;
    }
    const layer = this.layers.find((candidate) => candidate.id === payload.layer_id);
    if (layer) mergeControls(layer.controls, payload.controls);
  }

  /** @param {any} state @returns {boolean} whether it holds a pose */
  #applyPose(state) {
    if (!state || typeof state !== 'object') return false;
    if (isNumbers(state.center, 3) && isNumbers(state.angles, 3) && Number.isFinite(state.distance)) {
      const center = /** @type {[number, number, number]} */ ([...state.center]);
      const angles = /** @type {[number, number, number]} */ ([...state.angles]);
      this.pose.volume = { center, angles, distance: state.distance, fov: Number(state.fov ?? 0) };
      return true;
    }
    if (!isNumbers(state.center, 2)) return false;
    // The width of the visible rectangle says the same as the zoom, and says it in any unit a server may count zoom in.
    const width = isNumbers(state.rect, 4) ? state.rect[2] : 0;
    const zoom = width > 0 && this.stream.width > 0 ? this.stream.width / width : Number(state.zoom);
    if (!(zoom > 0)) return false;
    this.pose.plane = { center: [state.center[0], state.center[1]], zoom };
    return true;
  }

  /** @param {any} payload */
  #applyStream(payload) {
    if (!isNumbers(payload.frame_size, 2)) return;
    const [width, height] = payload.frame_size;
    this.stream = { width, height, fps: Number(payload.fps) || 0, avcc: decodeBase64(String(payload.avcc ?? '')) };
  }
}

/** @param {unknown} value @returns {value is string[]} */
function isStrings(value) {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** @param {any} axis @returns {AxisInfo} */
function toAxis(axis) {
  const finite = (/** @type {unknown} */ value, /** @type {number} */ other) => (typeof value === 'number' && Number.isFinite(value) ? value : other);
  return {
    name: String(axis?.name ?? ''),
    type: String(axis?.type ?? ''),
    unit: String(axis?.unit ?? ''),
    size: finite(axis?.size, 1),
    scale: finite(axis?.scale, 1),
    translate: finite(axis?.translate, 0),
  };
}

/** @param {any} block @returns {AxisInfo[]} what a scene without our metadata says about axes */
function axesOfBlock(block) {
  if (!block || !isNumbers(block.shape)) return [];
  return block.shape.map((/** @type {number} */ size, /** @type {number} */ axis) =>
    toAxis({ name: block.axis_labels?.[axis], size, scale: block.scale?.[axis], translate: block.translate?.[axis] }));
}

/** @param {any} block @param {any} ours @returns {Layer} */
function toLayer(block, ours) {
  /** @type {Layer} */
  const layer = {
    id: String(block.layer_id ?? block.id ?? 'layer-0'),
    name: String(block.name ?? block.layer_id ?? ''),
    dtype: String(block.dtype ?? ours.dtype ?? ''),
    contrastRange: isNumbers(block.contrast_limits, 2) ? [block.contrast_limits[0], block.contrast_limits[1]] : [0, 1],
    controls: { visible: true, opacity: 1, colormap: 'gray', interpolation: 'linear', gamma: 1, contrast_limits: [0, 1] },
  };
  layer.controls.contrast_limits = [...layer.contrastRange];
  mergeControls(layer.controls, block.controls);
  return layer;
}

/** @param {any} into @param {any} from  only keys of the same type as before are taken */
function mergeControls(into, from) {
  if (!from || typeof from !== 'object') return;
  for (const key of CONTROL_KEYS) {
    const value = from[key];
    if (typeof value !== typeof into[key]) continue;
    if (key === 'contrast_limits' && !isNumbers(value, 2)) continue;
    into[key] = value;
  }
}
