// A pixel message taken apart, and the H.264 around it.

import assert from 'node:assert/strict';
import test from 'node:test';

import { codecString, decodeBase64, parseAvcRecord, splitNals, toAnnexB } from '../../../clients/web/js/h264.js';
import { parsePacket } from '../../../clients/web/js/packet.js';

/** @param {{ extension?: Uint8Array, payload?: number[], flags?: number, seq?: number }} options */
function message({ extension = new Uint8Array(0), payload = [0, 0, 0, 1, 0x65], flags = 1, seq = 7 } = {}) {
  const bytes = new Uint8Array(24 + extension.length + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, seq);
  view.setFloat64(4, 1795365146.5);
  view.setUint32(12, 1920);
  view.setUint32(16, 1080);
  view.setUint8(20, 1);
  view.setUint8(21, flags);
  view.setUint16(22, extension.length);
  bytes.set(extension, 24);
  bytes.set(payload, 24 + extension.length);
  return bytes.buffer;
}

/** @param {bigint[]} values */
function counters(...values) {
  const view = new DataView(new ArrayBuffer(8 * values.length));
  values.forEach((value, i) => view.setBigUint64(8 * i, value));
  return new Uint8Array(view.buffer);
}

test('a header without an extension is the desktop protocol', () => {
  const packet = parsePacket(message());
  assert.ok(packet);
  assert.equal(packet.header.seq, 7);
  assert.equal(packet.header.timestampS, 1795365146.5);
  assert.deepEqual([packet.header.width, packet.header.height], [1920, 1080]);
  assert.equal(packet.header.keyframe, true);
  assert.equal(packet.header.sceneVersion, null);
  assert.equal(packet.header.frameId, null);
  assert.deepEqual([...packet.payload], [0, 0, 0, 1, 0x65]);
});

test('the extension gives scene version and frame id, beyond 32 bits too', () => {
  const packet = parsePacket(message({ extension: counters(5n, 2n ** 40n + 3n), flags: 0 }));
  assert.ok(packet);
  assert.equal(packet.header.sceneVersion, 5);
  assert.equal(packet.header.frameId, 2 ** 40 + 3);
  assert.equal(packet.header.keyframe, false);
});

test('a longer extension is skipped, a shorter one gives what it has', () => {
  const longer = parsePacket(message({ extension: counters(1n, 2n, 3n, 4n, 5n) }));
  assert.deepEqual([...(longer?.payload ?? [])], [0, 0, 0, 1, 0x65]);
  const shorter = parsePacket(message({ extension: counters(9n) }));
  assert.equal(shorter?.header.sceneVersion, 9);
  assert.equal(shorter?.header.frameId, null);
});

test('what is too short, or has an extension past its end, is no packet', () => {
  assert.equal(parsePacket(new ArrayBuffer(23)), null);
  assert.equal(parsePacket(message({ payload: [] })), null);
  const broken = message();
  new DataView(broken).setUint16(22, 60000);
  assert.equal(parsePacket(broken), null);
});

test('AVCC becomes Annex B in place, and says what it holds', () => {
  const data = Uint8Array.from([0, 0, 0, 4, 0x67, 0x42, 0xc0, 0x29, 0, 0, 0, 2, 0x68, 1, 0, 0, 0, 3, 0x65, 2, 3]);
  const info = toAnnexB(data);
  assert.equal(info?.idr, true);
  assert.deepEqual([...(info?.sps ?? [])], [0x67, 0x42, 0xc0, 0x29]);
  assert.deepEqual([...data], [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x29, 0, 0, 0, 1, 0x68, 1, 0, 0, 0, 1, 0x65, 2, 3]);
  assert.equal(codecString(/** @type {Uint8Array} */ (info?.sps)), 'avc1.42c029');
});

test('lengths that do not add up are refused and leave the bytes alone', () => {
  for (const bytes of [[0, 0, 0, 9, 1], [0, 0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1, 0x65, 0, 0], [0xff, 0xff, 0xff, 0xff, 1, 2]]) {
    const data = Uint8Array.from(bytes);
    assert.equal(splitNals(data), null, String(bytes));
    assert.equal(toAnnexB(data), null);
    assert.deepEqual([...data], bytes);
  }
  assert.equal(toAnnexB(new Uint8Array(0)), null);
});

test('an avcC record gives its parameter sets; every truncation is refused', () => {
  const record = decodeBase64('AULAFf/hABVnQsAV2gUH6EAAAAMAQAAAHiPFi6gBAARozg/I');
  const parsed = parseAvcRecord(record);
  assert.equal(parsed && codecString(parsed.sps), 'avc1.42c015');
  assert.equal(parsed?.annexB.length, 4 + 21 + 4 + 4);
  for (let size = 0; size < record.length; size++) assert.equal(parseAvcRecord(record.slice(0, size)), null, `size ${size}`);
  assert.equal(decodeBase64('not base64!').length, 0);
});
