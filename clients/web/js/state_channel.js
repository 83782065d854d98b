// The state channel: handshake, heartbeats, intents, commands, and coming back after a loss. Knows frames, not their meaning:
// notify payloads go to the handlers as they are. One socket at a time; what belonged to a lost socket is dropped.

import { Backoff } from './backoff.js';

/** @typedef {import('./types.js').Intent} Intent */
/** @typedef {import('./types.js').Json} Json */

const VERSION = 2;
const WELCOME_MS_MAX = 8000;
const COMMAND_MS_MAX = 30000;
const MESSAGE_CHARS_MAX = 16 << 20;

/**
 * @typedef {object} Handlers
 * @property {() => void} onConnecting
 * @property {() => void} onReady
 * @property {(lost: { code: number, reason: string, wasReady: boolean, retryMs: number }) => void} onLost
 * @property {(topic: string, payload: Json) => void} onNotify  topic without "notify."
 * @property {(ack: { intentId: string, accepted: boolean, appliedValue: unknown, sceneVersion: number | null, message: string }) => void} onAck
 */

/** A command that the server refused, or that its answer never came to. */
export class CommandError extends Error {
  /** @param {string} code @param {string} message @param {Json} [details] */
  constructor(code, message, details = {}) {
    super(message);
    this.name = 'CommandError';
    this.code = code;
    this.details = details;
  }
}

export class StateChannel {
  /** @param {string} url @param {Handlers} handlers */
  constructor(url, handlers) {
    this.url = url;
    this.handlers = handlers;
    this.backoff = new Backoff();
    /** @type {WebSocket | null} */
    this.socket = null;
    this.session = '';
    this.counter = 0;
    this.lastHeardMs = 0;
    this.heartbeatMs = 0;
    this.rejection = '';
    /** @type {Set<string>} commands that the server offers */
    this.commands = new Set();
    /** @type {Map<string, { resolve: (result: any) => void, reject: (error: CommandError) => void, timer: number }>} */
    this.pending = new Map();
    this.retryTimer = 0;
    this.watchTimer = 0;
    this.stopped = true;
  }

  get ready() {
    return this.session !== '';
  }

  start() {
    this.stopped = false;
    this.#open();
  }

  /** For good, until the next `start`. */
  stop() {
    this.stopped = true;
    clearTimeout(this.retryTimer);
    this.socket?.close(1000);
  }

  retryNow() {
    if (this.stopped || this.socket) return;
    clearTimeout(this.retryTimer);
    this.#open();
  }

  /**
   * @param {Intent} intent
   * @returns {string | null} its id, null where there is no session
   */
  sendIntent(intent) {
    if (!this.ready) return null;
    const id = this.#nextId();
    this.#send('state.update', { frame_id: `state-${id}`, intent_id: `intent-${id}` }, /** @type {Json} */ (/** @type {unknown} */ (intent)));
    return `intent-${id}`;
  }

  /**
   * @param {string} command
   * @param {Json} [kwargs]
   * @returns {Promise<any>} the result; rejects with a CommandError
   */
  command(command, kwargs) {
    if (!this.ready) return Promise.reject(new CommandError('command.session_closed', 'not connected to the server'));
    if (!this.commands.has(command)) return Promise.reject(new CommandError('command.forbidden', `the server does not offer ${command}`));
    const frameId = `cmd-${this.#nextId()}`;
    return new Promise((resolve, reject) => {
      const timer = window.setTimeout(() => {
        this.pending.delete(frameId);
        reject(new CommandError('command.timeout', `no answer to ${command} within ${COMMAND_MS_MAX / 1000} s`));
      }, COMMAND_MS_MAX);
      this.pending.set(frameId, { resolve, reject, timer });
      this.#send('call.command', { frame_id: frameId }, kwargs ? { command, kwargs, origin: 'ui' } : { command, origin: 'ui' });
    });
  }

  #nextId() {
    this.counter += 1;
    return String(this.counter).padStart(8, '0');
  }

  #open() {
    this.handlers.onConnecting();
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.rejection = '';
    this.counter = 0;
    this.lastHeardMs = performance.now();
    socket.onopen = () => this.#hello();
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#closed(event.code, event.reason);
    this.watchTimer = window.setInterval(() => this.#watch(), 1000);
  }

  /** A peer that went away without a word leaves a socket that never closes by itself. */
  #watch() {
    const silentMs = performance.now() - this.lastHeardMs;
    const limitMs = this.ready ? Math.max(this.heartbeatMs + 5000, 2 * this.heartbeatMs) : WELCOME_MS_MAX;
    if (silentMs <= limitMs || (this.ready && this.heartbeatMs <= 0)) return;
    const socket = this.socket;
    if (!socket) return;
    socket.onclose = null;
    socket.close();
    this.#closed(4000, 'the server went silent');
  }

  #hello() {
    const features = Object.fromEntries(['scene', 'layers', 'stream', 'dims', 'camera'].map((topic) => [`notify.${topic}`, true]));
    this.#send('session.hello', { frame_id: `hello-${this.#nextId()}` }, {
      protocols: [VERSION],
      client: { name: 'napari-cuda-web', version: '0.1.0', platform: 'browser' },
      features,
      resume_tokens: { 'notify.scene': null, 'notify.layers': null, 'notify.stream': null },
    });
  }

  /** @param {string} type @param {Json} envelope @param {Json} payload */
  #send(type, envelope, payload) {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const session = this.session ? { session: this.session } : {};
    this.socket.send(JSON.stringify({ type, version: VERSION, ...session, ...envelope, timestamp: Date.now() / 1000, payload }));
  }

  /** @param {unknown} data */
  #receive(data) {
    if (typeof data !== 'string' || data.length > MESSAGE_CHARS_MAX) return;
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (!frame || typeof frame.type !== 'string' || !frame.payload || typeof frame.payload !== 'object') return;
    this.lastHeardMs = performance.now();
    this.#dispatch(frame.type, frame.payload);
  }

  /** @param {string} type @param {any} payload */
  #dispatch(type, payload) {
    switch (type) {
      case 'session.welcome':
        return this.#welcome(payload);
      case 'session.reject':
      case 'session.goodbye':
        this.rejection = String(payload.message ?? payload.code ?? 'refused');
        return;
      case 'session.heartbeat':
        return this.#send('session.ack', { frame_id: `ack-${this.#nextId()}` }, {});
      case 'ack.state':
        return this.#ack(payload);
      case 'reply.command':
      case 'error.command':
        return this.#reply(payload);
      default:
        if (type.startsWith('notify.') && this.ready) this.handlers.onNotify(type.slice('notify.'.length), payload);
    }
  }

  /** @param {any} payload */
  #welcome(payload) {
    const id = payload.session?.id;
    if (this.ready || typeof id !== 'string' || id === '' || payload.protocol_version !== VERSION) return;
    this.session = id;
    this.heartbeatMs = 1000 * Number(payload.session.heartbeat_s ?? 0);
    const offered = payload.features?.['call.command'];
    this.commands = new Set(offered?.enabled && Array.isArray(offered.commands) ? offered.commands.map(String) : []);
    this.backoff.reset();
    this.handlers.onReady();
  }

  /** @param {any} payload */
  #ack(payload) {
    const version = payload.scene_version;
    this.handlers.onAck({
      intentId: String(payload.intent_id),
      accepted: payload.status === 'accepted',
      appliedValue: payload.applied_value ?? null,
      sceneVersion: typeof version === 'number' ? version : null,
      message: String(payload.error?.message ?? ''),
    });
  }

  /** @param {any} payload */
  #reply(payload) {
    const entry = this.pending.get(String(payload.in_reply_to));
    if (!entry) return;
    this.pending.delete(String(payload.in_reply_to));
    clearTimeout(entry.timer);
    if (payload.status === 'ok') entry.resolve(payload.result ?? null);
    else entry.reject(new CommandError(String(payload.code), String(payload.message), payload.details ?? {}));
  }

  /** @param {number} code @param {string} reason */
  #closed(code, reason) {
    clearInterval(this.watchTimer);
    const wasReady = this.ready;
    this.socket = null;
    this.session = '';
    for (const entry of this.pending.values()) {
      clearTimeout(entry.timer);
      entry.reject(new CommandError('command.session_closed', 'the connection was lost'));
    }
    this.pending.clear();
    if (this.stopped) return;
    const retryMs = this.backoff.next();
    this.retryTimer = window.setTimeout(() => this.#open(), retryMs);
    this.handlers.onLost({ code, reason: this.rejection || reason, wasReady, retryMs });
  }
}
