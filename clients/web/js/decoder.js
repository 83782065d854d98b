// Packets in, VideoFrames out, through WebCodecs. Parameter sets come in band with every IDR, so the stream configures its own decoder;
// those of notify.stream serve where a keyframe carries none. After a gap, an error or a backlog it waits for the next IDR and asks for one.

import { codecString, concatenate, parseAvcRecord, toAnnexB } from './h264.js';

/** @typedef {import('./types.js').Packet} Packet */
/** @typedef {import('./types.js').PacketHeader} PacketHeader */

const QUEUE_MAX = 24;            // packets waiting in the decoder; beyond it we are too slow and would only get later
const REQUEST_SPACING_MS = 1000;
const FAILURES_MAX = 4;          // in a row, before the user is told
const CODEC_H264 = 1;

export class StreamDecoder {
  /**
   * @param {object} handlers
   * @param {(frame: VideoFrame, header: PacketHeader) => void} handlers.onFrame  the receiver closes the frame
   * @param {() => void} handlers.onKeyframeNeeded
   * @param {(reason: string) => void} handlers.onUnsupported
   */
  constructor(handlers) {
    this.handlers = handlers;
    /** @type {VideoDecoder | null} */
    this.decoder = null;
    this.codec = '';
    /** @type {Uint8Array} parameter sets of notify.stream, behind start codes */
    this.fallbackSets = new Uint8Array(0);
    /** @type {Uint8Array | null} */
    this.fallbackSps = null;
    this.waiting = true;
    this.lastSeq = -1;
    this.lastRequestMs = -Infinity;
    this.failures = 0;
    this.ticket = 0;
    /** @type {Map<number, PacketHeader>} by chunk timestamp */
    this.inFlight = new Map();
    this.counts = { packets: 0, idr: 0, decoded: 0, dropped: 0, resyncs: 0 };
  }

  /** @param {Uint8Array} avcc  the record of notify.stream, may be empty */
  setRecord(avcc) {
    const record = parseAvcRecord(avcc);
    this.fallbackSets = record ? record.annexB : new Uint8Array(0);
    this.fallbackSps = record ? record.sps : null;
  }

  /** The next packet comes over a new connection. */
  restart() {
    this.waiting = true;
    this.lastSeq = -1;
  }

  /** @param {Packet} packet */
  feed({ header, payload }) {
    this.counts.packets += 1;
    if (header.codec !== CODEC_H264) return this.handlers.onUnsupported(`the server sends codec ${header.codec}, this page decodes H.264`);
    const info = toAnnexB(payload);
    const gap = this.lastSeq >= 0 && header.seq !== ((this.lastSeq + 1) >>> 0);
    this.lastSeq = header.seq;
    const keyframe = info !== null && (info.idr || header.keyframe);
    if (keyframe) this.counts.idr += 1;
    if (!info || (gap && !keyframe)) return this.#resync();
    if (keyframe) {
      if (!this.#configure(info.sps ?? this.fallbackSps)) return this.#resync();
      this.waiting = false;
    } else if (this.waiting) {
      this.counts.dropped += 1;
      return this.#request();
    } else if (this.decoder && this.decoder.decodeQueueSize > QUEUE_MAX) {
      return this.#resync();
    }
    this.#decode(header, keyframe && !info.sps ? concatenate([this.fallbackSets, payload]) : payload, keyframe);
  }

  /** @param {PacketHeader} header @param {Uint8Array} data @param {boolean} keyframe */
  #decode(header, data, keyframe) {
    if (!this.decoder || this.decoder.state !== 'configured') return this.#resync();
    const timestamp = (this.ticket += 1) * 1000;
    this.inFlight.set(timestamp, header);
    try {
      this.decoder.decode(new EncodedVideoChunk({ type: keyframe ? 'key' : 'delta', timestamp, data: /** @type {Uint8Array<ArrayBuffer>} */ (data) }));
    } catch (error) {
      this.#failed(error);
    }
  }

  /**
   * @param {Uint8Array | null} sps
   * @returns {boolean} whether there is a decoder for it
   */
  #configure(sps) {
    const codec = sps && codecString(sps);
    if (!codec) return false;
    if (this.decoder?.state === 'configured' && codec === this.codec && !this.waiting) return true;
    this.#close();
    const decoder = new VideoDecoder({
      output: (frame) => this.#output(frame),
      error: (error) => {
        if (decoder === this.decoder) this.#failed(error);
      },
    });
    this.decoder = decoder;
    this.codec = codec;
    try {
      decoder.configure({ codec, optimizeForLatency: true });
    } catch (error) {
      this.#failed(error);
      return false;
    }
    return true;
  }

  /** @param {VideoFrame} frame */
  #output(frame) {
    const header = this.inFlight.get(frame.timestamp);
    this.inFlight.delete(frame.timestamp);
    if (!header) return frame.close();
    this.failures = 0;
    this.counts.decoded += 1;
    this.handlers.onFrame(frame, header);
  }

  /** @param {unknown} error */
  #failed(error) {
    this.failures += 1;
    const name = error instanceof Error ? error.name : '';
    this.#resync();
    if (name === 'NotSupportedError' || this.failures >= FAILURES_MAX) {
      this.handlers.onUnsupported(`${this.codec}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #resync() {
    this.counts.resyncs += 1;
    this.counts.dropped += 1 + this.inFlight.size;
    this.waiting = true;
    this.#close();
    this.#request();
  }

  #close() {
    const decoder = this.decoder;
    this.decoder = null;
    this.inFlight.clear();
    if (decoder && decoder.state !== 'closed') decoder.close();
  }

  #request() {
    const now = performance.now();
    if (now - this.lastRequestMs < REQUEST_SPACING_MS) return;
    this.lastRequestMs = now;
    this.handlers.onKeyframeNeeded();
  }
}
