// The little of H.264 that configuring a decoder needs: walking NAL units, Annex B from AVCC, a codec string from an SPS,
// parameter sets from an avcC record. Pure; parses no slice. Input comes from the network, so every length is checked.

const NAL_IDR = 5;
const NAL_SPS = 7;
const START_CODE = [0, 0, 0, 1];

/**
 * @param {Uint8Array} avcc  NAL units, each behind a 4-byte big-endian length
 * @returns {{ type: number, start: number, end: number }[] | null} null where the lengths do not add up
 */
export function splitNals(avcc) {
  const view = new DataView(avcc.buffer, avcc.byteOffset, avcc.byteLength);
  const nals = [];
  let at = 0;
  while (at < avcc.length) {
    if (at + 4 >= avcc.length) return null;
    const start = at + 4;
    const end = start + view.getUint32(at);
    if (end <= start || end > avcc.length) return null;
    nals.push({ type: avcc[start] & 31, start, end });
    at = end;
  }
  return nals;
}

/**
 * A length field is as long as a start code, so the conversion happens in place.
 * @param {Uint8Array} avcc
 * @returns {{ idr: boolean, sps: Uint8Array | null } | null} null where the bytes are no AVCC
 */
export function toAnnexB(avcc) {
  const nals = splitNals(avcc);
  if (!nals || nals.length === 0) return null;
  const sps = nals.find((nal) => nal.type === NAL_SPS);
  const result = {
    idr: nals.some((nal) => nal.type === NAL_IDR),
    sps: sps ? avcc.slice(sps.start, sps.end) : null,
  };
  for (const nal of nals) avcc.set(START_CODE, nal.start - 4);
  return result;
}

/**
 * @param {Uint8Array} sps  a NAL unit with its header byte
 * @returns {string | null} "avc1.42c02a"
 */
export function codecString(sps) {
  if (sps.length < 4) return null;
  const hex = Array.from(sps.subarray(1, 4), (byte) => byte.toString(16).padStart(2, '0'));
  return `avc1.${hex.join('')}`;
}

/**
 * @param {Uint8Array} record  an AVCDecoderConfigurationRecord
 * @returns {{ sps: Uint8Array, annexB: Uint8Array } | null} the first SPS, and all parameter sets behind start codes
 */
export function parseAvcRecord(record) {
  if (record.length < 7 || record[0] !== 1) return null;
  /** @type {Uint8Array[]} */
  const sets = [];
  let at = 5;
  for (const mask of [31, 255]) {
    if (at >= record.length) return null;
    const count = record[at++] & mask;
    for (let i = 0; i < count; i++) {
      if (at + 2 > record.length) return null;
      const size = record[at] * 256 + record[at + 1];
      at += 2;
      if (size === 0 || at + size > record.length) return null;
      sets.push(record.slice(at, at + size));
      at += size;
    }
  }
  if (sets.length < 2 || (sets[0][0] & 31) !== NAL_SPS) return null;
  return { sps: sets[0], annexB: concatenate(sets.flatMap((set) => [Uint8Array.from(START_CODE), set])) };
}

/**
 * @param {Uint8Array[]} parts
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function concatenate(parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * @param {string} text  standard base64
 * @returns {Uint8Array} empty where the text is no base64
 */
export function decodeBase64(text) {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    return new Uint8Array(0);
  }
}
