// The line under the picture: connection, pointer position, frame rate, bit rate, latency. Updates four times a second, and only text
// that changed.

import { byId, setText } from './dom.js';
import { formatNumber, shortUnit } from './geometry.js';
import { RateMeter } from './rate_meter.js';

/** @typedef {import('./model.js').Model} Model */
/** @typedef {import('./canvas_view.js').CanvasView} CanvasView */
/** @typedef {import('./latency.js').LatencyTracker} LatencyTracker */

const UPDATE_MS = 250;
const LATENCY_SAMPLES = 60;

export class Readout {
  /** @param {Model} model @param {CanvasView} view @param {LatencyTracker} latency */
  constructor(model, view, latency) {
    this.model = model;
    this.view = view;
    this.latency = latency;
    this.frames = new RateMeter();
    this.bytes = new RateMeter();
    this.status = byId('status', HTMLElement);
    this.statusText = byId('status-text', HTMLElement);
    this.position = byId('position', HTMLElement);
    this.fps = byId('fps', HTMLElement);
    this.bitrate = byId('bitrate', HTMLElement);
    this.latencyText = byId('latency', HTMLElement);
    this.resolution = byId('resolution', HTMLElement);
    /** @type {{ clientX: number, clientY: number } | null} */
    this.pointer = null;
    view.canvas.addEventListener('pointermove', (event) => {
      this.pointer = { clientX: event.clientX, clientY: event.clientY };
      this.#showPosition();
    });
    view.canvas.addEventListener('pointerleave', () => {
      this.pointer = null;
      this.#showPosition();
    });
    model.listen((topic) => { if (topic !== 'layers') this.#showPosition(); });
    setInterval(() => this.#update(), UPDATE_MS);
  }

  /** @param {'connecting' | 'connected' | 'lost'} state @param {string} text */
  setStatus(state, text) {
    this.status.dataset.state = state;
    setText(this.statusText, text);
  }

  #update() {
    const now = performance.now();
    const frames = this.frames.rate(now);
    setText(this.fps, frames > 0 ? `${Math.round(frames)} fps` : 'still');
    const bits = 8 * this.bytes.rate(now);
    setText(this.bitrate, bits >= 1e6 ? `${(bits / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bits / 1e3)} kbit/s`);
    const median = this.latency.percentile(0.5, LATENCY_SAMPLES);
    setText(this.latencyText, median === null ? '– ms' : `${median.toFixed(median < 10 ? 1 : 0)} ms`);
    const { width, height } = this.view.size;
    if (this.view.drawnCount > 0) setText(this.resolution, `${width} × ${height}`);
  }

  /** World coordinates under the pointer, in 2-D, where the pose says them exactly. */
  #showPosition() {
    const { plane } = this.model.pose;
    if (!this.pointer || !plane || this.model.dims.ndisplay !== 2 || this.model.idle) return setText(this.position, '');
    const [px, py] = this.view.videoPoint(this.pointer);
    const { width, height } = this.view.size;
    const world = [plane.center[0] + (px - width / 2) / plane.zoom, plane.center[1] + (py - height / 2) / plane.zoom];
    const axes = [...this.model.dims.displayed].reverse().map((axis) => this.model.axis(axis));
    const parts = world.map((value, i) => `${axes[i]?.name ?? ''} ${formatNumber(value, 4)}`);
    const unit = axes[0]?.unit ? ` ${shortUnit(axes[0].unit)}` : '';
    setText(this.position, parts.join('   ') + unit);
  }
}
