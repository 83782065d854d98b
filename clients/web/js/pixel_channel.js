// The pixel channel: receives packets, comes back after a loss. It only listens. It is started once the state channel is up and stopped
// with it, so that one of them alone decides what the user is told.

import { Backoff } from './backoff.js';
import { parsePacket } from './packet.js';

/** @typedef {import('./types.js').Packet} Packet */

export class PixelChannel {
  /**
   * @param {string} url
   * @param {{ onOpen: () => void, onPacket: (packet: Packet, bytes: number) => void }} handlers
   */
  constructor(url, handlers) {
    this.url = url;
    this.handlers = handlers;
    this.backoff = new Backoff();
    /** @type {WebSocket | null} */
    this.socket = null;
    this.retryTimer = 0;
    this.stopped = true;
  }

  get open() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  start() {
    if (!this.stopped) return;
    this.stopped = false;
    this.backoff.reset();
    this.#open();
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.retryTimer);
    this.socket?.close(1000);
    this.socket = null;
  }

  #open() {
    const socket = new WebSocket(this.url);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    socket.onopen = () => this.handlers.onOpen();
    socket.onmessage = (event) => {
      if (!(event.data instanceof ArrayBuffer) || socket !== this.socket) return;
      const packet = parsePacket(event.data);
      if (!packet) return;
      this.backoff.reset();
      this.handlers.onPacket(packet, event.data.byteLength);
    };
    socket.onclose = () => {
      if (socket !== this.socket || this.stopped) return;
      this.socket = null;
      this.retryTimer = window.setTimeout(() => this.#open(), this.backoff.next());
    };
  }
}
