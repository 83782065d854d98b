// napari's gestures on the picture. Wheel zooms at the cursor, a drag pans (2-D) or orbits (3-D), shift-drag pans in 3-D, a modifier and
// the wheel step slices, a double click fits. One finger drags, two fingers pinch and pan. Turns events into the viewer's words.

import { wheelNotches, zoomFactor } from './geometry.js';

/** @typedef {import('./viewer.js').Viewer} Viewer */
/** @typedef {import('./canvas_view.js').CanvasView} CanvasView */

const BUTTON_MAIN = 0;
const BUTTON_MIDDLE = 1;

export class Gestures {
  /** @param {CanvasView} view @param {Viewer} viewer */
  constructor(view, viewer) {
    this.view = view;
    this.viewer = viewer;
    /** @type {Map<number, { x: number, y: number }>} pressed pointers, by id */
    this.pointers = new Map();
    this.controlKeyDown = false;
    this.wheelRest = 0;
    const canvas = view.canvas;
    canvas.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener('pointerdown', (event) => this.#down(event));
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    canvas.addEventListener('pointerup', (event) => this.#up(event));
    canvas.addEventListener('pointercancel', (event) => this.#up(event));
    canvas.addEventListener('dblclick', () => this.viewer.fit());
    canvas.addEventListener('auxclick', (event) => event.preventDefault());
    window.addEventListener('keydown', (event) => this.#key(event, true), true);
    window.addEventListener('keyup', (event) => this.#key(event, false), true);
    window.addEventListener('blur', () => { this.controlKeyDown = false; });
  }

  /** @param {KeyboardEvent} event @param {boolean} down */
  #key(event, down) {
    if (event.key === 'Control') this.controlKeyDown = down;
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    const notches = wheelNotches(event);
    // Browsers report a pinch on a trackpad as a wheel with ctrlKey, though no such key is down.
    const pinch = event.ctrlKey && !this.controlKeyDown;
    if ((event.ctrlKey || event.altKey || event.metaKey) && !pinch) return this.#wheelStep(notches, event.timeStamp);
    this.wheelRest = 0;
    const point = this.view.videoPoint(event);
    this.viewer.zoom(zoomFactor(pinch ? notches * 8 : notches), point, this.view.size.height, event.timeStamp);
  }

  /** Whole notches step; a trackpad's small ones add up. @param {number} notches @param {number} inputMs */
  #wheelStep(notches, inputMs) {
    if (Math.sign(notches) !== Math.sign(this.wheelRest)) this.wheelRest = 0;
    this.wheelRest += notches;
    const steps = Math.trunc(this.wheelRest + 1e-9 * Math.sign(this.wheelRest));
    this.wheelRest -= steps;
    if (steps !== 0) this.viewer.step(-steps, undefined, inputMs);
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.pointerType === 'mouse' && event.button !== BUTTON_MAIN && event.button !== BUTTON_MIDDLE) return;
    if (event.button === BUTTON_MIDDLE) event.preventDefault();
    this.view.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.view.canvas.classList.add('dragging');
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const last = this.pointers.get(event.pointerId);
    if (!last) return;
    const now = { x: event.clientX, y: event.clientY };
    if (this.pointers.size === 2) this.#pinch(event, last, now);
    else if (this.pointers.size === 1) this.#drag(event, now.x - last.x, now.y - last.y);
    this.pointers.set(event.pointerId, now);
  }

  /** @param {PointerEvent} event @param {number} dx  CSS pixels @param {number} dy */
  #drag(event, dx, dy) {
    const middle = (event.buttons & 4) !== 0;
    if (this.viewer.is3d && !event.shiftKey && !middle) return this.viewer.orbit(dx, dy, event.timeStamp);
    const { scale } = this.view.picture();
    this.viewer.pan(dx / scale, dy / scale, event.timeStamp);
  }

  /**
   * One of two fingers moved: their middle pans, their distance zooms.
   * @param {PointerEvent} event
   * @param {{ x: number, y: number }} last
   * @param {{ x: number, y: number }} now
   */
  #pinch(event, last, now) {
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (!other) return;
    const { scale } = this.view.picture();
    const before = Math.hypot(last.x - other.x, last.y - other.y);
    const after = Math.hypot(now.x - other.x, now.y - other.y);
    this.viewer.pan((now.x - last.x) / 2 / scale, (now.y - last.y) / 2 / scale, event.timeStamp);
    if (before < 8 || after < 8) return;
    const middle = this.view.videoPoint({ clientX: (now.x + other.x) / 2, clientY: (now.y + other.y) / 2 });
    this.viewer.zoom(before / after, middle, this.view.size.height, event.timeStamp);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    this.pointers.delete(event.pointerId);
    if (this.pointers.size === 0) this.view.canvas.classList.remove('dragging');
  }
}
