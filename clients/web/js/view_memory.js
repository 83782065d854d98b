// Keeps the address in step with the view, and brings the view back that an address asks for, by intents like any other. Restoring
// happens when the page is opened and when the part behind '#' is edited, never on a reconnect: then the server knows better.

import { decodeView, encodeView } from './url_state.js';

/** @typedef {import('./model.js').Model} Model */
/** @typedef {import('./viewer.js').Viewer} Viewer */
/** @typedef {import('./url_state.js').ViewState} ViewState */

const WRITE_MS = 400;            // browsers limit how often a page may rewrite its address
const POSE_MS_MAX = 3000;

export class ViewMemory {
  /** @param {Model} model @param {Viewer} viewer */
  constructor(model, viewer) {
    this.model = model;
    this.viewer = viewer;
    /** @type {ViewState | null} */
    this.wanted = decodeView(location.hash);
    this.writeTimer = 0;
    this.written = '';
    /** @type {{ test: () => boolean, then: () => void, untilMs: number } | null} */
    this.awaited = null;
    model.listen((topic) => {
      if (topic === 'dims' && this.wanted && !model.idle) this.#restore();
      if (topic === 'camera') this.#continue();
      if (topic !== 'stream') this.#scheduleWrite();
    });
    window.addEventListener('hashchange', () => {
      if (location.hash.slice(1) === this.written) return;
      this.wanted = decodeView(location.hash);
      if (!model.idle) this.#restore();
    });
  }

  /** @returns {ViewState} */
  current() {
    const { dims, pose, layers } = this.model;
    const controls = layers[0]?.controls;
    return {
      ndisplay: dims.ndisplay,
      step: dims.step,
      center: pose.plane?.center,
      zoom: pose.plane?.zoom,
      center3: pose.volume?.center,
      angles: pose.volume?.angles,
      distance: pose.volume?.distance,
      fov: pose.volume?.fov,
      colormap: controls?.colormap,
      contrast: controls?.contrast_limits,
      gamma: controls?.gamma,
      opacity: controls?.opacity,
      interpolation: controls?.interpolation,
      visible: controls?.visible,
    };
  }

  #scheduleWrite() {
    if (this.writeTimer || this.wanted || this.awaited) return;
    this.writeTimer = window.setTimeout(() => {
      this.writeTimer = 0;
      if (this.model.idle || this.wanted) return;
      this.written = encodeView(this.current());
      if (location.hash.slice(1) !== this.written) history.replaceState(null, '', `#${this.written}`);
    }, WRITE_MS);
  }

  #restore() {
    const view = this.wanted;
    this.wanted = null;
    if (!view || Object.keys(view).length === 0) return;
    this.#restoreLayer(view);
    const { dims } = this.model;
    view.step?.forEach((index, axis) => {
      if (axis < dims.sizes.length && dims.sizes[axis] > 1 && index !== dims.step[axis]) this.viewer.setIndex(axis, Math.min(index, dims.sizes[axis] - 1));
    });
    if (view.ndisplay) this.viewer.setDisplay(view.ndisplay);
    if (view.ndisplay === 3) this.#restoreVolumePose(view);
    else if (view.center || view.zoom) this.viewer.setCamera({ ...(view.center && { center: view.center }), ...(view.zoom && { zoom: view.zoom }) });
  }

  /** @param {ViewState} view */
  #restoreLayer(view) {
    const layer = this.model.layers[0];
    if (!layer) return;
    const wanted = {
      colormap: view.colormap, gamma: view.gamma, opacity: view.opacity, interpolation: view.interpolation, visible: view.visible,
      contrast_limits: view.contrast,
    };
    for (const [key, value] of Object.entries(wanted)) {
      const is = layer.controls[/** @type {keyof typeof wanted} */ (key)];
      if (value !== undefined && JSON.stringify(value) !== JSON.stringify(is)) this.viewer.setLayer(layer.id, key, value);
    }
  }

  /** The wire sets no distance: once the pose answers, a zoom makes up the difference. @param {ViewState} view */
  #restoreVolumePose(view) {
    const { center3, angles, distance, fov } = view;
    if (!angles) return;
    this.viewer.setCamera({ ...(center3 && { center: center3 }), angles, ...(fov !== undefined && { fov }) });
    if (distance === undefined) return;
    this.awaited = {
      untilMs: performance.now() + POSE_MS_MAX,
      test: () => {
        const pose = this.model.pose.volume;
        return pose !== null && angles.every((angle, i) => Math.abs(Math.sin(((angle - pose.angles[i]) * Math.PI) / 360)) < 1e-4);
      },
      then: () => {
        const pose = this.model.pose.volume;
        if (pose) this.viewer.zoom(distance / pose.distance, [0, 0], 0);
      },
    };
    this.#continue();
  }

  #continue() {
    if (!this.awaited) return;
    const { test, then, untilMs } = this.awaited;
    if (test()) {
      this.awaited = null;
      then();
    } else if (performance.now() > untilMs) {
      this.awaited = null;
    }
  }
}
