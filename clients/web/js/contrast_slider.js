// Two thumbs on one track and two number fields: the contrast limits in native data values. The fields may leave the range; the
// track then grows with them.

import { byId } from './dom.js';
import { formatNumber } from './geometry.js';

/** @typedef {import('./types.js').Pair} Pair */

export class ContrastSlider {
  /** @param {(limits: Pair, inputMs: number) => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
    this.track = byId('contrast', HTMLElement);
    this.low = byId('contrast-low', HTMLInputElement);
    this.high = byId('contrast-high', HTMLInputElement);
    this.lowField = byId('contrast-low-value', HTMLInputElement);
    this.highField = byId('contrast-high-value', HTMLInputElement);
    /** @type {Pair} */
    this.range = [0, 1];
    /** @type {Pair} */
    this.limits = [0, 1];
    this.gap = 1e-3;
    this.low.addEventListener('input', (event) => this.#moved(Number(this.low.value), this.limits[1], event.timeStamp, 'low'));
    this.high.addEventListener('input', (event) => this.#moved(this.limits[0], Number(this.high.value), event.timeStamp, 'high'));
    this.lowField.addEventListener('change', (event) => this.#typed(this.lowField, 0, event.timeStamp));
    this.highField.addEventListener('change', (event) => this.#typed(this.highField, 1, event.timeStamp));
    byId('contrast-full', HTMLButtonElement).addEventListener('click', (event) => this.#moved(this.range[0], this.range[1], event.timeStamp, 'high'));
  }

  /** @param {Pair} range @param {Pair} limits @param {boolean} whole  whether the data are integers */
  show(range, limits, whole) {
    this.range = [...range];
    this.limits = [...limits];
    const span = range[1] - range[0];
    this.gap = whole && span >= 2 ? 1 : span / 1000;
    for (const field of [this.lowField, this.highField]) field.step = whole ? '1' : 'any';
    this.#paint();
  }

  #paint() {
    const low = Math.min(this.range[0], this.limits[0]);
    const high = Math.max(this.range[1], this.limits[1]);
    for (const slider of [this.low, this.high]) {
      slider.min = String(low);
      slider.max = String(high);
      slider.step = this.gap === 1 ? '1' : 'any';
    }
    this.low.value = String(this.limits[0]);
    this.high.value = String(this.limits[1]);
    const percent = (/** @type {number} */ value) => `${(100 * (value - low)) / (high - low || 1)}%`;
    this.track.style.setProperty('--low', percent(this.limits[0]));
    this.track.style.setProperty('--high', percent(this.limits[1]));
    // The thumb that can still move lies on top when both are at one end.
    this.track.classList.toggle('low-on-top', this.limits[0] > (low + high) / 2);
    if (document.activeElement !== this.lowField) this.lowField.value = formatNumber(this.limits[0], 6);
    if (document.activeElement !== this.highField) this.highField.value = formatNumber(this.limits[1], 6);
  }

  /** @param {number} low @param {number} high @param {number} inputMs @param {'low' | 'high'} moved */
  #moved(low, high, inputMs, moved) {
    if (high - low < this.gap) {
      if (moved === 'low') low = high - this.gap;
      else high = low + this.gap;
    }
    this.limits = [low, high];
    this.#paint();
    this.onChange([low, high], inputMs);
  }

  /** @param {HTMLInputElement} field @param {0 | 1} which @param {number} inputMs */
  #typed(field, which, inputMs) {
    const value = Number(field.value);
    if (field.value.trim() === '' || !Number.isFinite(value)) return this.#paint();
    if (which === 0) this.#moved(value, this.limits[1], inputMs, 'low');
    else this.#moved(this.limits[0], value, inputMs, 'high');
    field.value = formatNumber(this.limits[which], 6);
  }
}
