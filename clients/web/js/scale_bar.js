// A bar of a round length in the picture's corner, in 2-D and in orthographic 3-D, where every point has the same scale.

import { byId, setText } from './dom.js';
import { formatNumber, roundLength, shortUnit } from './geometry.js';

/** @typedef {import('./model.js').Model} Model */
/** @typedef {import('./canvas_view.js').CanvasView} CanvasView */

const LENGTH_CSS_PX_MAX = 160;

export class ScaleBar {
  /** @param {Model} model @param {CanvasView} view */
  constructor(model, view) {
    this.model = model;
    this.view = view;
    this.root = byId('scale-bar', HTMLElement);
    this.line = byId('scale-line', HTMLElement);
    this.text = byId('scale-text', HTMLElement);
    model.listen((topic) => { if (topic !== 'layers') this.refresh(); });
    view.onResized = () => this.refresh();
    new ResizeObserver(() => this.refresh()).observe(view.canvas);
  }

  refresh() {
    const pixels = this.#canvasPxPerWorld() * this.view.picture().scale;
    const length = pixels > 0 && !this.model.idle ? roundLength(LENGTH_CSS_PX_MAX / pixels) : 0;
    this.root.hidden = length === 0;
    if (length === 0) return;
    this.line.style.setProperty('width', `${length * pixels}px`);
    const axis = this.model.axis(this.model.dims.displayed[this.model.dims.displayed.length - 1] ?? 0);
    setText(this.text, `${formatNumber(length)} ${axis.unit ? shortUnit(axis.unit) : 'px'}`);
  }

  #canvasPxPerWorld() {
    const { plane, volume } = this.model.pose;
    if (this.model.dims.ndisplay === 2) return plane?.zoom ?? 0;
    return volume && volume.fov === 0 ? this.view.size.height / volume.distance : 0;
  }
}
