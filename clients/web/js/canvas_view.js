// The picture: a canvas with exactly the video's pixels, scaled by the style sheet with its aspect kept. Draws the newest decoded frame
// once per animation frame; older ones are closed unseen.

import { fitRect, toVideo } from './geometry.js';

/** @typedef {import('./types.js').PacketHeader} PacketHeader */

export class CanvasView {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {(header: PacketHeader, nowMs: number) => void} onDrawn
   */
  constructor(canvas, onDrawn) {
    this.onResized = () => {};
    this.canvas = canvas;
    this.onDrawn = onDrawn;
    const context = canvas.getContext('2d', { alpha: false });
    if (!context) throw new Error('this browser gives no 2-D canvas');
    this.context = context;
    /** @type {{ frame: VideoFrame, header: PacketHeader } | null} */
    this.next = null;
    this.scheduled = false;
    this.drawnCount = 0;
  }

  /** @param {VideoFrame} frame @param {PacketHeader} header */
  show(frame, header) {
    this.next?.frame.close();
    this.next = { frame, header };
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.scheduled = false;
    if (!this.next) return;
    const { frame, header } = this.next;
    this.next = null;
    // Coded sizes are padded to macroblocks; the display size is what was drawn.
    const { displayWidth: width, displayHeight: height } = frame;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.onResized();
    }
    this.context.drawImage(frame, 0, 0, width, height);
    frame.close();
    this.drawnCount += 1;
    this.onDrawn(header, performance.now());
  }

  /** Where the picture is on the page, and how many CSS pixels a video pixel has. */
  picture() {
    return fitRect(this.canvas.getBoundingClientRect(), this.canvas.width, this.canvas.height);
  }

  /**
   * @param {{ clientX: number, clientY: number }} event
   * @returns {[number, number]} video pixels, origin top-left
   */
  videoPoint(event) {
    return toVideo(this.picture(), event.clientX, event.clientY);
  }

  get size() {
    return { width: this.canvas.width, height: this.canvas.height };
  }
}
