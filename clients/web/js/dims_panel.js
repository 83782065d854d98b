// A slider for every axis that is not displayed, and the switch between 2-D and 3-D. Shows the model; a slider that is being moved, or whose
// intent has no answer yet, keeps the user's value.

import { byId, make, paintSlider, setSlider, setText } from './dom.js';
import { formatNumber, shortUnit } from './geometry.js';

/** @typedef {import('./model.js').Model} Model */
/** @typedef {import('./viewer.js').Viewer} Viewer */
/** @typedef {{ axis: number, root: HTMLElement, slider: HTMLInputElement, index: HTMLInputElement, world: HTMLElement, name: HTMLElement }} Row */

export class DimsPanel {
  /** @param {Model} model @param {Viewer} viewer */
  constructor(model, viewer) {
    this.model = model;
    this.viewer = viewer;
    this.list = byId('sliders', HTMLElement);
    this.mode2 = byId('mode-2d', HTMLInputElement);
    this.mode3 = byId('mode-3d', HTMLInputElement);
    this.perspective = byId('perspective', HTMLInputElement);
    /** @type {Row[]} */
    this.rows = [];
    this.signature = '';
    this.mode2.addEventListener('change', () => viewer.setDisplay(2));
    this.mode3.addEventListener('change', () => viewer.setDisplay(3));
    this.perspective.addEventListener('change', () => viewer.togglePerspective());
    byId('fit', HTMLButtonElement).addEventListener('click', () => viewer.fit());
    model.listen((topic) => {
      if (topic === 'scene' || topic === 'dims') this.refresh();
      if (topic === 'camera' || topic === 'scene' || topic === 'dims') this.#refreshCamera();
    });
    viewer.axisListeners.add(() => this.#markActive());
  }

  refresh() {
    const axes = this.model.sliderAxes;
    const signature = axes.map((axis) => `${axis}:${this.model.axis(axis).name}:${this.model.axis(axis).size}`).join('|');
    if (signature !== this.signature) this.#rebuild(axes);
    this.signature = signature;
    this.mode2.checked = this.model.dims.ndisplay === 2;
    this.mode3.checked = this.model.dims.ndisplay === 3;
    this.mode3.disabled = this.model.dims.sizes.length < 3;
    for (const row of this.rows) {
      if (!this.viewer.axisBusy(row.axis)) this.#show(row, this.model.dims.step[row.axis] ?? 0);
    }
    this.#markActive();
  }

  #refreshCamera() {
    this.perspective.disabled = this.model.dims.ndisplay !== 3;
    this.perspective.checked = (this.model.pose.volume?.fov ?? 0) > 0;
  }

  /** @param {number[]} axes */
  #rebuild(axes) {
    this.rows = axes.map((axis) => this.#makeRow(axis));
    this.list.replaceChildren(...this.rows.map((row) => row.root));
    byId('no-sliders', HTMLElement).hidden = axes.length > 0 || this.model.idle;
  }

  /** @param {number} axis @returns {Row} */
  #makeRow(axis) {
    const { name, size, unit, type } = this.model.axis(axis);
    const root = make('div', 'slider-row');
    const label = make('label', 'axis-name', name || `axis ${axis}`);
    const slider = make('input');
    slider.type = 'range';
    slider.id = `axis-${axis}`;
    slider.min = '0';
    slider.max = String(size - 1);
    slider.step = '1';
    label.htmlFor = slider.id;
    label.title = [type, unit].filter(Boolean).join(', ');
    const index = make('input', 'number');
    index.type = 'number';
    index.min = '0';
    index.max = slider.max;
    index.step = '1';
    index.setAttribute('aria-label', `${name} index`);
    const of = make('span', 'of', `/ ${size - 1}`);
    const world = make('output', 'world');
    const head = make('div', 'slider-head');
    head.append(label, world, index, of);
    root.append(head, slider);
    /** @type {Row} */
    const row = { axis, root, slider, index, world, name: label };
    slider.addEventListener('input', (event) => this.#choose(row, Number(slider.value), event.timeStamp));
    slider.addEventListener('focus', () => this.viewer.activate(axis));
    index.addEventListener('change', (event) => this.#choose(row, Number(index.value), event.timeStamp));
    return row;
  }

  /** @param {Row} row @param {number} value @param {number} inputMs */
  #choose(row, value, inputMs) {
    const index = Math.min(Number(row.slider.max), Math.max(0, Math.round(value) || 0));
    this.#show(row, index);
    this.viewer.setIndex(row.axis, index, inputMs);
  }

  /** @param {Row} row @param {number} value */
  #show(row, value) {
    const axis = this.model.axis(row.axis);
    setSlider(row.slider, value);
    if (document.activeElement !== row.index) row.index.value = String(value);
    const world = axis.scale * value + axis.translate;
    const text = axis.type === 'channel' ? '' : `${formatNumber(world)}${axis.unit ? ` ${shortUnit(axis.unit)}` : ''}`;
    setText(row.world, text);
    row.slider.setAttribute('aria-valuetext', `${value} of ${axis.size - 1}${text ? `, ${text}` : ''}`);
  }

  #markActive() {
    const active = this.viewer.currentAxis;
    for (const row of this.rows) {
      row.root.classList.toggle('active', row.axis === active && this.rows.length > 1);
      paintSlider(row.slider);
    }
  }
}
