// What the user wants, as intents: the one vocabulary that gestures, keys, controls and the address share. Holds no view state of its own
// but the active slider; the model is what the server says.

/** @typedef {import('./intents.js').IntentQueue} IntentQueue */
/** @typedef {import('./model.js').Model} Model */

const ORBIT_DEG_PER_CSS_PX = 0.5;

export class Viewer {
  /** @param {Model} model @param {IntentQueue} queue */
  constructor(model, queue) {
    this.model = model;
    this.queue = queue;
    this.activeAxis = -1;
    /** @type {Set<() => void>} */
    this.axisListeners = new Set();
  }

  get is3d() {
    return this.model.dims.ndisplay === 3;
  }

  /**
   * @param {number} factor  below 1 magnifies
   * @param {[number, number]} point  video pixels, origin top-left
   * @param {number} height  of the video
   * @param {number} [inputMs]
   */
  zoom(factor, point, height, inputMs) {
    this.#push('camera', 'main', 'zoom', { factor, anchor_px: [point[0], height - point[1]] }, inputMs);
  }

  /** @param {number} dx  video pixels, x right, y down @param {number} dy @param {number} [inputMs] */
  pan(dx, dy, inputMs) {
    if (dx !== 0 || dy !== 0) this.#push('camera', 'main', 'pan', { dx_px: dx, dy_px: dy }, inputMs);
  }

  /** The near side of the volume follows the pointer. @param {number} dx  CSS pixels @param {number} dy @param {number} [inputMs] */
  orbit(dx, dy, inputMs) {
    if (dx === 0 && dy === 0) return;
    this.#push('camera', 'main', 'orbit', { d_az_deg: -dx * ORBIT_DEG_PER_CSS_PX, d_el_deg: dy * ORBIT_DEG_PER_CSS_PX }, inputMs);
  }

  fit() {
    this.#push('camera', 'main', 'reset', { reason: 'fit' });
  }

  /** @param {{ center?: number[], zoom?: number, angles?: number[], fov?: number }} pose */
  setCamera(pose) {
    this.#push('camera', 'main', 'set', pose);
  }

  togglePerspective() {
    const fov = this.model.pose.volume?.fov ?? 0;
    if (this.is3d) this.setCamera({ fov: fov > 0 ? 0 : 45 });
  }

  /** @param {2 | 3} ndisplay */
  setDisplay(ndisplay) {
    if (ndisplay !== this.model.dims.ndisplay) this.#push('view', 'main', 'ndisplay', ndisplay);
  }

  /** @param {number} axis @param {number} index @param {number} [inputMs] */
  setIndex(axis, index, inputMs) {
    this.activate(axis);
    this.#push('dims', this.#label(axis), 'index', index, inputMs);
  }

  /** @param {number} delta @param {number} [axis]  the active one if not given @param {number} [inputMs] */
  step(delta, axis = this.currentAxis, inputMs) {
    if (axis < 0 || delta === 0) return;
    this.#push('dims', this.#label(axis), 'step', delta, inputMs);
  }

  /** @param {string} layerId @param {string} key @param {unknown} value @param {number} [inputMs] */
  setLayer(layerId, key, value, inputMs) {
    this.#push('layer', layerId, key, value, inputMs);
  }

  /** @param {string} layerId @param {string} key @returns {boolean} whether what the server says is older than what the user did */
  layerBusy(layerId, key) {
    return this.queue.busy(`layer.${layerId}.${key}`);
  }

  /** @param {number} axis */
  axisBusy(axis) {
    return this.queue.busy(`dims.${this.#label(axis)}.index`);
  }

  /** The slider that the wheel and the arrow keys move: the last one used, else the first. */
  get currentAxis() {
    const axes = this.model.sliderAxes;
    return axes.includes(this.activeAxis) ? this.activeAxis : axes[0] ?? -1;
  }

  /** @param {number} axis */
  activate(axis) {
    if (axis === this.activeAxis) return;
    this.activeAxis = axis;
    for (const listener of this.axisListeners) listener();
  }

  /** @param {number} direction  1 or -1 */
  activateNext(direction) {
    const axes = this.model.sliderAxes;
    if (axes.length === 0) return;
    const at = axes.indexOf(this.currentAxis);
    this.activate(axes[(at + direction + axes.length) % axes.length]);
  }

  /** @param {number} axis */
  #label(axis) {
    return this.model.dims.labels[axis] ?? String(axis);
  }

  /** @param {string} scope @param {string} target @param {string} key @param {unknown} value @param {number} [inputMs] */
  #push(scope, target, key, value, inputMs) {
    this.queue.push({ scope, target, key, value }, inputMs);
  }
}
