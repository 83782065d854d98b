// Waiting times between attempts to reconnect: they double, with jitter so that many clients do not return at once. Pure.

export class Backoff {
  /** @param {{ firstMs?: number, maxMs?: number, random?: () => number }} [options] */
  constructor({ firstMs = 500, maxMs = 10000, random = Math.random } = {}) {
    this.firstMs = firstMs;
    this.maxMs = maxMs;
    this.random = random;
    this.attempt = 0;
  }

  /** @returns {number} milliseconds, in [firstMs, maxMs] */
  next() {
    const base = Math.min(this.maxMs, this.firstMs * 2 ** Math.min(this.attempt, 16));
    this.attempt += 1;
    return Math.min(this.maxMs, Math.max(this.firstMs, base * (0.8 + 0.4 * this.random())));
  }

  reset() {
    this.attempt = 0;
  }
}
