// The selected layer: visible, colour map, contrast, gamma, opacity, interpolation. Shows the model; a control whose intent has no
// answer yet keeps the user's value.

import { byId, make, setSlider, setText } from './dom.js';
import { formatNumber } from './geometry.js';
import { ContrastSlider } from './contrast_slider.js';

/** @typedef {import('./model.js').Model} Model */
/** @typedef {import('./viewer.js').Viewer} Viewer */
/** @typedef {import('./types.js').Layer} Layer */

export class LayerPanel {
  /** @param {Model} model @param {Viewer} viewer */
  constructor(model, viewer) {
    this.model = model;
    this.viewer = viewer;
    this.selectedId = '';
    this.root = byId('layer', HTMLFieldSetElement);
    this.select = byId('layer-select', HTMLSelectElement);
    this.name = byId('layer-name', HTMLElement);
    this.visible = byId('visible', HTMLInputElement);
    this.colormap = byId('colormap', HTMLSelectElement);
    this.interpolation = byId('interpolation', HTMLSelectElement);
    this.gamma = byId('gamma', HTMLInputElement);
    this.gammaValue = byId('gamma-value', HTMLOutputElement);
    this.opacity = byId('opacity', HTMLInputElement);
    this.opacityValue = byId('opacity-value', HTMLOutputElement);
    this.contrast = new ContrastSlider((limits, inputMs) => this.#set('contrast_limits', limits, inputMs));
    this.#wire();
    model.listen((topic) => {
      if (topic === 'scene' || topic === 'layers') this.refresh();
    });
  }

  /** @returns {Layer | undefined} */
  get layer() {
    return this.model.layers.find((layer) => layer.id === this.selectedId) ?? this.model.layers[0];
  }

  toggleVisible() {
    const layer = this.layer;
    if (layer) this.#set('visible', !layer.controls.visible);
  }

  #wire() {
    this.select.addEventListener('change', () => {
      this.selectedId = this.select.value;
      this.refresh();
    });
    this.visible.addEventListener('change', (event) => this.#set('visible', this.visible.checked, event.timeStamp));
    this.colormap.addEventListener('change', (event) => this.#set('colormap', this.colormap.value, event.timeStamp));
    this.interpolation.addEventListener('change', (event) => this.#set('interpolation', this.interpolation.value, event.timeStamp));
    // The slider is logarithmic, so that 1 lies in the middle and halving feels like doubling.
    this.gamma.addEventListener('input', (event) => {
      const gamma = Number((10 ** Number(this.gamma.value)).toPrecision(3));
      this.#showGamma(gamma);
      this.#set('gamma', gamma, event.timeStamp);
    });
    this.gamma.addEventListener('dblclick', () => this.#set('gamma', 1));
    this.opacity.addEventListener('input', (event) => {
      this.#showOpacity(Number(this.opacity.value));
      this.#set('opacity', Number(this.opacity.value), event.timeStamp);
    });
  }

  refresh() {
    const layer = this.layer;
    this.root.disabled = !layer;
    const many = this.model.layers.length > 1;
    this.select.hidden = !many;
    this.name.hidden = many;
    setText(this.name, layer ? layer.name : 'No layer');
    if (many) this.select.replaceChildren(...this.model.layers.map((item) => new Option(item.name, item.id, false, item.id === layer?.id)));
    setOptions(this.colormap, this.model.colormaps);
    setOptions(this.interpolation, this.model.interpolations);
    if (layer) this.#show(layer);
  }

  /** @param {Layer} layer */
  #show(layer) {
    const { controls } = layer;
    const idle = (/** @type {string} */ key) => !this.viewer.layerBusy(layer.id, key);
    if (idle('visible')) this.visible.checked = controls.visible;
    if (idle('colormap')) showOption(this.colormap, controls.colormap);
    if (idle('interpolation')) showOption(this.interpolation, controls.interpolation);
    if (idle('gamma')) {
      setSlider(this.gamma, Math.log10(controls.gamma));
      this.#showGamma(controls.gamma);
    }
    if (idle('opacity')) {
      setSlider(this.opacity, controls.opacity);
      this.#showOpacity(controls.opacity);
    }
    if (idle('contrast_limits')) this.contrast.show(layer.contrastRange, controls.contrast_limits, /int/.test(layer.dtype));
  }

  /** @param {number} gamma */
  #showGamma(gamma) {
    setSlider(this.gamma, Math.log10(gamma));
    setText(this.gammaValue, formatNumber(gamma, 3));
  }

  /** @param {number} opacity */
  #showOpacity(opacity) {
    setSlider(this.opacity, opacity);
    setText(this.opacityValue, `${Math.round(100 * opacity)} %`);
  }

  /** @param {string} key @param {unknown} value @param {number} [inputMs] */
  #set(key, value, inputMs) {
    const layer = this.layer;
    if (layer) this.viewer.setLayer(layer.id, key, value, inputMs);
  }
}

/** @param {HTMLSelectElement} select @param {string[]} names */
function setOptions(select, names) {
  const same = names.length === select.options.length && names.every((name, i) => select.options[i].value === name);
  if (!same) select.replaceChildren(...names.map((name) => new Option(name)));
}

/** A value that is not in the list is shown all the same. @param {HTMLSelectElement} select @param {string} value */
function showOption(select, value) {
  if (![...select.options].some((option) => option.value === value)) {
    const option = make('option', '', value);
    option.value = value;
    select.append(option);
  }
  select.value = value;
}
