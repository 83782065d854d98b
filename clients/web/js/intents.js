// Intents on their way out: at most one of a kind per animation frame, and at most a few of a kind without an answer, so
// that a slow server or link makes steps larger and never makes them late. What waits is merged. Pure: the clock, the sender and
// the frame callback are given.

/** @typedef {import('./types.js').Intent} Intent */

const OUTSTANDING_MAX = 6;
const ANSWER_MS_MAX = 5000;

/** @param {unknown} value @param {string} key */
const number = (value, key) => Number(/** @type {Record<string, unknown>} */ (value)[key]);

/**
 * How two values of one kind become one; a kind that is not listed keeps the later value.
 * @type {Record<string, (a: any, b: any) => unknown>}
 */
const MERGE = {
  'camera.zoom': (a, b) => ({ factor: number(a, 'factor') * number(b, 'factor'), anchor_px: b.anchor_px }),
  'camera.pan': (a, b) => ({ dx_px: number(a, 'dx_px') + number(b, 'dx_px'), dy_px: number(a, 'dy_px') + number(b, 'dy_px') }),
  'camera.orbit': (a, b) => ({
    d_az_deg: number(a, 'd_az_deg') + number(b, 'd_az_deg'),
    d_el_deg: number(a, 'd_el_deg') + number(b, 'd_el_deg'),
  }),
  'camera.set': (a, b) => ({ ...a, ...b }),
  'dims.step': (a, b) => a + b,
};

export class IntentQueue {
  /**
   * @param {object} options
   * @param {(intent: Intent) => string | null} options.send  returns the intent's id, null where it could not be sent
   * @param {(callback: () => void) => void} options.schedule  calls back at the next animation frame
   * @param {() => number} options.now  milliseconds
   * @param {number} [options.limit]
   */
  constructor({ send, schedule, now, limit = OUTSTANDING_MAX }) {
    this.send = send;
    this.schedule = schedule;
    this.now = now;
    this.limit = limit;
    /** @type {Map<string, { intent: Intent, inputMs: number }>} by kind, in order of arrival */
    this.waiting = new Map();
    /** @type {Map<string, { kind: string, inputMs: number, sentMs: number }>} by intent id */
    this.outstanding = new Map();
    /** @type {Set<string>} kinds that have had their turn in this frame */
    this.spent = new Set();
    this.scheduled = false;
  }

  /**
   * @param {Intent} intent
   * @param {number} [inputMs]  when the user acted
   */
  push(intent, inputMs = this.now()) {
    const kind = `${intent.scope}.${intent.target}.${intent.key}`;
    const merge = MERGE[`${intent.scope}.${intent.key}`];
    const earlier = this.waiting.get(kind);
    if (earlier) {
      earlier.intent = { ...intent, value: merge ? merge(earlier.intent.value, intent.value) : intent.value };
    } else {
      this.waiting.set(kind, { intent, inputMs });
    }
    this.#flush();
  }

  /**
   * @param {string} id
   * @returns {number | null} when the user acted, null for an id that is not ours
   */
  answered(id) {
    const entry = this.outstanding.get(id);
    if (!entry) return null;
    this.outstanding.delete(id);
    if (this.waiting.size > 0) this.#wake();
    return entry.inputMs;
  }

  /** @param {string} kind "scope.target.key" @returns {boolean} whether something of this kind waits or has no answer */
  busy(kind) {
    if (this.waiting.has(kind)) return true;
    for (const entry of this.outstanding.values()) if (entry.kind === kind) return true;
    return false;
  }

  clear() {
    this.waiting.clear();
    this.outstanding.clear();
  }

  #wake() {
    if (this.scheduled) return;
    this.scheduled = true;
    this.schedule(() => {
      this.scheduled = false;
      this.spent.clear();
      this.#flush();
    });
  }

  #flush() {
    this.#forgetLost();
    for (const [kind, entry] of [...this.waiting]) {
      if (this.spent.has(kind) || this.#count(kind) >= this.limit) continue;
      this.waiting.delete(kind);
      this.spent.add(kind);
      const id = this.send(entry.intent);
      if (id !== null) this.outstanding.set(id, { kind, inputMs: entry.inputMs, sentMs: this.now() });
    }
    if (this.spent.size > 0 || this.waiting.size > 0) this.#wake();
  }

  /** @param {string} kind */
  #count(kind) {
    let count = 0;
    for (const entry of this.outstanding.values()) if (entry.kind === kind) count += 1;
    return count;
  }

  #forgetLost() {
    const now = this.now();
    for (const [id, entry] of this.outstanding) if (now - entry.sentMs > ANSWER_MS_MAX) this.outstanding.delete(id);
  }
}
