// Input to presented, on the client's own clock: when the user acted, and when a frame that contains the answer was drawn.
// An ack says which scene version answers an intent; a frame says which version it shows. Either may come first. Pure.

const DRAWN_MAX = 64;
const WAITING_MAX = 256;

export class LatencyTracker {
  /** @param {{ capacity?: number, maxAgeMs?: number }} [options] */
  constructor({ capacity = 240, maxAgeMs = 2000 } = {}) {
    this.capacity = capacity;
    this.maxAgeMs = maxAgeMs;
    /** @type {number[]} milliseconds, oldest first */
    this.samples = [];
    /** @type {{ version: number, inputMs: number }[]} acknowledged, not drawn yet */
    this.waiting = [];
    /** @type {{ version: number, ms: number }[]} when each version was first drawn, rising */
    this.drawnVersions = [];
  }

  /**
   * @param {number} version  the scene version that answers the intent
   * @param {number} inputMs  when the user acted
   */
  acked(version, inputMs) {
    const drawn = this.drawnVersions.find((entry) => entry.version >= version);
    if (drawn) {
      // A version that was on screen before the input changed nothing visible, so there is nothing to time.
      if (drawn.ms >= inputMs) this.#add(drawn.ms - inputMs);
      return;
    }
    this.waiting.push({ version, inputMs });
    if (this.waiting.length > WAITING_MAX) this.waiting.shift();
  }

  /**
   * @param {number} version  what the drawn frame shows
   * @param {number} nowMs
   */
  drawn(version, nowMs) {
    const last = this.drawnVersions[this.drawnVersions.length - 1];
    if (last && version < last.version) this.drawnVersions = [];  // another server process, or another data set
    if (!last || version !== last.version) {
      this.drawnVersions.push({ version, ms: nowMs });
      if (this.drawnVersions.length > DRAWN_MAX) this.drawnVersions.shift();
    }
    if (this.waiting.length === 0) return;
    for (const entry of this.waiting) {
      const age = nowMs - entry.inputMs;
      if (version >= entry.version && age <= this.maxAgeMs) this.#add(age);
    }
    this.waiting = this.waiting.filter((entry) => version < entry.version && nowMs - entry.inputMs <= this.maxAgeMs);
  }

  reset() {
    this.waiting = [];
    this.drawnVersions = [];
  }

  /**
   * @param {number} fraction  0.5 is the median
   * @param {number} [count]   over the newest so many samples
   * @returns {number | null}
   */
  percentile(fraction, count = this.capacity) {
    const newest = this.samples.slice(-count).sort((a, b) => a - b);
    if (newest.length === 0) return null;
    return newest[Math.min(newest.length - 1, Math.floor(fraction * newest.length))];
  }

  /** @param {number} ms */
  #add(ms) {
    this.samples.push(ms);
    if (this.samples.length > this.capacity) this.samples.shift();
  }
}
