// Takes one message of the pixel channel apart: the 24-byte header, its extension, and the access unit behind it.
// Knows the bytes only; nothing here decodes video. Pure. docs/protocol.md has the layout.

/** @typedef {import('./types.js').Packet} Packet */

export const HEADER_BYTES = 24;

/**
 * @param {DataView} view
 * @param {number} offset
 * @returns {number} exact up to 2^53, which a counter never reaches
 */
function readCounter(view, offset) {
  return view.getUint32(offset) * 4294967296 + view.getUint32(offset + 4);
}

/**
 * An extension of unknown length is accepted: fields that it is too short for are null, bytes behind the known fields are skipped.
 * @param {ArrayBuffer} message
 * @returns {Packet | null} null where the message is no packet
 */
export function parsePacket(message) {
  if (message.byteLength < HEADER_BYTES) return null;
  const view = new DataView(message);
  const extension = view.getUint16(22);
  const payloadOffset = HEADER_BYTES + extension;
  if (payloadOffset >= message.byteLength) return null;
  return {
    header: {
      seq: view.getUint32(0),
      timestampS: view.getFloat64(4),
      width: view.getUint32(12),
      height: view.getUint32(16),
      codec: view.getUint8(20),
      keyframe: (view.getUint8(21) & 1) !== 0,
      sceneVersion: extension >= 8 ? readCounter(view, HEADER_BYTES) : null,
      frameId: extension >= 16 ? readCounter(view, HEADER_BYTES + 8) : null,
      payloadOffset,
    },
    payload: new Uint8Array(message, payloadOffset),
  };
}
