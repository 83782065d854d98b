// Frames and bytes a second over the last second or so. Pure.

export class RateMeter {
  /** @param {number} [windowMs] */
  constructor(windowMs = 1000) {
    this.windowMs = windowMs;
    /** @type {{ ms: number, amount: number }[]} */
    this.events = [];
    this.lastMs = -Infinity;
  }

  /** @param {number} nowMs @param {number} [amount] */
  add(nowMs, amount = 1) {
    this.events.push({ ms: nowMs, amount });
    this.lastMs = nowMs;
    this.#expire(nowMs);
  }

  /** @param {number} nowMs @returns {number} a second */
  rate(nowMs) {
    this.#expire(nowMs);
    return (1000 * this.events.reduce((sum, event) => sum + event.amount, 0)) / this.windowMs;
  }

  /** @param {number} nowMs */
  #expire(nowMs) {
    const first = this.events.findIndex((event) => nowMs - event.ms < this.windowMs);
    if (first !== 0) this.events.splice(0, first < 0 ? this.events.length : first);
  }
}
